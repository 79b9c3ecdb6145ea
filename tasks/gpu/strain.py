"""Temperature, throttling and power of a device, sampled more than once."""

from __future__ import annotations

from arcops.seen.gpu import Clocks, Count, Heat, Names, Power, Unread, Why
from tasks.gpu.asking import as_count
from tasks.gpu.device import AskedDevice

# By bit, from nvml.h. The binding's nvmlClocksEventReasonAll leaves out the last two, so a mask made with it hides them.
_REASONS = (
    "gpu-idle",
    "applications-clocks-setting",
    "software-power-cap",
    "hardware-slowdown",
    "sync-boost",
    "software-thermal-slowdown",
    "hardware-thermal-slowdown",
    "hardware-power-brake",
    "display-clock-setting",
    "board-limit",
    "reliability",
)
_COLDEST, _HOTTEST = -60, 200
_SLOWEST = 15


def heat(on: AskedDevice) -> Heat:
    library = on.library
    return Heat(
        gpu=_celsius(on, "nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature", library.NVML_TEMPERATURE_GPU),
        memory=_memory_celsius(on),
        slows_at=on.count(
            "nvmlDeviceGetTemperatureThreshold", library.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN, least=1, most=_HOTTEST
        ),
        margin=on.count("nvmlDeviceGetMarginTemperature", least=_COLDEST, most=_HOTTEST),
    )


def hotter(one: Heat, other: Heat) -> Heat:
    """The worse of two samples; if one of them is unread, so is the answer."""
    return Heat(
        gpu=_most(one.gpu, other.gpu),
        memory=_most(one.memory, other.memory),
        slows_at=_least(one.slows_at, other.slows_at),
        margin=_least(one.margin, other.margin),
    )


def clocks(on: AskedDevice) -> Clocks:
    return Clocks(
        reasons=_mask(on, "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"),
        tells=_mask(on, "nvmlDeviceGetSupportedClocksEventReasons", "nvmlDeviceGetSupportedClocksThrottleReasons"),
    )


def slower(one: Clocks, other: Clocks) -> Clocks:
    """Every reason in two samples, and those that the device supported in both."""
    return Clocks(reasons=_union(one.reasons, other.reasons), tells=_common(one.tells, other.tells))


def power(on: AskedDevice) -> Power:
    limits = on.pair("nvmlDeviceGetPowerManagementLimitConstraints")
    name = "nvmlDeviceGetPowerManagementLimitConstraints"
    return Power(
        drawn=on.count("nvmlDeviceGetPowerUsage"),
        limit=on.count("nvmlDeviceGetEnforcedPowerLimit", least=1),
        standard=on.count("nvmlDeviceGetPowerManagementDefaultLimit", least=1),
        least=as_count(limits[0], name, least=1),
        most=as_count(limits[1], name, least=1),
    )


def states(on: AskedDevice) -> tuple[int, ...]:
    """The performance state, 0 to 15; empty if it is not told."""
    found = on.count("nvmlDeviceGetPerformanceState", most=_SLOWEST)
    return () if isinstance(found, Unread) else (found,)


def busy(on: AskedDevice) -> tuple[int, ...]:
    """The percent of the last moments in which it worked; empty if it is not told."""
    told = on.ask("nvmlDeviceGetUtilizationRates")
    found = told if isinstance(told, Unread) else as_count(told.gpu, "nvmlDeviceGetUtilizationRates", most=100)
    return () if isinstance(found, Unread) else (found,)


def _celsius(on: AskedDevice, name: str, older: str, sensor: int) -> Count:
    found = on.count(name, sensor, least=_COLDEST, most=_HOTTEST)
    if isinstance(found, Unread) and found.why is Why.NO_SYMBOL:
        return on.count(older, sensor, most=_HOTTEST)
    return found


def _memory_celsius(on: AskedDevice) -> Count:
    found = on.fields({"memory": on.library.NVML_FI_DEV_MEMORY_TEMP})["memory"]
    name = "nvmlDeviceGetFieldValues[NVML_FI_DEV_MEMORY_TEMP]"
    if found == 0:
        return Unread(why=Why.UNSUPPORTED, said=f"{name} answered 0, which means that the device has no such sensor")
    return as_count(found, name, most=_HOTTEST)


def _mask(on: AskedDevice, name: str, older: str) -> Names:
    found = on.count(name)
    if isinstance(found, Unread) and found.why is Why.NO_SYMBOL:
        found = on.count(older)
    if isinstance(found, Unread):
        return found
    return tuple(_REASONS[bit] if bit < len(_REASONS) else f"bit-{bit}" for bit in range(64) if found >> bit & 1)


def _most(one: Count, other: Count) -> Count:
    if isinstance(one, Unread):
        return one
    return other if isinstance(other, Unread) else max(one, other)


def _least(one: Count, other: Count) -> Count:
    if isinstance(one, Unread):
        return one
    return other if isinstance(other, Unread) else min(one, other)


def _union(one: Names, other: Names) -> Names:
    if isinstance(one, Unread):
        return one
    return other if isinstance(other, Unread) else tuple(dict.fromkeys((*one, *other)))


def _common(one: Names, other: Names) -> Names:
    if isinstance(one, Unread):
        return one
    return other if isinstance(other, Unread) else tuple(name for name in one if name in other)
