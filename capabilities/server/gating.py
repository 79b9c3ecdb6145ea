"""The supply-chain gate of hosted servers: judge one. `capabilities.server.explaining` says why it may run or not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
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
from capabilities.server.place import database, found
from flows.place import Place

if TYPE_CHECKING:
    from arcops.policy import Policy
    from flows.evaluate import KeptReport
    from foundation.database.engine import Database
    from services.host.gating import Ready
    from services.host.rows import HostedRow, Judgement, Rows
    from services.host.updating.progress import Step

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
    from services.host.rows import Rows

    with database(at) as open_:
        there = Rows(open_)
        return gated(found(ask.name, there), there, open_, at, attested=ask.attested)


def gated(
    row: HostedRow,
    rows: Rows,
    open_: Database,
    at: Place,
    *,
    attested: tuple[Path, ...] = (),
    step: Callable[[Step], object] = bool,
) -> GatedServer:
    """Judge *row*, one of *rows* in its version, and keep the verdict: also of a version that does not count yet.

    *step* is told of the steps.
    """
    import asyncio

    from foundation.database.lease import new_holder
    from services.host.catalog.known_files import known_files
    from services.host.gating import ready
    from services.host.site import attested_in, policy_of, provisioning, verdicts
    from services.host.to_agents import refuse_agent
    from services.host.updating.progress import Step

    refuse_agent(row)
    policy = at.policy(policy_of(at.settings, row.current.spec))
    with tempfile.TemporaryDirectory(prefix="arcops-case-") as scratch:
        preparing = provisioning(at.settings, open_, new_holder(), tell=_unheard)
        preparation = ready(
            row,
            rows,
            preparing,
            Path(scratch),
            attested=attested,
            catalogued=known_files(open_, row.current.spec.package),
            beside=partial(attested_in, at.settings),
            published=partial(_published, at),
        )
        step(Step.INSTALL)
        made = asyncio.run(preparation)
        step(Step.GATE)
        kept = _judged(row.name, made, policy, at)
        judgement = _judgement(kept, made, at, good=_passes(kept.report, policy))
        rows.judge(row.name, made.lock.digest, _launch(made), judgement)
        number = made.row.current.number
        if _passes(kept.report, policy) and not made.row.allowed:
            rows.allow(row.name, made.lock.digest, author=f"policy {policy.name}", number=number)
        missing = ""
        try:
            now = rows.at(row.name, number)
            if now is None:
                raise Refused(f"{row.name} was removed while it was judged")
            verdicts(at.settings, at.now).standing(now, made.installed.content)
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
    """The kinds of attestations that an *earlier* verdict saw, and those that it already missed; ``None`` if that cannot be
    seen here. What was missed once and not waived is not forgotten by judging again.
    """
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
    return tuple(sorted({*seen.before, *(one.kind for one in seen.attested if not one.problem)})) if seen is not None else ()


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
