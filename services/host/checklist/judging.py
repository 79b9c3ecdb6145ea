"""Which items of a server's checklist are done, by what was found about it now. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.host.checklist.items import Item, Shown

REHEARSED_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An artifact that was looked up: its digest, when it was made, and ``problem`` if it does not count now."""

    artifact: str
    made: datetime
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A person's word: by ``author`` at ``made``, with a ``note`` and perhaps an artifact as evidence."""

    author: str
    made: datetime
    note: str
    evidence: Found | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found about a server at the moment ``now``.

    ``verdict`` is the artifact by which it may run, or ``missing`` says why it may not. ``allowed_by`` is who allowed its lock,
    ``record`` the audit record of that. ``leak`` says what of its row looks like a secret. ``snapshot`` is the newest one that
    has the row as it is, ``rollback`` the newest rehearsal. ``marks`` are those of this version, by item.
    """

    now: datetime
    owner: str
    network: str
    leak: str
    missing: str = ""
    verdict: str = ""
    allowed_by: str = ""
    record: str = ""
    row: str = ""
    snapshot: Found | None = None
    rollback: Found | None = None
    marks: Mapping[str, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Is an item done? ``evidence`` is what shows it, ``why`` why not, ``by`` and ``when`` who said so if a person did."""

    item: Item
    done: bool
    why: str = ""
    evidence: str = ""
    by: str = ""
    when: datetime | None = None


def judged(item: Item, facts: Facts) -> Judged:
    """The judgement of one *item*. What no one could look at is not done."""
    return _JUDGES[item.shown](item, facts)


def _verdict(item: Item, facts: Facts) -> Judged:
    done = bool(facts.verdict) and not facts.missing
    return Judged(item=item, done=done, why="" if done else facts.missing or "it was not judged", evidence=facts.verdict)


def _allowed(item: Item, facts: Facts) -> Judged:
    if not facts.allowed_by:
        return Judged(item=item, done=False, why="no one allowed its lock; arcops host allow does")
    if not facts.record:
        return Judged(item=item, done=False, why="no audit record of a log that verifies says who allowed its lock")
    return Judged(item=item, done=True, evidence=facts.record, by=facts.allowed_by)


def _owner(item: Item, facts: Facts) -> Judged:
    return Judged(
        item=item, done=bool(facts.owner), why="" if facts.owner else "no one owns it", evidence=facts.row, by=facts.owner
    )


def _secrets(item: Item, facts: Facts) -> Judged:
    return Judged(item=item, done=not facts.leak, why=facts.leak, evidence="" if facts.leak else facts.row)


def _network(item: Item, facts: Facts) -> Judged:
    if facts.network == "none":
        return Judged(item=item, done=True, evidence=facts.row)
    return _by_hand(item, facts, "it reaches the network, and no one said why that is right")


def _snapshot(item: Item, facts: Facts) -> Judged:
    return _artifact(item, facts.snapshot, "no snapshot in the store has its row as it is; arcops host snapshot takes one")


def _rollback(item: Item, facts: Facts) -> Judged:
    found = facts.rollback
    if found is not None and not found.problem and facts.now - found.made > timedelta(days=REHEARSED_DAYS):
        return Judged(
            item=item, done=False, why=f"the last rehearsal is older than {REHEARSED_DAYS} days", evidence=found.artifact
        )
    return _artifact(item, found, "no runbook 'rollback' was run to its end for it")


def _artifact(item: Item, found: Found | None, why: str) -> Judged:
    if found is None:
        return Judged(item=item, done=False, why=why)
    return Judged(item=item, done=not found.problem, why=found.problem, evidence=found.artifact, when=found.made)


def _by_hand(item: Item, facts: Facts, why: str = "no one said for this version that it is done") -> Judged:
    mark = facts.marks.get(item.id)
    if mark is None:
        return Judged(item=item, done=False, why=f"{why}; arcops host checklist mark does")
    problem = mark.evidence.problem if mark.evidence is not None else ""
    evidence = mark.evidence.artifact if mark.evidence is not None else ""
    return Judged(item=item, done=not problem, why=problem or mark.note, evidence=evidence, by=mark.author, when=mark.made)


_JUDGES: Mapping[Shown, Callable[[Item, Facts], Judged]] = {
    Shown.VERDICT: _verdict,
    Shown.ALLOWED: _allowed,
    Shown.OWNER: _owner,
    Shown.SECRETS: _secrets,
    Shown.NETWORK: _network,
    Shown.SNAPSHOT: _snapshot,
    Shown.ROLLBACK: _rollback,
    Shown.BY_HAND: _by_hand,
}
