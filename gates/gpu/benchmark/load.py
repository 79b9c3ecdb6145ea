"""Part of gate `benchmark`: how the device ran under a sustained load."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.benchmark import Benchmark, Moment, Sustained
from arcops.zones import PPM, median
from gates.gpu.benchmark.calm import singles
from gates.gpu.benchmark.policy import BenchmarkPolicy
from gates.gpu.words import percent, weighed
from gates.words import shown

SUSTAINED = Rule(
    id="benchmark/sustained",
    asks="Does a sustained load run as fast at its end as at its beginning, and does nothing slow the device down?",
    fix="Check cooling and power: the finding says what slowed the device down.",
)

_LEAST_MOMENTS = 8
_END_OF = 4
"""The beginning and the end are a quarter of the moments each. The very first moments, while clocks rise, belong to the
beginning. They make it look a little slower than it was. To leave them out, one would need to know how long clocks rise."""


def kept_up(found: Evidence[Benchmark], policy: BenchmarkPolicy) -> Iterator[Finding]:
    if not policy.least_sustained and not found.body.sustained:
        yield SUSTAINED.passes("No sustained load was run, and the policy requires none.", found)
        return
    told = {one.device for one in found.body.sustained}
    for device in sorted({*singles(found.body)} - told):
        yield SUSTAINED.unknown(f"No sustained load was run on {shown(device)}.", found, about=shown(device))
    for one in found.body.sustained:
        problem = _too_little(one, policy)
        if problem:
            yield SUSTAINED.unknown(f"{shown(one.device)}: {problem}.", found, about=shown(one.device))
        else:
            yield from _judged(one, found, policy)
    if not found.body.machines:
        yield SUSTAINED.unknown("There was no device to run a sustained load on.", found)


def _too_little(one: Sustained, policy: BenchmarkPolicy) -> str:
    if one.said:
        return f"the sustained load was not completed: {shown(one.said)}"
    # A round is reported when it ends, so the last moment is up to one round before the end.
    lasted = max((moment.at + moment.took // 1000 for moment in one.moments), default=0)
    if lasted * 10 < policy.least_sustained * 9_000_000:
        return f"the sustained load ran for {lasted / 1e6:.1f} of {policy.least_sustained} seconds"
    if len(one.moments) < _LEAST_MOMENTS:
        return f"only {len(one.moments)} moments of the load were reported; at least {_LEAST_MOMENTS} are needed"
    return ""


def _judged(one: Sustained, found: Evidence[Benchmark], policy: BenchmarkPolicy) -> Iterator[Finding]:
    device, clean = shown(one.device), True
    for finding in (*_slowed(one, found, policy), *_grown(one, found, policy)):
        clean = False
        yield finding
    if clean:
        yield SUSTAINED.passes(f"{device} ran the load {one.name!r} without slowing down.", found, about=device)


def _slowed(one: Sustained, found: Evidence[Benchmark], policy: BenchmarkPolicy) -> Iterator[Finding]:
    device = shown(one.device)
    silent = sum(moment.reasons is None for moment in one.moments)
    if silent:
        text = f"{device} did not report in {silent} of {len(one.moments)} moments whether something slowed it down."
        yield weighed(SUSTAINED, policy.unasked, text, found, about=f"{device}: reasons")
    told = sorted({reason for moment in one.moments for reason in moment.reasons or ()})
    for reason in told:
        if reason in policy.slow_passes:
            continue
        times = sum(reason in (moment.reasons or ()) for moment in one.moments)
        text = f"{device} was slowed down in {times} of {len(one.moments)} moments: {shown(reason)}."
        answer = SUSTAINED.warns if reason in policy.slow_warns else SUSTAINED.fails
        yield answer(text, found, about=f"{device}: {shown(reason)}")


def _grown(one: Sustained, found: Evidence[Benchmark], policy: BenchmarkPolicy) -> Iterator[Finding]:
    device, quarter = shown(one.device), max(2, len(one.moments) // _END_OF)
    begin, end = one.moments[:quarter], one.moments[-quarter:]
    took = [median([moment.took for moment in part]) for part in (begin, end)]
    grown = took[1] * PPM // max(1, took[0])
    if grown * 100 > PPM * (100 + policy.warn_growth):
        text = f"{device}: at the end of the load {one.name!r}, a round took {percent(grown)} of its time at the beginning."
        answer = SUSTAINED.fails if grown * 100 > PPM * (100 + policy.most_growth) else SUSTAINED.warns
        yield answer(text, found, about=f"{device}: time")
    clocks = [_clock(part) for part in (begin, end)]
    if clocks[0] and clocks[1] * 100 < clocks[0] * (100 - policy.warn_growth):
        text = f"{device}: its clock fell from {clocks[0]} to {clocks[1]} MHz during the load {one.name!r}."
        yield SUSTAINED.warns(text, found, about=f"{device}: clock")


def _clock(moments: tuple[Moment, ...]) -> int:
    told = [moment.clock for moment in moments if moment.clock is not None]
    return median(told) if told else 0
