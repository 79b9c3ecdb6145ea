"""The time to first inference: from the first check of a model to its first judged answer, and where the time went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.verdict import Verdict
from artifacts.store import Store
from capabilities.artifact.measured_words import lasting
from capabilities.artifact.standing import grounds
from capabilities.artifact.vouched import Kept, VouchedReports
from capabilities.contract import Scope, tool
from flows.place import Place

INFERENCE, SIGNATURES = "inference", "signatures"
_ADMITTED = ("admission/cleared", "released/release")
"""The rules that say about a model that a workload may run it."""
MOST_DAYS = 3660
MOST_MODELS = 100
FEW = 10
"""The first releases of a site are compared with the last ones, so many of each."""


class WaitedFor(Enum):
    """What a model waits for, in this order. What has no artifact of its own is counted with what comes after it."""

    SIGNATURES = "signatures"
    """Until the first artifact in which its signatures are not RED."""
    SCANS = "scans"
    """Until the first artifact about the model as a whole that is not RED."""
    DEPLOYMENT = "deployment"
    """Until a workload with it was first admitted."""
    LOADING = "loading"
    """Until the first artifact in which it answers, not RED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimed:
    """A part of the time: what it was ``spent`` on, how long it took, and the artifact that ended it."""

    spent: tuple[WaitedFor, ...]
    seconds: int
    artifact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTimed:
    """A model at a site: when its first check was judged, when it was first shown to answer, and the steps between."""

    model: str
    name: str
    site: str
    begun: datetime
    answered: datetime
    seconds: int
    steps: tuple[StepTimed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteTimed:
    """The models of one site together. ``first`` and ``last`` are the medians of its first and last models, so many of each as
    ``FEW`` says; ``null`` as long as there are not twice as many. All in seconds.
    """

    site: str
    models: int
    median: int
    first: int | None
    last: int | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFirstInference:
    """Which period."""

    days: int = field(default=365, metadata=shaped(least=1, most=MOST_DAYS))
    """How many days back to look: models that first answered since then count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstInference:
    """The models that first answered in the period, the newest first, and their sites."""

    begin: datetime
    end: datetime
    models: tuple[ModelTimed, ...]
    """At most 100 of them."""
    sites: tuple[SiteTimed, ...]
    alone: int
    """How many answered without an earlier artifact to measure from."""
    said: str
    """In one sentence; if nothing was measured, why."""
    problem: str = ""
    """Why no artifact can be vouched for, if that is so."""


@tool(title="Time to first inference", scope=Scope.READ, reads_only=True, long=True)
def time_to_first_inference(ask: AskFirstInference, at: Place) -> FirstInference:
    """Measure for each model how long it took from its first check to its first judged answer at the site, and on what the time
    was spent; with each site's median, and its first models compared with its last ones.
    """
    if not 1 <= ask.days <= MOST_DAYS:
        raise Refused(f"times are measured over 1 to {MOST_DAYS} days, not {ask.days}")
    end = at.now()
    begin = end - timedelta(days=ask.days)
    ground = grounds(at)
    with Store.at(at.settings) as store:
        found, alone = timed(VouchedReports(store, ground, begin=begin, end=end, stop=at.stop))
    return FirstInference(
        begin=begin,
        end=end,
        models=tuple(sorted(found, key=lambda one: one.answered, reverse=True)[:MOST_MODELS]),
        sites=tuple(_sites(found)),
        alone=alone,
        said=_said(found, alone),
        problem=ground.problem,
    )


def timed(vouched: VouchedReports) -> tuple[tuple[ModelTimed, ...], int]:
    """The models that were first shown to answer in the period of *vouched*, each once a site; and how many of them had no
    earlier artifact.
    """
    shown = vouched.judged_by(lambda gate: _named(gate, INFERENCE))
    admitted = _admitted(vouched)
    found: dict[tuple[str, str], ModelTimed] = {}
    alone = 0
    for kept in shown:
        model, site = str(kept.report.subject.digests[0]), kept.report.site
        if (model, site) in found or not _answers(kept):
            continue
        known = [one for one in vouched.about(model) if one.report.site == site]
        first = next((one for one in known if _answers(one)), kept)
        if first.artifact != kept.artifact:
            continue  # it answered before the period began, so its time belongs there
        if known[0].artifact == kept.artifact:
            alone += 1
            continue
        found[model, site] = _timed(model, known, kept, admitted.get((model, site)))
    return tuple(found.values()), alone


def median(seconds: Sequence[int]) -> int:
    """The median of *seconds*, in whole seconds."""
    ordered = sorted(seconds)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2


def _timed(model: str, known: Sequence[Kept], answered: Kept, admitted: Kept | None) -> ModelTimed:
    begun = known[0].report.judged_at
    whole = [one for one in known if _gate(one, SIGNATURES) is not None]
    ends: list[tuple[WaitedFor, Kept | None]] = [
        (WaitedFor.SIGNATURES, next((one for one in whole if _gate(one, SIGNATURES) is not Verdict.RED), None)),
        (WaitedFor.SCANS, next((one for one in whole if one.report.verdict is not Verdict.RED), None)),
        (WaitedFor.DEPLOYMENT, admitted),
        (WaitedFor.LOADING, answered),
    ]
    steps: list[StepTimed] = []
    waited: tuple[WaitedFor, ...] = ()
    last = begun
    for what, end in ends:
        waited = (*waited, what)
        if end is None or not last <= end.report.judged_at <= answered.report.judged_at:
            continue
        seconds = int((end.report.judged_at - last).total_seconds())
        steps.append(StepTimed(spent=waited, seconds=seconds, artifact=end.artifact))
        waited, last = (), end.report.judged_at
    return ModelTimed(
        model=model,
        name=known[0].report.subject.name,
        site=answered.report.site,
        begun=begun,
        answered=answered.report.judged_at,
        seconds=int((answered.report.judged_at - begun).total_seconds()),
        steps=tuple(steps),
    )


def _admitted(vouched: VouchedReports) -> dict[tuple[str, str], Kept]:
    """The first artifact in which a workload with a model was admitted, by the model's digest and the site."""
    found: dict[tuple[str, str], Kept] = {}
    for kept in vouched.judged_by(lambda gate: gate in ("admission", "released")):
        if kept.report.verdict is Verdict.RED:
            continue
        for result in kept.report.results:
            for finding in result.findings:
                if finding.rule in _ADMITTED and finding.about and finding.outcome in (Outcome.PASS, Outcome.WARN):
                    found.setdefault((finding.about, kept.report.site), kept)
    return found


def _sites(found: Sequence[ModelTimed]) -> Iterator[SiteTimed]:
    by_site: dict[str, list[ModelTimed]] = defaultdict(list)
    for one in found:
        by_site[one.site].append(one)
    for site, models in sorted(by_site.items()):
        seconds = [one.seconds for one in sorted(models, key=lambda one: one.begun)]
        enough = len(seconds) >= 2 * FEW
        first, last = (median(seconds[:FEW]), median(seconds[-FEW:])) if enough else (None, None)
        yield SiteTimed(
            site=site,
            models=len(models),
            median=median(seconds),
            first=first,
            last=last,
            said=_compared(first, last, len(models)),
        )


def _compared(first: int | None, last: int | None, models: int) -> str:
    if first is None or last is None:
        return f"The first {FEW} models are compared with the last {FEW} once there are {2 * FEW}; there are {models}."
    if not first:
        return f"The first {FEW} models took no time that could be measured."
    change = round(100 * (last - first) / first)
    return f"The last {FEW} models took {abs(change)} % {'less' if change <= 0 else 'more'} than the first {FEW}."


def _said(found: Sequence[ModelTimed], alone: int) -> str:
    also = f" {alone} more had no earlier artifact to measure from." if alone else ""
    if not found:
        return f"No model was first shown to answer in this time.{also}"
    return f"{len(found)} model(s), with a median of {lasting(median([one.seconds for one in found]))}.{also}"


def _answers(kept: Kept) -> bool:
    """Did a gate of inference see the model answer?"""
    verdicts = [one.verdict for one in kept.report.results if _named(one.gate, INFERENCE)]
    return bool(verdicts) and Verdict.RED not in verdicts


def _gate(kept: Kept, name: str) -> Verdict | None:
    return next((one.verdict for one in kept.report.results if _named(one.gate, name)), None)


def _named(gate: str, name: str) -> bool:
    return gate == name or gate.startswith(f"{name}-")
