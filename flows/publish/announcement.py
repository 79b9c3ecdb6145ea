"""What is told about one artifact that was kept: what it says, but only if its signer counts here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from arcops.errors import ArcOpsError
from arcops.verdict import Verdict
from artifacts.entries import About, Logged
from artifacts.said import said
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, Standing, vouch
from artifacts.words import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An entry of the log named ``log``, at ``position`` (from 0), and what its artifact says.

    ``standing`` says what its signature is worth here at the moment of telling, and ``problem`` why it does not count, in one
    sentence. ``verdict`` is the artifact's own word, and is there only if it counts and it is a judgement; so are the other
    words. ``judged_at`` and ``valid_until`` are RFC 3339. To decide by it, open the artifact and verify it.
    """

    log: str
    position: int
    artifact: str
    kept_at: datetime
    standing: Standing
    predicate_type: str = ""
    verdict: Verdict | None = None
    subject: str = ""
    kind: str = ""
    digests: tuple[str, ...] = ()
    policy: str = ""
    site: str = ""
    judged_at: str = ""
    valid_until: str = ""
    brought: str = ""
    """The log that it was imported from; empty if it was kept here first."""
    problem: str = ""


def announced(entries: Iterable[Logged], store: Store, ground: Grounds, now: datetime) -> tuple[Announcement, ...]:
    """What is told about *entries* of *store*, by *ground* at *now*."""
    return tuple(_one(logged, store, ground, now) for logged in entries)


def _one(logged: Logged, store: Store, ground: Grounds, now: datetime) -> Announcement:
    entry = logged.entry
    try:
        sealed = store.get(entry.artifact)
    except ArcOpsError:
        problem = "the store does not hold it as it was kept; 'arcops store check' tells more"
        return _untold(logged, store, Standing.CHANGED, problem)
    try:
        vouch(sealed, ground, now)
        words = said(sealed)
    except NotVouched as error:
        return _untold(logged, store, error.state.standing, str(error))
    except ArcOpsError as error:
        return _untold(logged, store, Standing.UNREADABLE, str(error))
    return Announcement(
        log=store.origin,
        position=logged.position,
        artifact=entry.artifact,
        kept_at=entry.at,
        standing=Standing.VERIFIED,
        predicate_type=words.predicate_type,
        verdict=_verdict(words),
        subject=words.subject,
        kind=words.kind,
        digests=words.digests,
        policy=words.policy,
        site=words.site,
        judged_at=words.judged_at,
        valid_until=words.valid_until,
        brought=entry.brought,
    )


def _untold(logged: Logged, store: Store, standing: Standing, problem: str) -> Announcement:
    entry = logged.entry
    return Announcement(
        log=store.origin,
        position=logged.position,
        artifact=entry.artifact,
        kept_at=entry.at,
        standing=standing,
        digests=_digests(entry.subjects),
        brought=entry.brought,
        problem=problem,
    )


def _digests(subjects: tuple[About, ...]) -> tuple[str, ...]:
    """What the log says that it is about: enough to look it up, and no verdict."""
    return tuple(about.digest for about in subjects)


def _verdict(words: Said) -> Verdict | None:
    return Verdict(words.verdict) if words.verdict else None
