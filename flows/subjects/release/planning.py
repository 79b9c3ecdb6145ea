"""The plan of a release: what each part is now, by which policy it must be judged, and whether the store answers it already."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Body, Evidence, Seen
from arcops.seen.release import Answer, PartSeen, ReleaseParts
from arcops.signer import SignerRule
from arcops.verdict import Verdict
from flows.evaluate import plan_for
from flows.place import Place
from flows.plan import AnyCollector, Plan
from flows.runners import direct
from flows.subjects.meaning import ROOT, existing
from flows.subjects.release.asking import asked
from flows.subjects.release.describing import Described, DescribedPart, read_description
from gates.release.release.gate import ReleasePolicy, unanswered
from tasks.release.planned import PlannedPart, PlannedRelease, write_plan
from tasks.release.release_parts import release_parts

if TYPE_CHECKING:
    from arcops.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part, and what is to be done about it: it ``runs`` now, or its newest artifact is taken again; ``why`` says the
    reason in one sentence. ``answer`` is that artifact, if there is one.
    """

    described: DescribedPart
    planned: PlannedPart
    runs: bool
    why: str
    answer: Answer | None = None


def described_here(path: Path, at: Place) -> Described:
    """The description at *path*. Raises `Refused` if this is another site: its parts would not be of that one."""
    described = read_description(path, at)
    here = at.settings.site
    if here != described.head.site:
        raise Refused(
            f"{path} describes a release for the site {described.head.site!r}, and this is {here or '(no name)'!r}; "
            f"set ARCOPS_SITE={described.head.site} if it is that site"
        )
    return described


def release_policy(policy: Policy) -> ReleasePolicy:
    """What *policy* says of releases. Raises `Refused` if it says nothing."""
    own: ReleasePolicy | None = policy.gates.get("release")  # type: ignore[assignment]  # the gate's own policy
    if own is None:
        raise Refused(f"policy {policy.name!r} does not judge releases: it has no gate 'release'")
    return own


def plan_of(described: Described, parts: Sequence[PlannedPart]) -> PlannedRelease:
    """The plan of *described*, whose *parts* are as planned."""
    head = described.head
    return PlannedRelease(name=head.name, site=head.site, model=head.model, parts=tuple(parts))


def steps(described: Described, at: Place, policy: ReleasePolicy, *, own_key: str) -> tuple[Step, ...]:
    """What is to be done about each part, so that it counts by *policy*. Nothing is judged here.

    *own_key* is the id of the key that signs here; empty if it is not opened, and then every signer counts as this site's own.
    """
    planned = [_planned(one, at) for one in described.parts]
    plan = plan_of(described, planned)
    seen = _looked_up(plan, at)
    if not own_key:
        anyone = tuple(replace(one, signers=(SignerRule(key="*"),)) for one in policy.parts)
        policy = replace(policy, parts=anyone)
    whole = ReleaseParts(plan=plan.digest, name=plan.name, site=plan.site, model="", parts=seen, own_key=own_key)
    until = at.now() + policy.margin
    return tuple(
        _step(one, part, found, unanswered(found, policy, whole), policy, until)
        for one, part, found in zip(described.parts, planned, seen, strict=True)
    )


def _planned(one: DescribedPart, at: Place) -> PlannedPart:
    """What *one* is now. What cannot be judged is planned with the reason."""
    found = PlannedPart(part=one.part, flow=one.what.flow, kind=one.subject.kind, name=one.part, policy="")
    try:
        plan = plan_for(one.what, one.subject, one.policy, at, signed=False)
        live = _is_live(plan)
        found = replace(
            found,
            name=plan.request.name,
            policy=plan.policy.digest,
            gates=tuple(gate.id for gate in plan.gates),
            live=live,
            ask=asked(one, plan.policy.digest, at, live=live),
        )
        digest = "" if live else _content(plan, at)
    except (ArcOpsError, OSError, ValueError) as error:  # such as a path that no system has
        return replace(found, problem=str(error))
    unread = "" if live or digest else "its content cannot be read as a whole, so no artifact can be about it"
    return replace(found, digest=digest, problem=unread)


def _is_live(plan: Plan) -> bool:
    """Is it something that runs, and no files?"""
    request = plan.request
    return request.target == ROOT or any(one is not None for one in (request.cluster, request.endpoint, request.exercise))


def _content(plan: Plan, at: Place) -> str:
    """The digest of the subject's content as it is now; empty if it cannot be read now."""
    naming = [one for one in plan.collectors if "names_subject" in vars(one.body)]
    found = direct.collect(replace(plan, collectors=_with_needs(naming, plan.collectors)), stop=at.stop)
    named = [one.body.names_subject for one in found.values() if isinstance(one, Evidence)]
    digest = next(filter(None, named), "")
    return f"sha256:{digest}" if digest else ""


def _with_needs(wanted: Sequence[AnyCollector], among: Sequence[AnyCollector]) -> tuple[AnyCollector, ...]:
    kinds: set[type[Body]] = set()
    for one in reversed(among):  # each comes after those that it needs
        if one in wanted or one.body in kinds:
            kinds.update((one.body, *one.needs))
    return tuple(one for one in among if one.body in kinds)


def _looked_up(plan: PlannedRelease, at: Place) -> tuple[PartSeen, ...]:
    """What the store says about each part. Without a store or a trusted key there is nothing to take again."""
    from flows.evaluate import request_for
    from flows.subjects.meaning import Meant

    with tempfile.TemporaryDirectory() as folder:
        local = replace(at, roots=None)
        meaning = Meant(target=existing(write_plan(plan, Path(folder)), local), named=plan.name)
        # What is only looked at is not remembered: the judging of the release holds the log against the memory.
        request = replace(request_for("release", meaning, local, None), memory=None)
        try:
            return release_parts.look(request, Seen({}, at=request.now, subject_name=plan.name)).body.parts
        except ArcOpsError:
            return tuple(
                PartSeen(part=one.part, flow=one.flow, kind=one.kind, name=one.name, policy=one.policy, digest=one.digest)
                for one in plan.parts
            )


def _step(
    one: DescribedPart, planned: PlannedPart, found: PartSeen, lacking: str, policy: ReleasePolicy, until: datetime
) -> Step:
    if planned.problem:
        return Step(described=one, planned=planned, runs=False, why=planned.problem)
    last = max(found.answers, key=lambda answer: answer.position, default=None)
    if lacking or last is None:
        return Step(described=one, planned=planned, runs=True, why=lacking or "nothing answers it", answer=last)
    said = f"{last.verdict.value}, judged {_moment(last.judged_at)}, valid until {_moment(last.valid_until)}"
    rule = policy.rule(planned.flow)
    amber = last.verdict is Verdict.AMBER and rule is not None and rule.allow_amber
    if not amber and any(answer.verdict is not Verdict.GREEN for answer in found.answers):
        return Step(described=one, planned=planned, runs=True, why=f"it is {said}; it may be repaired by now", answer=last)
    if last.valid_until < until:
        why = f"its artifact is valid until {_moment(last.valid_until)}"
        return Step(described=one, planned=planned, runs=True, why=why, answer=last)
    return Step(described=one, planned=planned, runs=False, why=said, answer=last)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
