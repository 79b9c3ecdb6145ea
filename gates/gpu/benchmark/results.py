"""Part of gate `benchmark`: was everything measured, and were the results right?"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.baseline import Baselines, model_of
from arcops.seen.benchmark import Benchmark, Measured
from gates.gpu.benchmark.policy import BenchmarkPolicy
from gates.gpu.words import label, weighed
from gates.words import shown


def whole(figure: Measured, policy: BenchmarkPolicy) -> bool:
    """Was *figure* measured often enough to be judged?"""
    return not figure.said and len(figure.sessions) >= policy.least_sessions


def excused(figure: Measured, policy: BenchmarkPolicy) -> bool:
    """Is *figure* optional in the policy, and was it not measured at all?"""
    return not figure.sessions and any(fnmatchcase(figure.name, pattern) for pattern in policy.optional)


MEASURED = Rule(
    id="benchmark/measured",
    asks="Was every planned figure measured often enough, at full size?",
    fix="Give a larger budget, omit --size, and find out why a device could not run its measurement.",
)


def measured(found: Evidence[Benchmark], given: Evidence[Baselines], policy: BenchmarkPolicy) -> Iterator[Finding]:
    body, clean = found.body, True
    if body.exercise.size < policy.least_size:
        clean = False
        yield MEASURED.unknown(
            f"The run had {body.exercise.size} thousandths of the full size; the policy requires {policy.least_size}.", found
        )
    if body.unfinished:
        clean = False
        yield MEASURED.unknown(f"The run ended after {len(body.processes)} processes, before its last one.", found)
    if not body.figures:
        clean = False
        yield MEASURED.unknown("No figure was planned, so nothing was measured.", found)
    for figure in body.figures:
        if whole(figure, policy):
            continue
        why = figure.said or f"{len(figure.sessions)} session(s) are too few; the policy requires {policy.least_sessions}"
        text = f"{label(figure)} was not measured: {shown(why)}."
        if excused(figure, policy):
            yield MEASURED.passes(f"{text} It is optional in the policy.", found, about=label(figure))
            continue
        clean = False
        yield MEASURED.unknown(text, found, about=label(figure))
    for about, text in _absent(body, given.body):
        clean = False
        yield MEASURED.unknown(text, found, given, about=about)
    if clean:
        count, devices = sum(whole(figure, policy) for figure in body.figures), len(body.machines)
        yield MEASURED.passes(f"{count} figures of {devices} device(s) were measured.", found)


def _absent(body: Benchmark, given: Baselines) -> Iterator[tuple[str, str]]:
    """Figures that the baseline has for a model that is here, and that were not measured now. They could be measured before."""
    here = {(figure.name, model_of(figure.device, body.machines)) for figure in body.figures if figure.sessions}
    models = {model for _, model in here} | {machine.model for machine in body.machines}
    for known in given.baseline.figures if given.baseline is not None else ():
        if known.model in models and (known.name, known.model) not in here:
            yield shown(known.name), f"{shown(known.name)} is in the baseline, but was not measured here."


CORRECT = Rule(
    id="benchmark/correct",
    asks="Was every checked result right?",
    fix="Take the device out of service: it corrupts data silently. Run the vendor's field diagnosis, and have it replaced.",
)


def correct(found: Evidence[Benchmark], policy: BenchmarkPolicy) -> Iterator[Finding]:
    looked, clean = 0, True
    for figure in found.body.figures:
        checked = figure.checked
        if checked is not None and checked.wrong:
            clean = False
            text = f"{label(figure)}: {checked.wrong} of {checked.compared} results are wrong ({shown(checked.how)})."
            yield CORRECT.fails(text, found, about=label(figure))
        elif checked is not None and checked.compared > 0:
            looked += checked.compared
        elif whole(figure, policy):
            clean = False
            text = f"The results of {label(figure)} were not checked."
            yield weighed(CORRECT, policy.unchecked, text, found, about=label(figure))
    if clean and looked:
        yield CORRECT.passes(f"All {looked} checked results are right.", found)
    elif clean:
        yield CORRECT.unknown("No result could be checked.", found)
