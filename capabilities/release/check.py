"""Check a release: run the parts that are missing or about to end, then judge all of them together."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from arcops.asks import shaped
from arcops.errors import ArcOpsError, Refused
from arcops.result import Report
from arcops.subjects.gpu import ExercisedNode
from arcops.subjects.inference import LoadedEndpoint
from arcops.subjects.release import Release
from artifacts.moments import read_moment
from artifacts.store import Store
from capabilities.contract import Scope, tool
from capabilities.judging import judged
from flows.place import Place
from flows.subjects.release.describing import DescribedPart
from flows.subjects.release.evaluation import RELEASE
from flows.subjects.release.planning import Step, described_here, looked, plan_of, release_policy, steps
from tasks.release.planned import PlannedPart, write_plan

_MEASURED = (ExercisedNode, LoadedEndpoint)
"""What is measured while it runs: other work on the machine would be measured, too."""
_MOST_TOGETHER = 4
_TARGET = shaped(positional=True, title="FILE", least=1, most=4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRelease:
    """Which release to check, and by which policy."""

    description: Path = field(metadata=_TARGET)
    """The file that describes the release."""
    policy: str = "release"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""
    again: bool = False
    """Run every part, also those that are still valid."""
    kept_only: bool = False
    """Run nothing and connect to nothing: judge what the store has, such as after an import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartShown:
    """A part: its ``verdict`` (empty if nothing answers it), its ``artifact``, and if it ``runs`` or ran; ``said`` is why.

    ``took_s`` is how many seconds the work behind that artifact took, if a preview was asked for and it is known.
    """

    part: str
    flow: str
    verdict: str
    artifact: str
    runs: bool
    said: str
    took_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRelease:
    """What was found about a release, and the digest of the signed artifact that says so."""

    report: Report
    artifact: str
    """The digest under which the store keeps the sealed report."""
    parts: tuple[PartShown, ...] = ()
    """Each part, in the order of the description."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRelease:
    """Which release to look at, and by which policy."""

    description: Path = field(metadata=_TARGET)
    """The file that describes the release."""
    policy: str = "release"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedRelease:
    """What a check would do."""

    name: str
    site: str
    parts: tuple[PartShown, ...]


def _runs_parts(ask: CheckRelease) -> bool:
    """Parts that run may connect."""
    return not ask.kept_only


@tool(title="Check a release", scope=Scope.CHECK, long=True, connects=_runs_parts)
def check_release(ask: CheckRelease, at: Place) -> CheckedRelease:
    """Judge whether a model is ready to ship on a site. Parts that are missing or about to end are checked first; then the
    newest artifact of every part is judged: its signer, policy, site, subject, verdict and term. The verdict is kept like any
    other.
    """
    if ask.again and ask.kept_only:
        raise Refused("'again' runs every part and 'kept only' runs none; choose one of them")
    policy = at.policy(ask.policy)
    described = described_here(ask.description, at)
    at = replace(at, signer=cache(at.signer))  # once: its passphrase may come through a pipe
    found = looked(described, at, release_policy(policy), own_key=at.signer().public.id)
    done = [(one.planned, _shown(one)) for one in found.steps] if ask.kept_only else _all_done(found.steps, ask.again, at)
    parts, told = [part for part, _ in done], [shown for _, shown in done]
    with tempfile.TemporaryDirectory() as folder:
        target = write_plan(plan_of(described, parts), Path(folder))
        release = Release(target=target, name=described.head.name)
        sealed = judged(RELEASE, release, policy, replace(at, roots=None), seen=found.still(parts))
    return CheckedRelease(report=sealed.report, artifact=sealed.artifact, parts=tuple(told))


@tool(title="Preview the check of a release", scope=Scope.READ, reads_only=True, long=True)
def preview_release(ask: PreviewRelease, at: Place) -> PreviewedRelease:
    """Say which parts of a release a check would run now, and which artifacts it would take again. Nothing is judged."""
    described = described_here(ask.description, at)
    found = [_shown(one) for one in steps(described, at, release_policy(at.policy(ask.policy)), own_key="")]
    took = _took({one.artifact for one in found if one.artifact}, at)
    parts = tuple(replace(one, took_s=took.get(one.artifact)) for one in found)
    return PreviewedRelease(name=described.head.name, site=described.head.site, parts=parts)


def _took(artifacts: Collection[str], at: Place) -> dict[str, int]:
    """How many seconds the work behind each of *artifacts* took, by the log; without those whose beginning it does not name."""
    if not artifacts:
        return {}
    with Store.at(at.settings) as store:
        entries = [one for one in store.entries() if one.artifact in artifacts and one.begun]
    return {one.artifact: max(0, round((one.at - read_moment(one.begun)).total_seconds())) for one in reversed(entries)}


def _all_done(found: Sequence[Step], again: bool, at: Place) -> list[tuple[PlannedPart, PartShown]]:
    """Every step when it is done, in their order: side by side, but nothing else runs while something is measured."""
    ended = 0

    def one(step: Step) -> tuple[PlannedPart, PartShown]:
        nonlocal ended
        made = _done(step, again, at)
        ended += 1
        at.progress(ended, len(found))
        return made

    at.progress(0, len(found))
    together = [step for step in found if not isinstance(step.described.subject, _MEASURED)]
    with ThreadPoolExecutor(max(1, min(at.settings.workers, _MOST_TOGETHER)), thread_name_prefix="part") as pool:
        made = {step.described.part: answer for step, answer in zip(together, pool.map(one, together), strict=True)}
    made |= {step.described.part: one(step) for step in found if isinstance(step.described.subject, _MEASURED)}
    return [made[step.described.part] for step in found]


def _done(step: Step, again: bool, at: Place) -> tuple[PlannedPart, PartShown]:
    """*step* when it is done. A part that could not be checked is planned with the reason, so that the release says it."""
    if step.planned.problem or step.elsewhere or not (step.runs or again):
        return step.planned, _shown(step)
    one = step.described
    at.say(f"{one.part}: {step.why}; it is checked now ({one.what.flow}, policy {one.policy})")
    try:
        _refuse_unpermitted(one, at)
        here = replace(at, progress=lambda done, total: at.progress(0, 0))
        runner = step.planned.runner if step.planned.ask else ""
        sealed = judged(one.what, one.subject, one.policy, here, runner=runner)
    except (ArcOpsError, OSError, ValueError) as error:
        said = str(error)
        return replace(step.planned, problem=said), replace(_shown(step), runs=True, said=said)
    report = sealed.report
    digest = "" if step.planned.live else str(report.subject.digests[0])
    shown = PartShown(
        part=one.part, flow=one.what.flow, verdict=report.verdict.value, artifact=sealed.artifact, runs=True, said=step.why
    )
    return replace(step.planned, digest=digest), shown


def _refuse_unpermitted(one: DescribedPart, at: Place) -> None:
    """Raises `Refused` if the caller may not check *one* by its own tool: a release does nothing that they may not do."""
    if at.caller is None and at.permit is None:
        return
    from capabilities.catalogue import all_tools  # for a caller over the network alone

    own = next((tool for tool in all_tools() if tool.ask.__mro__[1] is type(one.subject)), None)
    if own is None or at.permit is None:
        raise Refused(f"no tool checks {one.what.flow} alone, so it is not known if this caller may check it")
    subject: Any = one.subject  # every subject is a dataclass
    given = {field.name: getattr(subject, field.name) for field in fields(subject)}
    try:
        at.permit(own, own.ask(**given, policy=one.policy))
    except Refused as error:
        raise Refused(f"the caller may not check it by {own.name}: {error}") from error


def _shown(step: Step) -> PartShown:
    answer = step.answer
    return PartShown(
        part=step.described.part,
        flow=step.described.what.flow,
        verdict=answer.verdict.value if answer is not None else "",
        artifact=answer.artifact if answer is not None else "",
        runs=step.runs,
        said=step.why,
    )
