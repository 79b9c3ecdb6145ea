"""Why a hosted server may run, or may not: its verdict, its lock, what it may do, what it offers, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import ArcOpsError, Refused
from arcops.verdict import Verdict
from artifacts.vouch import Grounds, SignatureState, signature_of
from capabilities.contract import Scope, tool
from capabilities.server.allowing import packages_of
from capabilities.server.patches_told import proposal_for
from capabilities.server.place import ServerShown, found, kept_database, no_server, shown
from capabilities.server.steps_shown import steps_shown
from flows.place import Place

if TYPE_CHECKING:
    from arcops.result import Report
    from arcops.seen.server_tools import Pin
    from services.host.rows import HostedRow

_NAME = shaped(positional=True, title="NAME", least=1, most=63)
_MOST_PINS = 2000
_ALLOWED = "server-origin/allowed"
"""The rule that asks whether someone allowed the lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDescribe:
    """Which server to explain."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProfile:
    """What a server may do by its row. ``network`` is ``none`` or ``open``; ``reads`` and ``writes`` are paths besides its own.
    ``environment`` and ``secrets`` are only names: what they hold is not shown.
    """

    network: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    command: str = ""
    arguments: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A tool, prompt, resource or template, or the server's instructions, with the digest of its definition."""

    kind: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerExplained:
    """Why a server may run, or may not. ``missing`` is empty if it may; ``verdict`` is that of the last artifact about it as
    its row is now, ``findings`` are those that are not good, as RULE, OUTCOME, sentence and fix. ``signature`` says who stands
    behind that artifact now: without a trusted signer, verdict and findings are only what it says itself.

    ``runtime`` and ``packages`` are those of its lock, or the packages that its image lists; ``offers`` what it offered when it
    was judged well last, and ``next`` are the commands to continue with.
    """

    name: str
    package: str
    may_run: bool
    missing: str
    verdict: str = ""
    artifact: str = ""
    policy: str = ""
    allowed_by: str = ""
    valid_until: str = ""
    findings: tuple[str, ...] = ()
    server: ServerShown | None = None
    signature: SignatureState | None = None
    profile: ServerProfile | None = None
    runtime: str = ""
    packages: tuple[str, ...] = ()
    offers: tuple[Offered, ...] = ()
    next: tuple[str, ...] = ()


@tool(title="Explain why a hosted server may run", scope=Scope.READ, reads_only=True)
def host_describe(ask: HostDescribe, at: Place) -> ServerExplained:
    """Say why a hosted server may run or may not: who allowed it, its verdict with the findings that are not good, until when
    that is valid, and what is missing; also what its row lets it do, what it is made of, and what it offers, by digest.
    """
    from arcops.finding import Outcome
    from services.host.rows import Rows
    from services.host.site import verdicts

    by = verdicts(at.settings, at.now)
    with kept_database(at) as open_:
        if open_ is None:
            raise no_server(ask.name)
        there = Rows(open_)
        row = found(ask.name, there)
        server = replace(shown(row, there, at, by=by), patch=proposal_for(row, at), steps=steps_shown(ask.name, open_))
    missing, report, pins = "", None, None
    try:
        standing = by.standing(row)
        report, pins = standing.report, standing.pins
    except Refused as error:
        missing = str(error)
    signature = _signature(row, at)
    if report is None:
        report, pins = _said(row)
    lock = row.current.lock
    return ServerExplained(
        name=row.name,
        package=row.current.spec.package,
        may_run=not missing,
        missing=missing,
        verdict=report.verdict.value if report is not None else "",
        artifact=row.judged.artifact if row.judged is not None else "",
        policy=report.policy_name if report is not None else "",
        allowed_by=row.by,
        valid_until=f"{report.valid_until:%Y-%m-%dT%H:%M:%SZ}" if report is not None else "",
        findings=tuple(
            f"{one.rule} {one.outcome.value}: {one.text} {one.fix}".strip()
            for result in (report.results if report is not None else ())
            for one in result.findings
            if one.outcome is not Outcome.PASS
        ),
        server=server,
        signature=signature,
        profile=_profile(row),
        runtime=lock.runtime if lock is not None else "",
        packages=(packages_of(lock.text) or by.within(row)) if lock is not None else (),
        offers=tuple(Offered(kind=one.kind, name=one.name, digest=one.digest) for one in (pins or ())[:_MOST_PINS]),
        next=tuple(_next(row, missing, report)),
    )


def _signature(row: HostedRow, at: Place) -> SignatureState | None:
    if row.judged is None:
        return None
    from tasks.signing.grounds import grounds

    try:
        ground = grounds(at.settings.trust)
    except ArcOpsError as error:
        ground = Grounds(problem="its trusted keys cannot be used; ask its operator" if at.roots is not None else str(error))
    return signature_of(row.judged.bundle.encode(), ground, at.now())


def _said(row: HostedRow) -> tuple[Report | None, tuple[Pin, ...] | None]:
    """What the last artifact says, and what was kept of the server's offers: they need not count."""
    if row.judged is None:
        return None, None
    from arcops.seen.server_tools import ServerTools
    from artifacts.bundle import read_envelope
    from artifacts.statement import from_statement
    from artifacts.wire import from_json

    try:
        report = from_statement(read_envelope(row.judged.bundle.encode()).payload)
    except Refused:
        return None, None
    try:
        return report, from_json(ServerTools, row.judged.tools).pins if row.judged.tools else None
    except Refused:
        return report, None


def _profile(row: HostedRow) -> ServerProfile:
    spec = row.current.spec
    return ServerProfile(
        network=spec.network,
        reads=spec.reads,
        writes=spec.writes,
        command=spec.command,
        arguments=spec.arguments,
        environment=tuple(one.partition("=")[0] for one in spec.environment),
        secrets=tuple(one.partition("=")[0] for one in spec.secrets),
        bound=spec.bound,
    )


def _next(row: HostedRow, missing: str, report: Report | None) -> list[str]:
    """The commands that bring the server nearer to running, or that say more of it, in the order of their use."""
    from services.host.spec import is_agent, read_package

    name, gate = row.name, f"arcops host gate {row.name}"
    if is_agent(row.current.spec):
        return [f"arcops host catalog show {read_package(row.current.spec.package).name}"]
    if not missing:
        return [*([] if row.enabled else [f"arcops host start {name}"]), f"arcops host status {name}", gate]
    if row.current.lock is None:
        return [f"arcops host resolve {name}", gate]
    asked = {one.rule: one.outcome.verdict for result in report.results for one in result.findings} if report else {}
    unallowed = not row.allowed and (
        asked.get(_ALLOWED) is Verdict.RED or (report is not None and report.verdict is not Verdict.RED)
    )
    allow = [f"arcops host resolve {name}", f"arcops host allow {name} {row.current.lock.digest}"] if unallowed else []
    return [*([f"arcops show {row.judged.artifact}"] if row.judged is not None else []), *allow, gate]
