"""The artifacts of the log by what they are about, each opened at most once, and what has happened since to those cited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from arcops.errors import ArcOpsError, Refused
from arcops.result import Report
from arcops.seen.release import PartSeen, ReleaseParts
from artifacts.entries import Entry
from artifacts.statement import READINESS, from_statement
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, Standing, vouch
from artifacts.wire import from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An artifact of the log: its ``report``, if it counts by its signature and is a verdict.

    If it does not, ``lost`` says why for sure, or ``doubt`` why it is not known; both are empty for what is no verdict.
    """

    position: int
    artifact: str
    report: Report | None = None
    signers: tuple[str, ...] = ()
    lost: str = ""
    doubt: str = ""


@dataclass(slots=True)
class LoggedArtifacts:
    """The log of ``store``, checked by ``ground`` at the moment ``at``. An artifact's first entry counts."""

    store: Store
    ground: Grounds
    at: datetime
    by_kind: dict[str, list[tuple[int, Entry]]] = field(default_factory=lambda: defaultdict(list))
    by_digest: dict[str, list[tuple[int, Entry]]] = field(default_factory=lambda: defaultdict(list))
    unnamed: list[tuple[int, Entry]] = field(default_factory=list)
    """Entries from before entries named subjects: each may be about anything."""
    positions: dict[str, int] = field(default_factory=dict)
    _opened: dict[str, Opened] = field(default_factory=dict)
    _named: dict[str, dict[str | None, list[Opened]]] = field(default_factory=dict)

    def read(self) -> None:
        """Sort the log's entries by what they say that they are about."""
        for position, entry in enumerate(self.store.entries()):
            if entry.artifact in self.positions:
                continue
            self.positions[entry.artifact] = position
            for about in entry.subjects:
                self.by_kind[about.kind].append((position, entry))
                self.by_digest[about.digest].append((position, entry))
            if not entry.subjects:
                self.unnamed.append((position, entry))

    def of_name(self, kind: str, name: str) -> list[Opened]:
        """What may be about the subject of this *kind* with this *name*, the oldest first: verdicts about it, and whatever is
        about something of the kind, or about nothing that the log names, and is no verdict that counts.
        """
        if kind not in self._named:
            by_name: dict[str | None, list[Opened]] = defaultdict(list)
            for _, entry in sorted([*self.by_kind[kind], *self.unnamed], key=lambda one: one[0]):
                one = self.opened(entry.artifact)
                by_name[one.report.subject.name if one.report is not None else None].append(one)
            self._named[kind] = by_name
        found = self._named[kind]
        unread = found.get(None, [])
        return sorted([*found.get(name, []), *unread], key=lambda one: one.position) if unread else found.get(name, [])

    def opened(self, artifact: str) -> Opened:
        """The artifact with this digest."""
        if artifact not in self._opened:
            self._opened[artifact] = self._open(self.positions.get(artifact, -1), artifact)
        return self._opened[artifact]

    def _open(self, position: int, artifact: str) -> Opened:
        try:
            vouched = vouch(self.store.get(artifact), self.ground, self.at)
            if vouched.predicate_type != READINESS:
                return Opened(position=position, artifact=artifact)
            report = _report(vouched.statement)
        except NotVouched as error:
            if error.state.standing in (Standing.UNTRUSTED, Standing.REVOKED):
                return Opened(position=position, artifact=artifact, lost=str(error))
            return Opened(position=position, artifact=artifact, doubt=str(error))
        except ArcOpsError as error:
            return Opened(position=position, artifact=artifact, doubt=f"the store does not hold it unchanged: {error}")
        return Opened(position=position, artifact=artifact, report=report, signers=vouched.signers)

    def withdrawn(self, part: PartSeen, site: str) -> Iterator[str]:
        """Why *part* of a release at *site* counts no more as it did when the release was judged, one sentence each."""
        cited = max(part.answers, key=lambda one: one.position, default=None)
        if cited is None:
            return  # then the release is RED, and says so
        now = self.opened(cited.artifact)
        if now.report is None:
            yield f"{cited.artifact} counts no more: {now.lost or now.doubt or 'it is no verdict'}"
        for position, entry in self.by_digest[part.digest] if part.digest else self.by_kind[part.kind]:
            if position <= cited.position:
                continue
            later = self.opened(entry.artifact)
            if later.doubt:
                yield f"{later.artifact} is newer, may be about it, and cannot be read: {later.doubt}"
            elif later.report is not None and _is_about(later.report, part, site):
                report = later.report
                if report.policy_digest == part.policy and report.verdict > cited.verdict:
                    yield f"it was judged {report.verdict.value} by {later.artifact}"


def made_from(report: Report, store: Store) -> ReleaseParts:
    """The parts from which the *report* about a release was made. Raises `Refused` if *store* does not hold them."""
    digest = next((each.digest for each in report.evidence if each.kind == ReleaseParts.KIND), "")
    try:
        if digest:
            return from_json(ReleaseParts, store.get(digest).decode())
    except (ArcOpsError, UnicodeDecodeError) as error:
        raise Refused(f"what the release was made from cannot be read: {error}; run 'arcops release check' again") from error
    why = "; ".join(one.reason for one in report.missing)
    raise Refused(f"its parts were not seen when it was judged{f': {why}' if why else ''}; run 'arcops release check' again")


@lru_cache(maxsize=2048)
def _report(statement: bytes) -> Report:
    """A report follows from its statement alone, and cannot be changed, so the same bytes are read once."""
    return from_statement(statement)


def newest(found: Sequence[Opened], skew: timedelta) -> list[Opened]:
    """The newest verdict of *found*, which are in the order of the log; and one that was judged later by more than *skew*, and
    says worse, if there is one: the newest entry may be an old verdict that was imported.
    """
    known = [(one, one.report) for one in found if one.report is not None]
    if not known:
        return []
    last, said = known[-1]
    later = [(one, report) for one, report in known if report.judged_at - said.judged_at > skew]
    rival, worse = max(later, key=lambda pair: (pair[1].judged_at, pair[0].position), default=(last, said))
    return [last, rival] if worse.verdict > said.verdict else [last]


def _is_about(report: Report, part: PartSeen, site: str) -> bool:
    subject = report.subject
    if subject.kind != part.kind:
        return False
    if part.digest:
        return part.digest in {str(digest) for digest in subject.digests}
    return subject.name == part.name and report.site == site
