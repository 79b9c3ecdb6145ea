"""Judging heat, clocks and power of a device."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.finding import Rule
from arcops.seen.gpu import Heat, Unread
from arcops.seen.gpu_profile import Area
from gates.gpu.gpu_health.device import DeviceProblem, JudgedDevice
from gates.gpu.gpu_health.policy import Signal

HEAT = Rule(
    id="gpu-health/heat",
    asks="Is every GPU cool enough, with a margin before it slows itself down?",
    fix="Check airflow, fans, dust, the room temperature, and the liquid cooling if there is any.",
)


def heat(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.heat
    yield from at.needs("its temperature", told.gpu, area=Area.HEAT)
    yield from at.needs("the temperature of its memory", told.memory, spare=Signal.MEMORY_HEAT, area=Area.HEAT)
    margin = _margin(told, at)
    if isinstance(margin, Unread):
        yield from at.needs("how far it is from slowing itself down", margin, area=Area.HEAT)
    elif margin < at.policy.least_margin:
        yield at.fails(f"it is {margin} °C from slowing itself down; at least {at.policy.least_margin} °C needed", "margin")
    elif margin < at.policy.spare_margin:
        yield at.warns(f"it is {margin} °C from slowing itself down", "margin")
    if not isinstance(told.memory, Unread) and told.memory > at.policy.most_memory_heat:
        yield at.fails(f"its memory is at {told.memory} °C; at most {at.policy.most_memory_heat} °C allowed", "memory")


def _margin(told: Heat, at: JudgedDevice) -> int | Unread:
    """The smallest known margin: the one that the device reports, and the difference between its temperature and its limit."""
    known: list[int] = [] if isinstance(told.margin, Unread) else [told.margin]
    limits = [limit for limit in (told.slows_at, _published(at)) if not isinstance(limit, Unread)]
    if not isinstance(told.gpu, Unread) and limits:
        known.append(min(limits) - told.gpu)
    if known:
        return min(known)
    return told.margin if isinstance(told.margin, Unread) else told.slows_at


def _published(at: JudgedDevice) -> int | Unread:
    figure = at.profile.slows_at if at.profile is not None else None
    return at.gpu.heat.slows_at if figure is None else figure.value


CLOCKS = Rule(
    id="gpu-health/clocks",
    asks="Are all GPUs free of slowdowns by heat, power or faults?",
    fix="Check what the finding names: cooling, the power supply and its cables, or a power cap that was set.",
)


def clocks(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.clocks
    yield from at.needs("why its clocks are low", told.reasons, area=Area.CLOCKS)
    yield from at.needs("which reasons for low clocks it can tell", told.tells, area=Area.CLOCKS)
    if not isinstance(told.tells, Unread) and at.applies(Area.CLOCKS):
        for reason in at.policy.slow_must_tell:
            if reason not in told.tells:
                yield at.fails(f"it cannot tell whether it is slowed down by {reason}", f"untold {reason}")
    if isinstance(told.reasons, Unread):
        return
    for reason in told.reasons:
        if reason in at.policy.slow_warns:
            yield at.warns(f"its clocks are lowered by {reason}", reason)
        elif reason not in at.policy.slow_passes:
            yield at.fails(f"its clocks are lowered by {reason}", reason)


POWER = Rule(
    id="gpu-health/power",
    asks="May every GPU draw the power that its kind is built for?",
    fix="Reset the limit with 'nvidia-smi -pl', or lower 'leastPowerPercent' of gate 'gpu-health' if the cap is intended.",
)


def power(at: JudgedDevice) -> Iterator[DeviceProblem]:
    told = at.gpu.power
    yield from at.needs("its power limit", told.limit, area=Area.POWER)
    yield from at.needs("its standard power limit", told.standard, area=Area.POWER)
    yield from at.needs("its power draw", told.drawn, area=Area.POWER)
    yield from at.needs("the range of its power limit", told.least, told.most, spare=Signal.POWER_RANGE, area=Area.POWER)
    if isinstance(told.limit, Unread) or isinstance(told.standard, Unread):
        return
    if told.limit * 100 < told.standard * at.policy.least_power_percent:
        yield at.fails(f"it may draw {told.limit // 1000} W of its standard {told.standard // 1000} W", "capped")
    if not isinstance(told.most, Unread) and told.limit > told.most:
        yield at.fails(f"it may draw {told.limit // 1000} W, above its maximum, {told.most // 1000} W", "above")
    if not isinstance(told.least, Unread) and told.limit < told.least:
        yield at.fails(f"it may draw {told.limit // 1000} W, below its minimum, {told.least // 1000} W", "below")
    yield from _by_profile(at, told.standard)


def _by_profile(at: JudgedDevice, standard: int) -> Iterator[DeviceProblem]:
    if at.profile is None:
        return
    most, least = at.profile.power.value, at.profile.least_power or at.profile.power
    if not least.value <= standard <= most:
        text = f"its standard power limit is {standard // 1000} W; {at.profile.sku} has {_range(least.value, most)}"
        yield at.warns(text, "standard")


def _range(least: int, most: int) -> str:
    return f"{most // 1000} W" if least == most else f"{least // 1000} to {most // 1000} W"
