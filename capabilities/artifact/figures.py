"""The product's own success figures, measured from what the store can prove. Each comes with its definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from arcops.asks import shaped
from arcops.errors import Refused
from artifacts.store import Store
from capabilities.artifact.measures import (
    MeasuredFigure,
    deployed_after_passing,
    first_inference,
    gpu_reproduced,
    wildcard_egress,
)
from capabilities.artifact.standing import grounds
from capabilities.artifact.vouched import VouchedReports
from capabilities.contract import Scope, tool
from flows.place import Place

MOST_DAYS = 3660


class FigureUnit(Enum):
    """What a figure's ``value`` counts."""

    SECONDS = "seconds"
    OF = "of"
    """A part of the things that ``of`` counts."""
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFigures:
    """Which period to measure, and which namespaces are production."""

    days: int = field(default=90, metadata=shaped(least=1, most=MOST_DAYS))
    """How many days back to look: artifacts judged since then count."""
    production: tuple[str, ...] = ()
    """Names of production namespaces; * stands for any characters. If none is named, every namespace counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessFigure:
    """One figure. ``value`` is ``None`` if nothing in the store could be measured; ``said`` gives the reason."""

    name: str
    title: str
    definition: str
    unit: FigureUnit
    value: int | None
    of: int
    """How many things were measured; or, for a share, how many there are in all, of which ``value`` are good."""
    said: str
    artifacts: tuple[str, ...]
    """The newest artifacts that the figure is measured from, at most 20."""
    how: str = ""
    """What to do so that the figure can be measured, with the commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Every figure, over one period."""

    begin: datetime
    end: datetime
    figures: tuple[SuccessFigure, ...]
    unvouched: int
    """How many artifacts were left out, because no signer that counts here vouches for them."""
    problem: str = ""
    """Why no artifact can be vouched for, if that is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    name: str
    title: str
    definition: str
    how: str
    unit: FigureUnit
    measure: Callable[[VouchedReports, tuple[str, ...]], MeasuredFigure]


_WANTED = (
    _Wanted(
        name="time-to-first-inference",
        title="Time to first inference",
        definition=(
            "For each model that was shown to answer in the period: the time from the first artifact about the model to the "
            "first artifact in which a gate named 'inference' is not RED, with the same digest as its subject. The figure is "
            "the median over models."
        ),
        how=(
            "Check the model with 'arcops check MODEL'. Then check the endpoint that serves it, with 'arcops "
            "inference check URL --models ID --of MODEL' and a policy that judges both, so that its artifact is "
            "about the same digest."
        ),
        unit=FigureUnit.SECONDS,
        measure=first_inference,
    ),
    _Wanted(
        name="passed-before-deployment",
        title="Models that passed before deployment",
        definition=(
            "Of the models that workloads asked to run in the period: those that had a valid GREEN artifact, from a signer who "
            "counts, when they were first asked for at the admission check. A workload that names no model counts as not "
            "passed. AMBER does not count as passed, even if the policy admits it."
        ),
        how=(
            "Let the admission webhook decide about workloads, or ask it by hand with 'arcops admit MANIFEST'. "
            "Each answer is kept."
        ),
        unit=FigureUnit.OF,
        measure=deployed_after_passing,
    ),
    _Wanted(
        name="wildcard-egress",
        title="Wildcard egress in production namespaces",
        definition=(
            "Production namespaces from which pods may connect to anywhere: gate 'network' finds an egress rule that names no "
            "destination (network/egress), waived or not, or a pod that no policy restricts for egress (network/isolated), by "
            "the newest artifact of each site and subject. If no production namespaces are named, every namespace counts. "
            "The goal is 0."
        ),
        how=(
            "Check the manifests of the production namespaces with 'arcops network check FOLDER', or the live "
            "network with 'arcops network check --context NAME'."
        ),
        unit=FigureUnit.COUNT,
        measure=wildcard_egress,
    ),
    _Wanted(
        name="gpu-reproduced",
        title="GPU readiness reproduced across sites",
        definition=(
            "Of the sites that judged GPU nodes by a policy that at least one other site used too (the same policy by its "
            "digest): those at which the newest artifact of every node is GREEN. A site counts once for each such policy."
        ),
        how=(
            "At each of two or more sites, set ARCOPS_SITE and run 'arcops gpu check' with the same policy. Carry "
            "the artifacts here with 'arcops store export' there and 'arcops store import' here."
        ),
        unit=FigureUnit.OF,
        measure=gpu_reproduced,
    ),
)


@tool(title="Success figures", scope=Scope.READ, reads_only=True, long=True)
def success_figures(ask: AskFigures, at: Place) -> Figures:
    """Measure how well this site does, from artifacts whose signatures hold: time to first inference, models checked before
    deployment, wildcard egress, GPU readiness across sites. If a figure cannot be measured, the answer says so; it is never
    shown as zero.
    """
    if not 1 <= ask.days <= MOST_DAYS:
        raise Refused(f"figures are measured over 1 to {MOST_DAYS} days, not {ask.days}")
    end = at.now()
    begin = end - timedelta(days=ask.days)
    ground = grounds(at)
    with Store.at(at.settings) as store:
        vouched = VouchedReports(store, ground, begin=begin, end=end, stop=at.stop)
        figures = tuple(_figure(wanted, wanted.measure(vouched, ask.production)) for wanted in _WANTED)
        return Figures(begin=begin, end=end, figures=figures, unvouched=len(vouched.unvouched), problem=ground.problem)


def _figure(wanted: _Wanted, measured: MeasuredFigure) -> SuccessFigure:
    return SuccessFigure(
        name=wanted.name,
        title=wanted.title,
        definition=wanted.definition,
        unit=wanted.unit,
        value=measured.value,
        of=measured.of,
        said=measured.said,
        artifacts=measured.artifacts[:20],
        how=wanted.how,
    )


def worded(figure: SuccessFigure) -> str:
    """The figure's value in words; if nothing was measured, no number."""
    if figure.value is None:
        return "not measured"
    match figure.unit:
        case FigureUnit.OF:
            return f"{figure.value} of {figure.of}"
        case FigureUnit.COUNT:
            return str(figure.value)
        case FigureUnit.SECONDS:
            return _lasting(figure.value)


def _lasting(seconds: int) -> str:
    """*seconds* in the two largest units, such as ``2 d 4 h``."""
    parts, rest = [], seconds
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
