"""The newest sealed artifact about each part of a release, as the log lists them: what may say RED is never left out."""

from __future__ import annotations

import os
from collections.abc import Iterator

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.result import Report
from arcops.seen.release import Answer, Fact, PartSeen, ReleaseParts
from arcops.signer import ProvenSigner
from arcops.verdict import Verdict
from artifacts.beneath import open_within
from artifacts.store import Store
from tasks.release.facts import facts_of
from tasks.release.planned import PlannedPart, PlannedRelease, read_plan
from tasks.signing.logged import LoggedArtifacts, Opened, newest

_MOST_PLAN = 16 * 1024 * 1024
_MOST_DOUBTS = 20


@collector("release-parts", ReleaseParts, version="1")
def release_parts(request: Request, seen: Seen) -> Sighting[ReleaseParts]:
    """Look every part of the plan up. Raises `Refused` if there is no store or no trust to look in."""
    from tasks.signing.grounds import grounds
    from tasks.signing.trust import load_trust

    plan = _plan(request)
    if request.store is None or not request.store.is_dir():
        raise Refused("no artifact store was found; check the parts first, or import a mirror")
    ground = grounds(request.trust)
    with Store(request.store, memory=request.memory) as store:
        problems = store.sound(ground.keys, own=True)
        log = LoggedArtifacts(store=store, ground=ground, at=seen.at)
        if not problems:
            log.read()
        parts = []
        for number, part in enumerate(plan.parts):
            request.progress(number, len(plan.parts))
            parts.append(_looked_up(part, plan.site, log, seen))
    body = ReleaseParts(
        plan=plan.digest,
        name=plan.name,
        site=plan.site,
        model=plan.model or _model(parts),
        parts=tuple(parts),
        problems=problems,
        own_key=request.own_key,
    )
    return Sighting(body=body, sources=(load_trust(request.trust).source(),))


def _plan(request: Request) -> PlannedRelease:
    with os.fdopen(open_within(request.target, os.O_RDONLY, request.within), "rb") as file:
        data = file.read(_MOST_PLAN + 1)
    if len(data) > _MOST_PLAN:
        raise Refused(f"the plan has more than {_MOST_PLAN} bytes")
    return read_plan(data)


def _model(parts: list[PartSeen]) -> str:
    """The digest of the model, if one part alone is a model."""
    found = {one.digest for one in parts if one.kind == "model" and one.digest}
    return found.pop() if len(found) == 1 else ""


def _about(part: PlannedPart, log: LoggedArtifacts) -> Iterator[Opened]:
    """What may be about *part*, the oldest first."""
    if part.live:
        yield from log.of_name(part.kind, part.name)
        return
    named = log.by_digest[part.digest] if part.digest else []
    for _, entry in sorted([*named, *log.unnamed], key=lambda one: one[0]):
        yield log.opened(entry.artifact)


def _looked_up(part: PlannedPart, site: str, log: LoggedArtifacts, seen: Seen) -> PartSeen:
    others, doubts, answers = 0, [], []
    for one in _about(part, log):
        if one.report is None:
            if one.doubt:
                doubts.append(f"{one.artifact}: {one.doubt}")
            else:
                others += 1
            continue
        subject = one.report.subject
        digests = tuple(str(digest) for digest in subject.digests)
        if subject.kind != part.kind or (subject.name != part.name if part.live else part.digest not in digests):
            continue
        if one.report.policy_digest != part.policy or not _made_for(part, one.report):
            others += 1
            continue
        answers.append(one)
    return PartSeen(
        part=part.part,
        flow=part.flow,
        kind=part.kind,
        name=part.name,
        policy=part.policy,
        digest=part.digest,
        gates=part.gates,
        answers=tuple(_answer(one, log) for one in newest(_of_site(answers, site), seen.skew)),
        others=others,
        doubts=tuple(doubts[-_MOST_DOUBTS:]),
        problem=part.problem,
        models=part.models,
    )


def _made_for(part: PlannedPart, report: Report) -> bool:
    """Was it made for what *part* asks? A RED counts in any case: who says worse is heard."""
    if not part.ask or report.verdict is Verdict.RED:
        return True
    return report.runner == part.runner or bool(part.run and report.runner.startswith(f"prefect/{part.run}/"))


def _of_site(found: list[Opened], site: str) -> list[Opened]:
    """Those of *site*; without any, all: the logs of two sites are not ordered against each other."""
    return [one for one in found if one.report is not None and one.report.site == site] or found


def _answer(one: Opened, log: LoggedArtifacts) -> Answer:
    report = one.report
    if report is None:
        raise Refused("an artifact without a report is no answer")
    facts, unread = _facts(report, log.store)
    return Answer(
        artifact=one.artifact,
        subject=tuple(str(digest) for digest in report.subject.digests),
        verdict=report.verdict,
        policy_name=report.policy_name,
        policy_digest=report.policy_digest,
        site=report.site,
        judged_at=report.judged_at,
        valid_until=report.valid_until,
        signers=tuple(ProvenSigner(key=key) for key in one.signers),
        position=one.position,
        gates=tuple(result.gate for result in report.results),
        facts=facts,
        unread=unread,
        worst=_worst(report),
    )


def _worst(report: Report) -> str:
    findings = [finding for result in report.results for finding in result.findings]
    bad = max(findings, key=lambda one: one.outcome.verdict, default=None)
    return "" if bad is None or bad.outcome.verdict is Verdict.GREEN else f"{bad.rule}: {bad.text}"[:500]


def _facts(report: Report, store: Store) -> tuple[tuple[Fact, ...], tuple[str, ...]]:
    """What the evidence of *report* says that other parts must agree with; and the evidence that cannot be read."""
    found: dict[Fact, None] = {}
    unread = []
    if report.subject.kind == "model":
        found.update((Fact(key="model", value=str(digest)), None) for digest in report.subject.digests)
    for record in report.evidence:
        read = facts_of(record.kind)
        if read is None:
            continue
        try:
            found.update((fact, None) for fact in read(store.get(record.digest)))
        except (ArcOpsError, ValueError):
            unread.append(record.kind)
    return tuple(sorted(found, key=lambda one: (one.key, one.value))), tuple(sorted(unread))
