"""A release as it stands now: its last verdict, each of its parts, and what happened to them since."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.finding import Finding, Outcome
from arcops.late_pattern import late
from arcops.policy import SKEW
from arcops.result import Report
from arcops.seen.release import PartSeen, ReleaseParts
from arcops.verdict import Verdict
from artifacts.store import Store
from capabilities.contract import Scope, tool
from capabilities.kept import honest_now
from flows.place import Place
from tasks.signing.grounds import grounds
from tasks.signing.logged import LoggedArtifacts, Opened, made_from, newest

KIND = "release"
_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")
_BAD = (Outcome.FAIL, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRelease:
    """Which release."""

    release: str = field(default="", metadata=shaped(positional=True, title="NAME", most=200))
    """Its name, or the digest of an artifact about it (sha256:…); by default the one that was judged last here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStanding:
    """A part of a release, as the release's last verdict saw it, and what happened since."""

    part: str
    flow: str
    name: str
    """What was judged: a folder, a cluster, a node, an endpoint."""
    verdict: Verdict | None
    """The part's own verdict; ``null`` if nothing answers it."""
    artifact: str
    policy: str
    judged_at: datetime | None
    valid_until: datetime | None
    decides: bool
    """The release ends with this part."""
    worst: str
    """The first finding that made the part worse than GREEN, if one did."""
    problems: tuple[str, ...]
    """What the release's verdict says against it, one sentence each."""
    since: tuple[str, ...]
    """What happened to it after that: a later verdict that is worse, an artifact that counts no more."""
    fixes: tuple[str, ...]
    """What to do next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseShown:
    """A release, and if it may be relied on now."""

    name: str
    site: str
    model: str
    """The digest of the model that it is about; empty if that is not known."""
    now: Verdict
    """RED if its last verdict is RED, has ended, counts no more, or one of its parts was judged worse since."""
    said: str
    """Why, in one sentence."""
    verdict: Verdict
    """Its last verdict, as it was signed."""
    artifact: str
    policy: str
    judged_at: datetime
    valid_until: datetime
    parts: tuple[PartStanding, ...]
    problems: tuple[str, ...] = ()
    """What is wrong with the release as a whole, or with the log."""
    others: tuple[str, ...] = ()
    """The names of the other releases in the store."""


class NothingReleased(Refused):
    """No release of that name, or none at all, was judged here."""


@tool(title="Show a release", scope=Scope.READ, reads_only=True, long=True)
def show_release(ask: ShowRelease, at: Place) -> ReleaseShown:
    """Show the last verdict about a release with all its parts: which verdict each has, until when, what happened since, and
    what to do next. Nothing is run, and what cannot be read is RED.
    """
    now = at.now()
    ground = grounds(at.settings.trust)
    with Store.at(at.settings) as store:
        log = LoggedArtifacts(store=store, ground=ground, at=now)
        log.read()
        if log.by_kind[KIND]:
            honest_now(at)
        wrong = store.sound(ground.keys, own=True) if log.by_kind[KIND] else ()
        if wrong:
            raise Refused(f"the log of the store cannot be relied on: {' '.join(wrong)} Run 'arcops store check'")
        one, report, others = _wanted(ask.release, log, at)
        parts = made_from(report, store)
        since = {part.part: tuple(log.withdrawn(part, parts.site)) for part in parts.parts}
    said = _said(report, since, now)
    return ReleaseShown(
        name=report.subject.name,
        site=report.site,
        model=parts.model,
        now=Verdict.RED if said else report.verdict,
        said=said or f"It is {report.verdict.value} until {report.valid_until:%Y-%m-%d %H:%M} UTC.",
        verdict=report.verdict,
        artifact=one.artifact,
        policy=report.policy_name,
        judged_at=report.judged_at,
        valid_until=report.valid_until,
        parts=tuple(_standing(part, report, parts, since[part.part]) for part in parts.parts),
        problems=tuple(one.text for one in _findings(report) if one.outcome in _BAD and not _of_a_part(one, parts)),
        others=others,
    )


def _wanted(named: str, log: LoggedArtifacts, at: Place) -> tuple[Opened, Report, tuple[str, ...]]:
    """The newest verdict about the release that is *named*, and the names of the others."""
    by_name: dict[str, list[Opened]] = {}
    doubts = []
    for _, entry in log.by_kind[KIND]:
        at.progress(0, 0)
        one = log.opened(entry.artifact)
        if one.report is not None:
            by_name.setdefault(one.report.subject.name, []).append(one)
        elif one.doubt:
            doubts.append(f"{one.artifact}: {one.doubt}")
    if doubts:
        raise Refused(f"an artifact about a release cannot be read, and may say RED: {doubts[-1]}")
    if not by_name:
        raise NothingReleased(
            "no release was judged here; describe one with 'arcops release new' and run 'arcops release check'"
        )
    if _DIGEST.match(named):
        one = log.opened(named)
        if one.report is None or one.report.subject.kind != KIND:
            raise NothingReleased(
                f"{named} is no verdict about a release in this store; 'arcops store list' lists what there is"
            )
    else:
        last = {name: newest(found, SKEW)[-1] for name, found in by_name.items()}
        name = named or max(last, key=lambda each: last[each].position)
        if name not in last:
            raise NothingReleased(f"there is no release {named[:100]!r} here; there are: {', '.join(sorted(last))}")
        one = last[name]
    report = one.report
    if report is None:
        raise Refused(f"{one.artifact} is no verdict")
    return one, report, tuple(sorted(by_name.keys() - {report.subject.name}))


def _said(report: Report, since: dict[str, tuple[str, ...]], now: datetime) -> str:
    """Why the release may not be relied on now; empty if it may."""
    if report.verdict is Verdict.RED:
        bad = next((one for one in _findings(report) if one.outcome in _BAD), None)
        return bad.text if bad is not None else "Its verdict is RED."
    if report.valid_until <= now:
        return f"It was {report.verdict.value} until {report.valid_until:%Y-%m-%d %H:%M} UTC; check it again."
    changed = [f"{part}: {sentence}" for part, sentences in since.items() for sentence in sentences]
    return f"It was {report.verdict.value}. Since then, part {changed[0]}." if changed else ""


def _standing(part: PartSeen, report: Report, parts: ReleaseParts, since: tuple[str, ...]) -> PartStanding:
    answer = max(part.answers, key=lambda one: one.position, default=None)
    bad = [one for one in _findings(report) if one.about == part.part and one.outcome in _BAD]
    fixes = [one.fix for one in bad]
    if since:
        fixes.append("Repair it, and run 'arcops release check' again.")
    return PartStanding(
        part=part.part,
        flow=part.flow,
        name=part.name,
        verdict=answer.verdict if answer is not None else None,
        artifact=answer.artifact if answer is not None else "",
        policy=answer.policy_name if answer is not None else "",
        judged_at=answer.judged_at if answer is not None else None,
        valid_until=answer.valid_until if answer is not None else None,
        decides=answer is not None and answer.valid_until == parts.holds_until,
        worst=answer.worst if answer is not None else "",
        problems=tuple(one.text for one in bad),
        since=since,
        fixes=tuple(dict.fromkeys(one for one in fixes if one)),
    )


def _findings(report: Report) -> list[Finding]:
    return [finding for result in report.results for finding in result.findings]


def _of_a_part(one: Finding, parts: ReleaseParts) -> bool:
    return one.about in {part.part for part in parts.parts}
