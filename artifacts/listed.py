"""What the store's index says of an artifact and of a subject. These are the artifacts' own words: nothing was verified."""

from __future__ import annotations

from datetime import datetime

from arcops.late_dataclass import dataclass
from arcops.verdict import Verdict
from artifacts.rows import Row

VERDICTS = {one.value: one for one in Verdict}
"""By their words; a lookup here costs a part of a call of `Verdict`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateListed:
    """The verdict of one gate, as a listing shows it."""

    gate: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One stored artifact as a listing shows it. These are the artifact's own values: no signature was verified to list them.

    ``verdict`` and the moments are ``None`` if the artifact is not a readiness report. ``gates`` are all that judged.
    ``untimely`` says in what its times contradict the log; ``brought`` names the log from which it was imported. Both are empty
    if there is nothing to say.
    """

    position: int
    artifact: str
    at: datetime
    predicate_type: str
    subject: str
    verdict: Verdict | None
    policy: str
    judged_at: datetime | None
    valid_until: datetime | None
    site: str = ""
    gates: tuple[GateListed, ...] = ()
    kind: str = ""
    untimely: str = ""
    brought: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The values that can be filtered by, each sorted."""

    sites: tuple[str, ...]
    gates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectIndexed:
    """A subject at a site by a policy: how many artifacts are *kept*, the position of the *newest* in the log, and of the one
    that says the *latest* time of judging, which differs if an older one was imported later.
    """

    subject: str
    kind: str
    site: str
    policy: str
    kept: int
    newest: int
    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """The verdict of an artifact, ``None`` if it has none, and when it was judged, as text that sorts by time."""

    verdict: Verdict | None
    judged: str


def as_listed(position: int, row: Row) -> Listed:
    """*row* as a listing shows it."""
    return Listed(
        position=position,
        artifact=row.entry.artifact,
        at=row.entry.at,
        predicate_type=row.predicate_type,
        subject=row.subject,
        verdict=Verdict(row.verdict) if row.verdict else None,
        policy=row.policy,
        judged_at=datetime.fromisoformat(row.judged_at) if row.judged_at else None,
        valid_until=datetime.fromisoformat(row.valid_until) if row.valid_until else None,
        site=row.site,
        kind=row.kind,
        gates=tuple(GateListed(gate=gate, verdict=VERDICTS[verdict]) for gate, verdict in sorted(dict(row.gates).items())),
    )
