"""Of the gate `benchmark`: may the baseline be believed, does it fit this machine, and does the machine keep to it?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from arcops.clock import Ahead, ahead, offset
from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.baseline import Baseline, Baselines, Known, model_of
from arcops.seen.benchmark import Benchmark, Measured
from arcops.signer import allowed
from arcops.zones import LEAST_SESSIONS, PPM, Zone, compare
from gates.gpu.benchmark.calm import Calm
from gates.gpu.benchmark.policy import BenchmarkPolicy
from gates.gpu.benchmark.results import excused, whole
from gates.gpu.words import label, rate, said, weighed
from gates.words import shown

BASELINE = Rule(
    id="benchmark/baseline",
    asks="Is every figure as good as in the site's signed baseline, within the tolerance?",
    fix="Look at cooling, power, clocks and what else runs; then measure again.",
)

_MAKE_ONE = "Make one of the artifact of a machine that is well ('arcops gpu baseline ARTIFACT -o site.json'), and give it."
_OTHER = "Give the baseline of this model, made with the same exercise by the same release."


def against_baseline(
    found: Evidence[Benchmark],
    given: Evidence[Baselines],
    policy: BenchmarkPolicy,
    calm: Calm,
    *,
    at: datetime,
    skew: timedelta,
) -> Iterator[Finding]:
    baseline = given.body.baseline
    if given.body.said:
        yield BASELINE.unknown(f"The baseline cannot be believed: {shown(given.body.said)}.", given, fix=_MAKE_ONE)
        return
    if baseline is None:
        text = f"No baseline was given, so nobody knows what this machine did when it was well. {_MAKE_ONE}"
        yield weighed(BASELINE, policy.without_baseline, text, found, given, about="")
        return
    refusals = list(_refusals(given.body, baseline, found.body, policy, at, skew))
    if ahead(baseline.measured_at, at=at, skew=skew) is Ahead.INSIDE:
        early = f"The baseline is dated {offset(baseline.measured_at, at)} ahead of the clock here."
        yield BASELINE.warns(early, given, about="clock")
    for text in refusals:
        yield BASELINE.fails(text, given, found, fix=_OTHER)
    if not refusals:
        yield from _software(found, given, baseline, policy)
        yield from _figures(found, given, baseline, policy, calm)


def _refusals(
    given: Baselines, baseline: Baseline, body: Benchmark, policy: BenchmarkPolicy, at: datetime, skew: timedelta
) -> Iterator[str]:
    """Why a baseline with a good signature does not count, as whole sentences."""
    digests = tuple(str(digest) for digest in baseline.subject.digests)
    if not any(allowed(signer, policy.signers, baseline.subject.name, digests) for signer in given.signers):
        who = ", ".join(str(signer) for signer in given.signers) or "nobody"
        yield f"The baseline of {shown(baseline.subject.name)} was signed by {who}, who may not sign one by this policy."
    if ahead(baseline.measured_at, at=at, skew=skew) is Ahead.OUTSIDE:
        yield f"The baseline was measured on {baseline.measured_at:%Y-%m-%d %H:%M} UTC, which lies in the future."
    elif at - baseline.measured_at > timedelta(days=policy.most_age):
        days = (at - baseline.measured_at).days
        yield f"The baseline is {days} days old, of at most {policy.most_age} that the policy allows."
    here, there = body.exercise, baseline.exercise
    if here.cpu is not there.cpu:
        kinds = ("the processor", "GPUs") if here.cpu else ("GPUs", "the processor")
        yield f"The run was of {kinds[0]}, and the baseline is of {kinds[1]}."
    if here.size != there.size:
        yield f"The run had a size of {here.size}, and the baseline one of {there.size}: their times do not compare."


def _software(
    found: Evidence[Benchmark], given: Evidence[Baselines], baseline: Baseline, policy: BenchmarkPolicy
) -> Iterator[Finding]:
    there = {(machine.model, machine.software) for machine in baseline.machines}
    for machine in found.body.machines:
        known = sorted(software for model, software in there if model == machine.model)
        if known and machine.software not in known:
            text = (
                f"{shown(machine.device)} was driven by {shown(machine.software)}, and the baseline was made with"
                f" {shown(known[0])}: a difference may be of the software."
            )
            yield weighed(BASELINE, policy.other_software, text, found, given, about=f"software of {shown(machine.device)}")


def _figures(
    found: Evidence[Benchmark], given: Evidence[Baselines], baseline: Baseline, policy: BenchmarkPolicy, calm: Calm
) -> Iterator[Finding]:
    strangers: set[str] = set()
    for figure in found.body.figures:
        model, about = model_of(figure.device, found.body.machines), label(figure)
        known = baseline.figure(figure.name, model)
        if not any(one.model == model for one in baseline.figures) and not excused(figure, policy):
            if model not in strangers:
                strangers.add(model)
                theirs = ", ".join(sorted({shown(one.model) for one in baseline.figures}))
                text = f"The baseline is of {theirs} and not of {shown(model)}, so it says nothing of this machine."
                yield BASELINE.unknown(text, found, given, about=shown(model), fix=_OTHER)
        elif not whole(figure, policy):
            if not excused(figure, policy):
                yield BASELINE.unknown(f"{about} was not measured, so it compares with nothing.", found, given, about=about)
        elif known is None:
            yield BASELINE.unknown(f"The baseline says nothing of {about}.", found, given, about=about, fix=_OTHER)
        elif (known.work, known.unit) != (figure.work, figure.unit):
            text = f"{about} did other work ({figure.work}) than in the baseline ({known.work}), so the times do not compare."
            yield BASELINE.unknown(text, found, given, about=about, fix=_OTHER)
        else:
            yield _compared(found, given, figure, known, policy, calm)


def _compared(
    found: Evidence[Benchmark],
    given: Evidence[Baselines],
    figure: Measured,
    known: Known,
    policy: BenchmarkPolicy,
    calm: Calm,
) -> Finding:
    """By the sessions that nothing disturbed; by all of them where these are too few, and then it is never called slow."""
    tolerance = min(policy.tolerance, found.body.exercise.tolerance)
    left = calm.sessions(figure)
    enough = len(left) >= LEAST_SESSIONS
    interval = compare([session.middle for session in left] if enough else figure.times, known.times)
    about, fast = label(figure), rate(figure.rate or 0, figure.unit)
    text = f"{about}: {fast}, in {said(interval)} of the baseline's time, of at most {100 + tolerance} %"
    if len(left) < len(figure.sessions):
        many = f"{len(figure.sessions) - len(left)} of {len(figure.sessions)} sessions were disturbed"
        text += f"; {many} and {'left out' if enough else f'the {len(left)} others are too few to judge by'}"
    zone = interval.zone(tolerance)
    if zone is Zone.BEYOND and enough:
        return BASELINE.fails(f"{text}; it is slower than it was.", found, given, about=about)
    if zone is Zone.BEYOND:
        return BASELINE.warns(f"{text}; so nobody can say whether it is slow or was disturbed.", found, given, about=about)
    if zone is Zone.UNDECIDED:
        return BASELINE.warns(f"{text}; nobody can say yet on which side it is.", found, given, about=about)
    if interval.high * 100 < PPM * (100 - policy.most_faster):
        rest = "so much faster that the baseline was taken from a machine that was not well, or is of another kind"
        return BASELINE.warns(f"{text}; {rest}.", found, given, about=about, fix=_MAKE_ONE)
    return BASELINE.passes(f"{text}.", found, given, about=about)
