"""Part of gate `benchmark`: can the baseline be trusted, does it fit this machine, and is the machine as fast as it says?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from arcops.clock import Ahead, ahead, offset
from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.baseline import Baseline, Baselines, Known, model_of
from arcops.seen.benchmark import Benchmark, Measured
from arcops.signer import allowed
from arcops.zones import LEAST_SESSIONS, PPM, Zone, compare, decided
from gates.gpu.benchmark.calm import Calm
from gates.gpu.benchmark.policy import BenchmarkPolicy
from gates.gpu.benchmark.results import excused, whole
from gates.gpu.words import label, rate, said, weighed
from gates.words import shown

BASELINE = Rule(
    id="benchmark/baseline",
    asks="Is every figure as good as in the site's signed baseline, within the tolerance?",
    fix="Check cooling, power, clocks and other load; then measure again.",
)

_MAKE_ONE = "Make a baseline from the artifact of a healthy machine ('arcops gpu baseline ARTIFACT -o site.json'), and use it."
_OTHER = "Use a baseline of this model, made with the same exercise and the same release."


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
        yield BASELINE.unknown(f"The baseline cannot be trusted: {shown(given.body.said)}.", given, fix=_MAKE_ONE)
        return
    if baseline is None:
        text = f"No baseline was given, so the normal speed of this machine is unknown. {_MAKE_ONE}"
        yield weighed(BASELINE, policy.without_baseline, text, found, given, about="")
        return
    refusals = list(_refusals(given.body, baseline, found.body, policy, at, skew))
    if ahead(baseline.measured_at, at=at, skew=skew) is Ahead.INSIDE:
        early = f"The baseline is dated {offset(baseline.measured_at, at)} ahead of the clock here."
        yield BASELINE.warns(early, given, about="clock")
    for text in refusals:
        yield BASELINE.fails(text, given, found, fix=_OTHER)
    if not refusals:
        yield from _shared(found, given, baseline)
        yield from _software(found, given, baseline, policy)
        yield from _figures(found, given, baseline, policy, calm)


def _refusals(
    given: Baselines, baseline: Baseline, body: Benchmark, policy: BenchmarkPolicy, at: datetime, skew: timedelta
) -> Iterator[str]:
    """The reasons why a baseline does not count although its signature is good, as whole sentences."""
    digests = tuple(str(digest) for digest in baseline.subject.digests)
    if not any(allowed(signer, policy.signers, baseline.subject.name, digests) for signer in given.signers):
        who, name = ", ".join(str(signer) for signer in given.signers), shown(baseline.subject.name)
        signed = f"was signed by {who}; the policy does not allow this" if who else "has no proven signature"
        yield f"The baseline of {name} {signed}."
    if ahead(baseline.measured_at, at=at, skew=skew) is Ahead.OUTSIDE:
        yield f"The baseline was measured on {baseline.measured_at:%Y-%m-%d %H:%M} UTC, which is in the future."
    elif at - baseline.measured_at > timedelta(days=policy.most_age):
        days = (at - baseline.measured_at).days
        yield f"The baseline is {days} days old; the policy allows at most {policy.most_age}."
    here, there = body.exercise, baseline.exercise
    if here.cpu is not there.cpu:
        kinds = ("the processor", "GPUs") if here.cpu else ("GPUs", "the processor")
        yield f"This run measured {kinds[0]}, but the baseline measured {kinds[1]}."
    if here.size != there.size:
        yield f"This run has size {here.size}, but the baseline has size {there.size}: their times cannot be compared."


def _shared(found: Evidence[Benchmark], given: Evidence[Baselines], baseline: Baseline) -> Iterator[Finding]:
    """Sessions of one process share what the process happened to get, so they do not show how much the machine varies."""
    if not baseline.exercise.fresh:
        text = "All sessions of the baseline shared one process, so it does not show how much this machine varies."
        yield BASELINE.warns(text, given, about="processes of the baseline", fix=_MAKE_ONE)
    if not found.body.exercise.fresh:
        text = "All sessions shared one process, so they do not show how much this machine varies."
        yield BASELINE.warns(text, found, about="processes", fix="Measure again with 'arcops gpu bench' of this release.")


def _software(
    found: Evidence[Benchmark], given: Evidence[Baselines], baseline: Baseline, policy: BenchmarkPolicy
) -> Iterator[Finding]:
    there = {(machine.model, machine.software) for machine in baseline.machines}
    for machine in found.body.machines:
        known = sorted(software for model, software in there if model == machine.model)
        if known and machine.software not in known:
            text = (
                f"{shown(machine.device)} ran with {shown(machine.software)}, but the baseline was made with"
                f" {shown(known[0])}: the software may cause a difference."
            )
            yield weighed(BASELINE, policy.other_software, text, found, given, about=f"software of {shown(machine.device)}")


def _figures(
    found: Evidence[Benchmark], given: Evidence[Baselines], baseline: Baseline, policy: BenchmarkPolicy, calm: Calm
) -> Iterator[Finding]:
    other_models: set[str] = set()
    for figure in found.body.figures:
        model, about = model_of(figure.device, found.body.machines), label(figure)
        known = baseline.figure(figure.name, model)
        if not any(one.model == model for one in baseline.figures) and not excused(figure, policy):
            if model not in other_models:
                other_models.add(model)
                theirs = ", ".join(sorted({shown(one.model) for one in baseline.figures}))
                text = f"The baseline covers {theirs}, not {shown(model)}, so it does not fit this machine."
                yield BASELINE.unknown(text, found, given, about=shown(model), fix=_OTHER)
        elif not whole(figure, policy):
            if not excused(figure, policy):
                yield BASELINE.unknown(f"{about} was not measured, so it cannot be compared.", found, given, about=about)
        elif known is None:
            yield BASELINE.unknown(f"The baseline has no figure for {about}.", found, given, about=about, fix=_OTHER)
        elif (known.work, known.unit) != (figure.work, figure.unit):
            text = (
                f"{about} did other work ({figure.work}) than in the baseline ({known.work}), so the times cannot be compared."
            )
            yield BASELINE.unknown(text, found, given, about=about, fix=_OTHER)
        else:
            apart = found.body.exercise.fresh and baseline.exercise.fresh
            yield _compared(found, given, figure, known, policy, calm, apart=apart)


def _compared(
    found: Evidence[Benchmark],
    given: Evidence[Baselines],
    figure: Measured,
    known: Known,
    policy: BenchmarkPolicy,
    calm: Calm,
    *,
    apart: bool,
) -> Finding:
    """Judged by the undisturbed sessions. If these are too few, by all sessions, and then the figure is never called slow; nor
    is it if the sessions were not *apart*, each in its own process.
    """
    tolerance = min(policy.tolerance, found.body.exercise.tolerance)
    left = calm.sessions(figure)
    enough = len(left) >= LEAST_SESSIONS
    times = [session.middle for session in left] if enough else figure.times
    interval = compare(times, known.times)
    about, fast = label(figure), rate(figure.rate or 0, figure.unit)
    text = f"{about}: {fast}, in {said(interval)} of the baseline's time; at most {100 + tolerance} % is allowed"
    if len(left) < len(figure.sessions):
        many = f"{len(figure.sessions) - len(left)} of {len(figure.sessions)} sessions were disturbed"
        text += f"; {many} and {'left out' if enough else f'the {len(left)} others are too few to judge by'}"
    zone = decided(times, known.times, tolerance)
    if zone is Zone.BEYOND and enough and not apart:
        text = f"{text}; it is slower, but its sessions were not each in a process of their own, so this may be chance."
        return BASELINE.warns(text, found, given, about=about)
    if zone is Zone.BEYOND and enough:
        return BASELINE.fails(f"{text}; it is slower than the baseline.", found, given, about=about)
    if zone is Zone.BEYOND:
        return BASELINE.warns(f"{text}; so it is unclear whether it is slow or was disturbed.", found, given, about=about)
    if zone is Zone.UNDECIDED:
        return BASELINE.warns(
            f"{text}; this is too close to the limit for its noise, so the result is unclear.", found, given, about=about
        )
    if interval.high * 100 < PPM * (100 - policy.most_faster):
        rest = "this is so much faster that the baseline must come from an unhealthy machine or another kind of machine"
        return BASELINE.warns(f"{text}; {rest}.", found, given, about=about, fix=_MAKE_ONE)
    return BASELINE.passes(f"{text}.", found, given, about=about)
