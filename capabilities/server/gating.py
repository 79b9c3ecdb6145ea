"""The supply-chain gate of hosted servers: judge one, and say why it may run or may not."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from arcops.result import Report
from arcops.verdict import Verdict
from capabilities.contract import Scope, always, tool
from capabilities.judging import Judged
from capabilities.server.place import database, found, kept_rows
from flows.place import Place

if TYPE_CHECKING:
    from arcops.policy import Policy
    from flows.evaluate import KeptReport
    from services.host.gating import Ready
    from services.host.rows import Judgement

_NAME = shaped(positional=True, title="NAME", least=1, most=63)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostGate:
    """Which server to judge."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    attested: tuple[Path, ...] = field(default=(), metadata=used(Use.HERE) | shaped(option="--attest", title="FILE", most=50))
    """A file with attestations of its publisher, which is kept beside its lock; give the option once for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedServer(Judged):
    """What was found about a hosted server, and the digest of the signed artifact that says so."""

    may_run: bool
    """Does the next request start it?"""
    missing: str = ""
    """If not: what is missing, and who can repair it."""


@tool(title="Judge a hosted server", scope=Scope.TRUST, destructive=True, long=True, connects=always)
def host_gate(ask: HostGate, at: Place) -> GatedServer:
    """Judge a hosted MCP server before it may run: resolve it to a lock, install it and judge what it is made of, by this
    site's policy. Only if that is good is it started once, behind walls and without a network, for what it says of its tools.

    The verdict is a signed artifact. GREEN lets the next request start it, on every host that trusts the key.
    """
    import asyncio

    from foundation.database.lease import new_holder
    from services.host.gating import ready
    from services.host.rows import Rows
    from services.host.site import attested_in, provisioning, verdicts

    policy = at.policy(at.settings.hosted_policy)
    with database(at) as open_, tempfile.TemporaryDirectory(prefix="arcops-case-") as scratch:
        rows = Rows(open_)
        found(ask.name, rows)
        preparing = provisioning(at.settings, open_, new_holder(), tell=_unheard)
        preparation = ready(
            ask.name,
            rows,
            preparing,
            Path(scratch),
            attested=ask.attested,
            beside=partial(attested_in, at.settings),
            published=partial(_published, at),
        )
        made = asyncio.run(preparation)
        kept = _judged(ask.name, made, policy, at)
        judgement = _judgement(kept, made, at, good=_passes(kept.report, policy))
        rows.judge(ask.name, made.lock.digest, _launch(made), judgement)
        if _passes(kept.report, policy) and not made.row.allowed:
            rows.allow(ask.name, made.lock.digest, author=f"policy {policy.name}")
        missing = ""
        try:
            verdicts(at.settings, at.now).standing(rows.there(ask.name), made.installed.content)
        except Refused as error:
            missing = str(error)
    return GatedServer(report=kept.report, artifact=kept.digest, may_run=not missing, missing=missing)


def _judged(name: str, made: Ready, policy: Policy, at: Place) -> KeptReport:
    """The sealed verdict. What takes a start of the server is only looked at if everything else is good."""
    from arcops.subjects.server import Server
    from flows.evaluate import evaluate, look_only
    from flows.subjects.server import SERVER, UNSTARTED

    subject = Server(name=name, target=made.installed.folder, case=made.folder)
    if any(one.id not in {two.id for two in UNSTARTED.gates(policy)} for one in SERVER.gates(policy)):
        before = look_only(UNSTARTED, subject, policy, at)
        if _passes(before, policy):
            made.clear()
    return evaluate(SERVER, subject, policy, at)


def _passes(report: Report, policy: Policy) -> bool:
    return report.verdict is Verdict.GREEN or (report.verdict is Verdict.AMBER and policy.amber_passes)


def _published(at: Place, earlier: Judgement) -> tuple[str, ...] | None:
    """The kinds of attestations that an *earlier* verdict saw; ``None`` if that cannot be seen here."""
    from arcops.seen.server_attestations import ServerAttestations
    from artifacts.bundle import read_envelope
    from artifacts.statement import from_statement
    from artifacts.wire import from_json
    from capabilities.kept import kept_bytes

    try:
        report = from_statement(read_envelope(earlier.bundle.encode()).payload)
        said = next((one.digest for one in report.evidence if one.kind == ServerAttestations.KIND), "")
        seen = from_json(ServerAttestations, kept_bytes(said, at)) if said else None
    except Refused:
        return None
    return tuple(sorted({one.kind for one in seen.attested if not one.problem})) if seen is not None else ()


def _launch(made: Ready) -> str:
    from artifacts.wire import digest

    return digest(made.case.launching)


def _judgement(kept: KeptReport, made: Ready, at: Place, *, good: bool) -> Judgement:
    """The verdict for every host, with what the server offers: each host compares what it offers later with that.

    A verdict that is not *good* leaves what was kept of the last good one, with which the next one is compared.
    """
    from arcops.seen.server_tools import ServerTools
    from capabilities.kept import kept_bytes
    from services.host.rows import Judgement

    said = next((one.digest for one in kept.report.evidence if one.kind == ServerTools.KIND), "")
    before = made.row.judged.tools if made.row.judged is not None else ""
    tools = (kept_bytes(said, at).decode() if said else "") if good else before
    return Judgement(artifact=kept.digest, bundle=kept.bundle.decode(), tools=tools)


def _unheard(event: str, name: str, what: str) -> None:
    """No one is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostExplain:
    """Which server to explain."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerExplained:
    """Why a server may run, or may not. ``missing`` is empty if it may; ``verdict`` is that of the last artifact about it as
    its row is now, ``findings`` are those that are not good, as RULE, OUTCOME, sentence and fix.
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


@tool(title="Explain why a hosted server may run", scope=Scope.READ, reads_only=True)
def host_explain(ask: HostExplain, at: Place) -> ServerExplained:
    """Say why a hosted server may run or may not: who allowed it, its verdict with the findings that are not good, until when
    that is valid, and what is missing.
    """
    from arcops.finding import Outcome
    from artifacts.bundle import read_envelope
    from artifacts.statement import from_statement
    from services.host.site import verdicts

    with kept_rows(at) as there:
        row = found(ask.name, there)
    missing, report = "", None
    try:
        report = verdicts(at.settings, at.now).standing(row).report
    except Refused as error:
        missing = str(error)
    if report is None and row.judged is not None:
        report = from_statement(read_envelope(row.judged.bundle.encode()).payload)
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
    )
