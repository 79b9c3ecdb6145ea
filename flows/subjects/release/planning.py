"""The plan of a release: what each part is now, by which policy it must be judged, and whether the store answers it already."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Body, Evidence, Seen
from arcops.judgeable import Judgeable
from arcops.seen.release import Answer, PartSeen, ReleaseParts
from arcops.signer import SignerRule
from arcops.subjects.fit import Fit
from arcops.subjects.model import Model
from arcops.subjects.server import Server
from arcops.verdict import Verdict
from flows.evaluate import plan_for
from flows.place import Place
from flows.plan import AnyCollector, Plan
from flows.runners import direct
from flows.runners.looking import as_evidence
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import ROOT, existing, this_machine
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
    reason in one sentence. ``answer`` is that artifact, if there is one. ``elsewhere``: it is never run from here, because only
    another machine or its own command judges it.
    """

    described: DescribedPart
    planned: PlannedPart
    runs: bool
    why: str
    answer: Answer | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What is to be done about each part, and what the store said about all of them, by which that was decided.

    ``seen`` is ``None`` if the release must not be judged by it: the store or its log cannot be read, or it was not held
    against what is remembered of it.
    """

    steps: tuple[Step, ...]
    seen: Evidence[ReleaseParts] | None

    def still(self, parts: Sequence[PlannedPart]) -> Evidence[ReleaseParts] | None:
        """``seen``, if *parts* are the very ones that were looked up: none of them has run since."""
        same = all(part is step.planned for part, step in zip(parts, self.steps, strict=True))
        return self.seen if same else None


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
    """The plan of *described*, whose *parts* are as planned. What it says is signed, so it names no folder of this machine."""
    head, here = described.head, f"{described.folder}/"
    told = tuple(replace(one, problem=one.problem.replace(here, "")) for one in parts)
    return PlannedRelease(name=head.name, site=head.site, model=head.model, parts=told)


def steps(described: Described, at: Place, policy: ReleasePolicy, *, own_key: str) -> tuple[Step, ...]:
    """What is to be done about each part, so that it counts by *policy*. Nothing is judged here.

    *own_key* is the id of the key that signs here; empty if it is not opened, and then every signer counts as this site's own.
    """
    return _looked(described, at, policy, own_key, None).steps


def looked(described: Described, at: Place, policy: ReleasePolicy, *, own_key: str) -> Looked:
    """As `steps`, with what was seen, by which the release can be judged if nothing has to run: its log was held against what
    is remembered of it.
    """
    return _looked(described, at, policy, own_key, at.settings.memory)


def _looked(described: Described, at: Place, policy: ReleasePolicy, own_key: str, memory: Path | None) -> Looked:
    named = cache(at.policy)  # many parts are judged by few policies
    drafted = cache(lambda what, subject, policy: plan_for(what, subject, named(policy), at, signed=False))
    planned = with_models(described.parts, [_planned(one, at, drafted) for one in described.parts], at)
    plan = plan_of(described, planned)
    seen = _looked_up(plan, at, own_key, memory) if memory is not None else None
    if seen is not None and seen.body.problems:
        seen = None  # what it says besides is still a plan, and the judging says the problems
    found = seen or _looked_up(plan, at, own_key, None)
    parts = found.body.parts if found is not None else tuple(map(_unseen, plan.parts))
    if not own_key:
        anyone = tuple(replace(one, signers=(SignerRule(key="*"),)) for one in policy.parts)
        policy = replace(policy, parts=anyone)
    whole = ReleaseParts(plan=plan.digest, name=plan.name, site=plan.site, model="", parts=parts, own_key=own_key)
    until = at.now() + policy.margin
    done = (
        _step(one, part, said, unanswered(said, policy, whole), policy, until)
        for one, part, said in zip(described.parts, planned, parts, strict=True)
    )
    return Looked(steps=tuple(done), seen=seen)


def _planned(one: DescribedPart, at: Place, drafted: Callable[[Evaluation, Judgeable, str], Plan]) -> PlannedPart:
    """What *one* is now. What cannot be judged is planned with the reason. Nodes of one part share a plan."""
    found = PlannedPart(part=one.part, flow=one.what.flow, kind=one.subject.kind, name=one.part, policy="")
    try:
        plan = drafted(one.what, one.subject, one.policy)
        live = _is_live(plan)
        found = replace(
            found,
            name=one.node or plan.request.name,
            policy=plan.policy.digest,
            gates=tuple(gate.id for gate in plan.gates),
            live=live,
            # The artifact of a hosted server is about its lock, its files and its start: nothing is asked besides.
            ask="" if isinstance(one.subject, Server) else asked(one, plan.policy.digest, at, live=live),
        )
        digest = "" if live else _content(plan, at)
    except (ArcOpsError, OSError, ValueError) as error:  # such as a path that no system has
        return replace(found, problem=str(error))
    unread = "" if live or digest else "its content cannot be read as a whole, so no artifact can be about it"
    return replace(found, digest=digest, problem=unread)


def with_models(described: Sequence[DescribedPart], planned: Sequence[PlannedPart], at: Place) -> list[PlannedPart]:
    """*planned*, in which each plan of models on GPUs says which of the release's own models it is about: those whose folder,
    or a file in it, its description names. Its artifact is about the headers that are there now, and theirs about all bytes.
    """
    homes = {
        one.subject.target.resolve(): plan.digest
        for one, plan in zip(described, planned, strict=True)
        if isinstance(one.subject, Model) and plan.digest
    }
    return [
        replace(plan, models=_models_of(one.subject, homes, at)) if isinstance(one.subject, Fit) else plan
        for one, plan in zip(described, planned, strict=True)
    ]


def _models_of(plan: Fit, homes: Mapping[Path, str], at: Place) -> tuple[str, ...]:
    """The digests of those of *homes* that the description of *plan* names."""
    from tasks.fit.description import read_description as read_fit  # most releases have no plan of models

    try:
        wanted, _ = read_fit(plan.target, at.within)
        named = [(plan.target.absolute().parent / one.path).resolve() for one in wanted.models]
    except (ArcOpsError, OSError, ValueError):
        return ()  # its own check says what is wrong with it
    return tuple(sorted({digest for home, digest in homes.items() for path in named if path.is_relative_to(home)}))


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


def _looked_up(plan: PlannedRelease, at: Place, own_key: str, memory: Path | None) -> Evidence[ReleaseParts] | None:
    """What the store says about each part. ``None`` without a store or a trusted key: there is nothing to take again.

    Without *memory*, the log is not held against it, and is not remembered.
    """
    from flows.evaluate import request_for
    from flows.subjects.meaning import Meant

    with tempfile.TemporaryDirectory() as folder:
        local = replace(at, roots=None)
        meaning = Meant(target=existing(write_plan(plan, Path(folder)), local), named=plan.name)
        request = replace(request_for("release", meaning, local, None), memory=memory, own_key=own_key)
        try:
            found = release_parts.look(request, Seen({}, at=request.now, subject_name=plan.name))
        except ArcOpsError:
            return None
        return as_evidence(release_parts, found, request, at=request.now)


def _unseen(one: PlannedPart) -> PartSeen:
    return PartSeen(part=one.part, flow=one.flow, kind=one.kind, name=one.name, policy=one.policy, digest=one.digest)


def _step(
    one: DescribedPart, planned: PlannedPart, found: PartSeen, lacking: str, policy: ReleasePolicy, until: datetime
) -> Step:
    if planned.problem:
        return Step(described=one, planned=planned, runs=False, why=planned.problem)
    last = max(found.answers, key=lambda answer: answer.position, default=None)
    if isinstance(one.subject, Server):
        gate = f"'arcops host gate {one.subject.name}' judges it, and no release does"
        why = f"{lacking or 'nothing answers it'}; {gate}" if lacking or last is None else f"{_said(last)}; {gate}"
        return Step(described=one, planned=planned, runs=False, why=why, answer=last, elsewhere=True)

    def run(why: str) -> Step:
        if one.node in ("", this_machine()):
            return Step(described=one, planned=planned, runs=True, why=why, answer=last)
        told = f"{why}; it is about the node {one.node}, so run 'arcops release check' or the flow {one.what.flow} there"
        return Step(described=one, planned=planned, runs=False, elsewhere=True, why=told, answer=last)

    if lacking or last is None:
        return run(lacking or "nothing answers it")
    said = _said(last)
    rule = policy.rule(planned.flow)
    amber = last.verdict is Verdict.AMBER and rule is not None and rule.allow_amber
    if not amber and any(answer.verdict is not Verdict.GREEN for answer in found.answers):
        return run(f"it is {said}; it may be repaired by now")
    if last.valid_until < until:
        return run(f"its artifact is valid until {_moment(last.valid_until)}")
    elsewhere = one.node not in ("", this_machine())
    return Step(described=one, planned=planned, runs=False, why=said, answer=last, elsewhere=elsewhere)


def _said(answer: Answer) -> str:
    return f"{answer.verdict.value}, judged {_moment(answer.judged_at)}, valid until {_moment(answer.valid_until)}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
