"""Examine one kept artifact: what it says, who vouches for it now, and its place in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.result import Report
from artifacts.bundle import read_envelope
from artifacts.index import Filter
from artifacts.statement import from_statement
from artifacts.store import Store
from artifacts.vouch import SignatureState, Standing, signature_of
from capabilities.artifact.standing import LedgerState, grounds, ledger_of
from capabilities.contract import Scope, tool
from capabilities.kept import NotThere
from flows.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Examine:
    """The artifact to examine."""

    artifact: str = field(metadata=shaped(positional=True))
    """The digest (sha256:…) of a sealed artifact in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another artifact to compare this one with."""

    artifact: str
    site: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One artifact. Everything about it was checked for this answer; nothing comes from a cache."""

    artifact: str
    signature: SignatureState
    expired: bool
    """It is no longer valid now."""
    ledger: LedgerState
    report: Report | None
    """What the artifact says; empty if its bytes changed, or if it is not a readiness report."""
    problem: str = ""
    """Why there is no report, in one sentence."""
    predicate_type: str = ""
    previous: Neighbour | None = None
    """The one before it about the same subject at the same site."""
    elsewhere: tuple[Neighbour, ...] = ()
    """The newest about the same subject at each other site, at most 20."""


@tool(title="Examine an artifact", scope=Scope.READ, reads_only=True)
def examine_artifact(ask: Examine, at: Place) -> Examined:
    """Open a kept artifact and check its bytes, its signature and its place in the ledger now.

    A bad signature is part of the answer here, and no error. To decide anything, verify the artifact instead.
    """
    with Store.at(at.settings) as store:
        listed = store.list(Filter(artifact=ask.artifact, limit=1))
        if not listed and not store.path(ask.artifact).exists():
            raise NotThere(f"the store has nothing under {ask.artifact}; 'arcops store list' lists what it keeps")
        ground = grounds(at)
        ledger = ledger_of(ask.artifact, listed[0].position if listed else None, store, ground.keys)
        try:
            data = store.get(ask.artifact)
        except Refused:
            gone = not store.path(ask.artifact).exists()
            said = "Its bytes are missing from the store." if gone else "The bytes in the store no longer match this digest."
            changed = SignatureState(standing=Standing.CHANGED, said=said, checked_at=at.now())
            return Examined(artifact=ask.artifact, signature=changed, expired=False, ledger=ledger, report=None, problem=said)
        signature = signature_of(data, ground, at.now())
        if not listed and signature.standing is Standing.UNREADABLE:
            raise NotThere(f"{ask.artifact} is kept here as evidence, not as an artifact; fetch it as evidence")
        kind = listed[0].predicate_type if listed else ""
        try:
            report = from_statement(read_envelope(data).payload)
        except Refused as error:
            return Examined(
                artifact=ask.artifact,
                signature=signature,
                expired=False,
                ledger=ledger,
                report=None,
                problem=f"It is not a consistent readiness report: {error}.",
                predicate_type=kind,
            )
        before, elsewhere = _neighbours(store, report, listed[0].position) if listed else (None, ())
        return Examined(
            artifact=ask.artifact,
            signature=signature,
            expired=at.now() > report.valid_until,
            ledger=ledger,
            report=report,
            predicate_type=kind,
            previous=before,
            elsewhere=elsewhere,
        )


def _neighbours(store: Store, report: Report, position: int) -> tuple[Neighbour | None, tuple[Neighbour, ...]]:
    """From the listing, unchecked: which artifacts to offer for comparison decides nothing."""
    previous: Neighbour | None = None
    elsewhere: dict[str, Neighbour] = {}
    for one in store.list(Filter(subject=report.subject.name, limit=500)):
        there = Neighbour(artifact=one.artifact, site=one.site)
        if one.site == report.site:
            if previous is None and one.position < position:
                previous = there
        elif len(elsewhere) < 20:
            elsewhere.setdefault(one.site, there)
    return previous, tuple(elsewhere.values())
