"""The verdicts in the store about releases of the models that workloads name, and whether what they cite still counts.

A release is never edited: what happens to a part later (a revoked signer, a RED) reaches it here, at the moment of the
decision, by following what it cites (`arcops.seen.release`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.result import Report
from arcops.seen.release import PartSeen, ReleaseParts
from arcops.seen.releases import ReleaseDoubt, Releases, ReleaseSeen
from arcops.seen.workloads import Workloads
from arcops.signer import ProvenSigner
from arcops.verdict import Verdict
from artifacts.entries import Entry
from artifacts.statement import READINESS, from_statement
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, Standing, vouch
from artifacts.wire import from_json

KIND = "release"
_ORDER = {Verdict.GREEN: 0, Verdict.AMBER: 1, Verdict.RED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An artifact of the log: its ``report`` if it counts by its signature, or why it is not known (``doubt``)."""

    position: int
    artifact: str
    report: Report | None = None
    signers: tuple[str, ...] = ()
    doubt: str = ""
    lost: str = ""
    """Why it does not count, if that is sure."""


@dataclass(slots=True)
class _Log:
    """The log's artifacts by what they are about; each is opened at most once."""

    store: Store
    ground: Grounds
    seen: Seen
    by_digest: dict[str, list[tuple[int, Entry]]] = field(default_factory=lambda: defaultdict(list))
    by_kind: dict[str, list[tuple[int, Entry]]] = field(default_factory=lambda: defaultdict(list))
    first: dict[str, tuple[int, Entry]] = field(default_factory=dict)
    _opened: dict[str, _Opened] = field(default_factory=dict)

    def read(self) -> None:
        for position, entry in enumerate(self.store.entries()):
            if entry.artifact in self.first:
                continue
            self.first[entry.artifact] = position, entry
            for about in entry.subjects:
                self.by_kind[about.kind].append((position, entry))
                self.by_digest[about.digest].append((position, entry))

    def opened(self, position: int, artifact: str) -> _Opened:
        if artifact not in self._opened:
            self._opened[artifact] = self._open(position, artifact)
        return self._opened[artifact]

    def _open(self, position: int, artifact: str) -> _Opened:
        try:
            vouched = vouch(self.store.get(artifact), self.ground, self.seen.at)
            if vouched.predicate_type != READINESS:
                return _Opened(position=position, artifact=artifact, lost="it is no verdict")
            report = from_statement(vouched.statement)
        except NotVouched as error:
            if error.state.standing in (Standing.UNTRUSTED, Standing.REVOKED):
                return _Opened(position=position, artifact=artifact, lost=str(error))
            return _Opened(position=position, artifact=artifact, doubt=str(error))
        except ArcOpsError:
            return _Opened(position=position, artifact=artifact, doubt="the store does not hold it unchanged")
        return _Opened(position=position, artifact=artifact, report=report, signers=vouched.signers)


@collector("releases", Releases, version="1", needs=(Workloads,))
def releases(request: Request, seen: Seen) -> Sighting[Releases]:
    """Look every release of a named model up. Raises `Refused` if there is no store or no trust to look in."""
    from tasks.signing.grounds import grounds
    from tasks.signing.trust import load_trust

    if request.store is None or not request.store.is_dir():
        raise Refused("no artifact store was found; check the release first, or import a mirror")
    ground = grounds(request.trust)
    models = {model for workload in seen[Workloads].body.workloads for model in workload.models}
    found: list[ReleaseSeen] = []
    doubts: list[ReleaseDoubt] = []
    with Store(request.store, memory=request.memory) as store:
        problems = store.sound(ground.keys, own=True)
        log = _Log(store=store, ground=ground, seen=seen)
        if not problems:
            log.read()
        for one, parts in _newest(log, doubts):
            request.progress(0, 0)
            if parts.model in models:
                found.append(_seen(one, parts, log))
    body = Releases(
        found=tuple(sorted(found, key=lambda one: one.position)),
        doubts=tuple(doubts),
        problems=problems,
        site=request.site,
        own_key=request.own_key,
    )
    return Sighting(body=body, sources=(load_trust(request.trust).source(),))


def _newest(log: _Log, doubts: list[ReleaseDoubt]) -> Iterator[tuple[_Opened, ReleaseParts]]:
    """The newest verdict about each release by each policy, with what it was made from.

    A release is what its name says: its plan may change, and the model that it is about; then the older model keeps its own.
    """
    by_what: dict[tuple[str, str, str, str], list[_Opened]] = defaultdict(list)
    made_from: dict[str, ReleaseParts] = {}
    for position, entry in log.by_kind[KIND]:
        one = log.opened(position, entry.artifact)
        report = one.report
        if report is None:
            if one.doubt:
                doubts.append(ReleaseDoubt(artifact=entry.artifact, said=one.doubt))
            continue
        parts = _parts(report, log.store)
        if parts is None or f"sha256:{parts.plan}" not in {str(digest) for digest in report.subject.digests}:
            doubts.append(ReleaseDoubt(artifact=one.artifact, said="the store does not hold what it was made from"))
            continue
        made_from[one.artifact] = parts
        by_what[report.subject.name, parts.model, report.policy_digest, report.site].append(one)
    for all_of_it in by_what.values():
        one = _last(all_of_it, log.seen)
        yield one, made_from[one.artifact]


def _last(found: list[_Opened], seen: Seen) -> _Opened:
    """The newest by the log, or one that was judged clearly later and says worse: an old answer may have been imported."""
    known = [(one, one.report) for one in found if one.report is not None]
    last, said = known[-1]
    later = [(one, report) for one, report in known if report.judged_at - said.judged_at > seen.skew]
    rival, worse = max(later, key=lambda pair: (pair[1].judged_at, pair[0].position), default=(last, said))
    return rival if _ORDER[worse.verdict] > _ORDER[said.verdict] else last


def _parts(report: Report, store: Store) -> ReleaseParts | None:
    digest = next((each.digest for each in report.evidence if each.kind == ReleaseParts.KIND), "")
    try:
        return from_json(ReleaseParts, store.get(digest).decode()) if digest else None
    except (ArcOpsError, UnicodeDecodeError):
        return None


def _seen(one: _Opened, parts: ReleaseParts, log: _Log) -> ReleaseSeen:
    report = one.report
    if report is None:
        raise Refused("an artifact without a report is no verdict about a release")
    return ReleaseSeen(
        model=parts.model,
        plan=f"sha256:{parts.plan}",
        name=report.subject.name,
        site=report.site,
        artifact=one.artifact,
        position=one.position,
        verdict=report.verdict,
        policy_name=report.policy_name,
        policy_digest=report.policy_digest,
        judged_at=report.judged_at,
        valid_until=report.valid_until,
        signers=tuple(ProvenSigner(key=key) for key in one.signers),
        withdrawn=tuple(sentence for part in parts.parts for sentence in _withdrawn(part, parts.site, log)),
    )


def _withdrawn(part: PartSeen, site: str, log: _Log) -> Iterator[str]:
    """Why *part* counts no more as it did when the release was judged."""
    cited = max(part.answers, key=lambda one: one.position, default=None)
    if cited is None:
        return  # then the release is RED, and says so
    position, _ = log.first.get(cited.artifact, (-1, None))
    now = log.opened(position, cited.artifact)
    if now.report is None:
        yield f"{part.part}: {cited.artifact} counts no more: {now.lost or now.doubt}"
    for later, entry in log.by_digest[part.digest] if part.digest else log.by_kind[part.kind]:
        if later <= cited.position:
            continue
        one = log.opened(later, entry.artifact)
        if one.doubt:
            yield f"{part.part}: {one.artifact} is newer, may be about it, and cannot be read: {one.doubt}"
        elif one.report is not None and _is_about(one.report, part, site):
            report = one.report
            if report.policy_digest == part.policy and _ORDER[report.verdict] > _ORDER[cited.verdict]:
                yield f"{part.part}: it was judged {report.verdict.value} since, by {one.artifact}"


def _is_about(report: Report, part: PartSeen, site: str) -> bool:
    subject = report.subject
    if subject.kind != part.kind:
        return False
    if part.digest:
        return part.digest in {str(digest) for digest in subject.digests}
    return subject.name == part.name and report.site == site
