"""``arcops host``: hosted MCP servers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import BY_VERDICT, RED
from adapters.cli.judging import begin, keep_and_tell
from adapters.cli.listening import Listening
from adapters.cli.options import Reaching
from adapters.cli.printing import Answering
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.allowing import HostAllow, HostDeny, HostResolve, ServerResolved
    from capabilities.server.deploying import HostDeploy, HostRemove, HostRestart, HostRollback, HostStart, HostStop
    from capabilities.server.explaining import HostDescribe, ServerExplained
    from capabilities.server.gating import GatedServer, HostGate
    from capabilities.server.looking import (
        DiffShown,
        HistoryShown,
        HostDiff,
        HostFind,
        HostHistory,
        HostLogs,
        HostStatus,
        LogsShown,
        ServersFound,
    )
    from capabilities.server.mirroring import HostMirrorMake, HostMirrorUse, MirrorMade, MirrorUsed
    from capabilities.server.place import ServerShown

HOST = group("host", "Host MCP servers of others: rows, what may run, serving, logs, history.")
_DEPLOYING, _LOOKING, _ALLOWING, _GATING, _EXPLAINING, _MIRRORING = (
    f"capabilities.server.{one}" for one in ("deploying", "looking", "allowing", "gating", "explaining", "mirroring")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingHosted(Listening):
    """The options of ``host serve``."""

    port: int = 8430
    """The port to listen at; 0 takes a free one."""
    tier: Tier | None = None
    """How far installations may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("host serve", own=ServingHosted, example="--port 8430")
def serve(given: Given[None, None, ServingHosted]) -> None:
    """Serve the hosted MCP servers, each at /NAME/mcp. The first request to one installs and starts it, if it may run."""
    from adapters.cli import hosting

    hosting.host(given.own, given.own.tier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adding(Answering):
    """The options of ``host add``."""

    tier: Tier | None = None
    """Whether a server of another machine may be a row; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("host add", f"{_DEPLOYING}:host_deploy", own=Adding, example="time --package pypi:mcp-server-time==2026.10.10")
def add(given: Given[HostDeploy, ServerShown, Adding]) -> None:
    """Add a hosted MCP server, or give one a new version."""
    shown(given, _print_row, tier=given.own.tier)


@command("host list", f"{_LOOKING}:host_find", own=Answering)
def list_(given: Given[HostFind, ServersFound, Answering]) -> None:
    """List the hosted MCP servers."""

    def show(found: ServersFound) -> None:
        if not found.servers:
            print("no server is hosted yet; 'arcops host add' adds one")
        for one in found.servers:
            may = ", an agent" if one.kind == "agent" else f", {one.verdict}" if one.verdict else ", may not run"
            print(printable(f"{one.name} {one.state}: {one.package}, version {one.version}, of {one.owner}{may}"))

    shown(given, show)


@command("host status", f"{_LOOKING}:host_status", own=Answering, example="time")
def status(given: Given[HostStatus, ServerShown, Answering]) -> None:
    """Show a hosted server and its state on each host, how far its last version is or was, and what is proposed."""

    def show(found: ServerShown) -> None:
        _print_row(found)
        for step in found.steps:
            how = {"doing": "under way", "waiting": "not yet"}.get(step.outcome, step.outcome)
            seconds = "" if step.outcome == "waiting" else f", {step.milliseconds / 1000:.1f} s"
            print(printable(f"  version {step.version} {step.step}: {how}{seconds}{f': {step.said}' if step.said else ''}"))
        if (patch := found.patch) is not None:
            print(printable(f"  {patch.known}"))
            for fix in patch.fixes:
                print(printable(f"  {fix}"))
            what = f"version {patch.version} is proposed, {patch.verdict}" if patch.version else "no version is proposed"
            print(printable(f"  {what}{f': {patch.missing}' if patch.missing else ''}"))
            if patch.may_count:
                to = f"{found.name} --to {patch.version}"
                print(f"Next: arcops host diff {to}; arcops host switch {to}")

    shown(given, show)


@command("host history", f"{_LOOKING}:host_history", own=Answering, example="time")
def history(given: Given[HostHistory, HistoryShown, Answering]) -> None:
    """List every version that a hosted server had, with its author; '?' marks those that were only proposed."""

    def show(found: HistoryShown) -> None:
        for one in found.versions:
            mark = "*" if one.version == found.current else "?" if one.proposed else " "
            print(printable(f"{mark} {one.version} {one.made:%Y-%m-%d %H:%M:%S}Z by {one.author}: {' '.join(one.spec)}"))
        if not found.current:
            print(f"{found.name} was removed")

    shown(given, show)


@command("host diff", f"{_LOOKING}:host_diff", own=Answering, example="time --from 1 --to 2")
def diff(given: Given[HostDiff, DiffShown, Answering]) -> None:
    """Say what differs between two versions of a hosted server."""

    def show(found: DiffShown) -> None:
        print(f"{found.name}: version {found.old} against version {found.new}")
        for line in found.lines:
            print(printable(line))

    shown(given, show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following(Answering):
    """The options of ``host logs``."""

    follow: bool = False
    """Go on with what is written from now on, until Ctrl-C."""


@command("host logs", f"{_LOOKING}:host_logs", own=Following, example="time --follow")
def logs(given: Given[HostLogs, LogsShown, Following]) -> None:
    """Show what a hosted server wrote to its standard error."""
    import time
    from dataclasses import replace

    def show(found: LogsShown) -> None:
        for line in found.lines:
            print(printable(line), flush=True)

    found = shown(given, show)
    while given.own.follow:
        time.sleep(_LOOK_SECONDS)
        at = surroundings.place()
        found = answer(given.tool, replace(given.ask(), after=found.next), at)
        show(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving(Answering):
    """The options of ``host resolve``."""

    tier: Tier | None = None
    """How far it may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("host resolve", f"{_ALLOWING}:host_resolve", own=Resolving, example="time --tier restricted")
def resolve(given: Given[HostResolve, ServerResolved, Resolving]) -> None:
    """Ask the index which files a server is now, and show the digest that allows it."""

    def show(found: ServerResolved) -> None:
        for one in found.packages:
            print(printable(one))
        listed = f"is {len(found.packages)} packages for {found.runtime}" if found.packages else "has no list of packages"
        print(printable(f"{found.server.package} {listed}"))
        for one in found.unlike:
            print(printable(f"NOT AS THE CATALOG HAS IT: {one}; its gate is RED until that is known to be right"))
        if not found.server.allowed and not found.unlike:
            print(f"To allow exactly this: arcops host allow {found.server.name} {found.digest}")
        print(f"Next: arcops host gate {found.server.name}")

    shown(given, show, tier=given.own.tier)


@command("host gate", f"{_GATING}:host_gate", own=Reaching, example="time --tier restricted")
def gate(given: Given[HostGate, GatedServer, Reaching]) -> int:
    """Judge a hosted server before it may run; GREEN lets the next request start it."""
    at = begin(given.own)
    found = answer(given.tool, given.ask(), at)
    code = keep_and_tell(found, given.own, at)
    told = f"{given.ask().name} may run: the next request starts it" if found.may_run else found.missing
    print(printable(told), file=sys.stderr)
    return code


@command("host explain", f"{_EXPLAINING}:host_describe", own=Answering, example="time")
def explain(given: Given[HostDescribe, ServerExplained, Answering]) -> int:
    """Say why a hosted server may run, or why not and who can repair that: 0 or 4 if it may, by its verdict; 3 if not."""

    def show(found: ServerExplained) -> None:
        print(printable(f"{found.name} ({found.package}) {'may run' if found.may_run else 'may not run'}"))
        if found.missing:
            print(printable(found.missing))
        if found.verdict:
            print(printable(f"{found.verdict} by the policy {found.policy}, valid until {found.valid_until}: {found.artifact}"))
        if found.allowed_by:
            print(printable(f"allowed by {found.allowed_by}"))
        for one in found.findings:
            print(printable(f"  {one}"))
        for one in found.next:
            print(printable(f"Next: {one}"))

    told = shown(given, show)
    return BY_VERDICT[Verdict(told.verdict)] if told.may_run else RED


@command("host mirror make", f"{_MIRRORING}:host_mirror_make", own=Resolving, example="servers.yaml -o servers.tar")
def mirror_make(given: Given[HostMirrorMake, MirrorMade, Resolving]) -> None:
    """Put servers with every file of their locks into one tar, for a site that reaches no index."""

    def show(found: MirrorMade) -> None:
        print(printable(f"{found.path}: {', '.join(found.servers)}; {found.files} files, {found.size} bytes"))
        print(f"sha256:{found.sha256}")

    shown(given, show, tier=given.own.tier)


@command("host mirror use", f"{_MIRRORING}:host_mirror_use", own=Answering, example="servers.tar")
def mirror_use(given: Given[HostMirrorUse, MirrorUsed, Answering]) -> None:
    """Take in a mirror: rows, locks, files and advisories; then gate each server here."""

    def show(found: MirrorUsed) -> None:
        if found.advisories:
            print(printable(f"advisories of {', '.join(found.advisories)}"))
        for one in found.servers:
            print(printable(f"Next: arcops host gate {one}"))

    shown(given, show)


@command("host allow", f"{_ALLOWING}:host_allow", own=Answering, example=f"time sha256:{'0' * 64}")
def allow(given: Given[HostAllow, ServerShown, Answering]) -> None:
    """Let the lock with this digest run."""
    shown(given, _print_row)


@command("host deny", f"{_ALLOWING}:host_deny", own=Answering, example="time")
def deny(given: Given[HostDeny, ServerShown, Answering]) -> None:
    """Allow nothing of a server any more; its processes end."""
    shown(given, _print_row)


@command("host start", f"{_DEPLOYING}:host_start", own=Answering, example="time")
def start(given: Given[HostStart, ServerShown, Answering]) -> None:
    """Let a server run that was stopped."""
    shown(given, _print_row)


@command("host stop", f"{_DEPLOYING}:host_stop", own=Answering, example="time")
def stop(given: Given[HostStop, ServerShown, Answering]) -> None:
    """Stop a server on every host."""
    shown(given, _print_row)


@command("host restart", f"{_DEPLOYING}:host_restart", own=Answering, example="time")
def restart(given: Given[HostRestart, ServerShown, Answering]) -> None:
    """End every process of a server; the next request starts it again."""
    shown(given, _print_row)


@command("host rollback", f"{_DEPLOYING}:host_rollback", own=Answering, example="time --to 1")
def rollback(given: Given[HostRollback, ServerShown, Answering]) -> None:
    """Go back to an earlier version, with the lock that it had."""
    shown(given, _print_row)


@command("host remove", f"{_DEPLOYING}:host_remove", example="time")
def remove(given: Given[HostRemove, ServerShown, None]) -> None:
    """Remove a server; its history stays."""
    done = answer(given.tool, given.ask(), surroundings.place())
    print(f"{done.name} was removed; its processes end within a second on every host that runs")


_LOOK_SECONDS = 0.5


def _print_row(found: ServerShown) -> None:
    print(printable(f"{found.name}: version {found.version}, {found.package}, of {found.owner}: {found.state}"))
    for one in found.hosts:
        pids = f", process {', '.join(map(str, one.pids))}" if one.pids else ""
        print(printable(f"  on {one.host} {one.state} since {one.since:%H:%M:%S}Z{pids}: {one.reason}"))
    if found.missing:
        print(printable(found.missing))
        if found.kind == "server":
            print(f"Next: arcops host gate {found.name}")
    else:
        print(f"{found.verdict}: it may run")
