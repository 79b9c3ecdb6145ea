"""``arcops conf``: what is released, what changed, who runs what, and the records for auditors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command
from adapters.cli.conf_options import Watching
from adapters.cli.printing import Answering
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.client.comparing import ClientConfigsCompared, CompareClientConfigs
    from capabilities.client.looking import (
        AuditClientReleases,
        ClientChanges,
        ClientConfigDiffered,
        ClientConfigShown,
        ClientReleasesAudited,
        DiffClientConfig,
        GetClientConfig,
        PollClientChanges,
    )
    from capabilities.client.reporting import ClientStateNoted, ClientStatesCounted, CountClientStates, ReportClientState

_LOOKING = "capabilities.client.looking"
_REPORTING = "capabilities.client.reporting"
_LOOK_SECONDS = 1.0


@command("conf get", f"{_LOOKING}:get_client_config", own=Answering, example="codex --profile dev")
def get(given: Given[GetClientConfig, ClientConfigShown, Answering]) -> None:
    """Print the artifact that is released for a client: JSON with the payload, its signatures and proofs."""
    shown(given, lambda found: print(found.document))


@command(
    "conf diff", f"{_LOOKING}:diff_client_config", own=Answering, example=f"codex --profile dev --current sha256:{'0' * 64}"
)
def diff(given: Given[DiffClientConfig, ClientConfigDiffered, Answering]) -> None:
    """Say if what a client has is what is released for it now."""

    def show(found: ClientConfigDiffered) -> None:
        print(printable(f"{found.status}: {found.version} is out, {found.latest_artifact_id}: {found.changelog}"))

    shown(given, show)


@command("conf watch", f"{_LOOKING}:poll_client_changes", own=Watching, example="--follow")
def watch(given: Given[PollClientChanges, ClientChanges, Watching]) -> None:
    """List what was released, with the token to go on from."""
    import time
    from dataclasses import replace

    def show(found: ClientChanges) -> None:
        for one in found.events:
            words = f"{one.issued_at} {one.client_id}/{one.profile} {one.version} {one.kind} {one.percent} %: {one.changelog}"
            print(printable(words), flush=True)
        if not given.own.follow:
            print(f"token: {found.next}")

    found = shown(given, show)
    while given.own.follow:
        time.sleep(_LOOK_SECONDS)
        found = answer(given.tool, replace(given.ask(), since=found.next), surroundings.place())
        show(found)


@command("conf audit", f"{_LOOKING}:audit_client_releases", own=Answering, example="--client codex --profile prod")
def audit(given: Given[AuditClientReleases, ClientReleasesAudited, Answering]) -> None:
    """List release records: who published and who approved what, under which rules."""

    def show(found: ClientReleasesAudited) -> None:
        for one in found.releases:
            approved = f", approved by {', '.join(each[7:19] for each in one.approvals)}" if one.approvals else ""
            words = (
                f"{one.position} {one.issued_at:%Y-%m-%d %H:%M:%S}Z {one.client_id}/{one.profile} {one.version} {one.status}"
            )
            print(printable(f"{words}: {one.artifact_id} by {one.publisher_id[7:19]}{approved}, {one.policy_set_id}"))

    shown(given, show)


@command("conf counts", f"{_REPORTING}:count_client_states", own=Answering)
def counts(given: Given[CountClientStates, ClientStatesCounted, Answering]) -> None:
    """Count what clients reported, by month, client, profile, version and result."""

    def show(found: ClientStatesCounted) -> None:
        for one in found.counts:
            version = one.version or one.artifact_id[:19]
            print(printable(f"{one.month} {one.client_id}/{one.profile} {version} {one.result}: {one.machines}"))

    shown(given, show)


@command(
    "conf report",
    f"{_REPORTING}:report_client_state",
    own=Answering,
    example=f"--fingerprint 0123456789abcdef --client codex --profile dev --artifact sha256:{'0' * 64} --result applied",
)
def report(given: Given[ReportClientState, ClientStateNoted, Answering]) -> None:
    """Report what a client has now; only counts are kept."""
    shown(given, lambda _: print("it was counted"))


@command(
    "conf compare",
    "capabilities.client.comparing:compare_client_configs",
    own=Answering,
    example=f"sha256:{'0' * 64} sha256:{'1' * 64}",
)
def compare(given: Given[CompareClientConfigs, ClientConfigsCompared, Answering]) -> None:
    """Say what differs between two releases, line by line of what a client reads."""

    def show(found: ClientConfigsCompared) -> None:
        for one in (*found.fields, *found.lines):
            print(printable(one))

    shown(given, show)
