"""A sustained load, during which the driver (NVML) is asked for clock, heat, power and the reasons for a low clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from arcops.errors import Unavailable
from arcops.seen.benchmark import Moment
from arcops.seen.gpu import Count, Names, Unread
from tasks.gpu import strain
from tasks.gpu.asking import Nvml, as_count, binding
from tasks.gpu.bench.cuda.filling import Filling
from tasks.gpu.bench.cuda.multiply import Multiplications
from tasks.gpu.bench.cuda.room import Room
from tasks.gpu.device import AskedDevice

ROUND = 2e8
"""Nanoseconds of load between two moments."""

_MOST_DEVICES = 64


class Sensors:
    """What NVML says about the device whose UUID is *uuid*, without its prefix (``GPU-`` or ``MIG-``)."""

    def __init__(self, uuid: str) -> None:
        self._device: AskedDevice | None = None
        self.name = f"GPU-{uuid}"
        self.driver = ""
        try:
            nvml = Nvml(binding())
        except Unavailable:
            return
        if isinstance(nvml.wake("nvmlInit"), Unread):
            return
        version = nvml.text("nvmlSystemGetDriverVersion")
        self.driver = "" if isinstance(version, Unread) else version
        for handle in _handles(nvml):
            found = handle.text("nvmlDeviceGetUUID")
            if not isinstance(found, Unread) and found.partition("-")[2] == uuid:
                self._device, self.name = handle, found

    def moment(self, at: int, took: int) -> Moment:
        """The values now. A value that could not be read is ``None``."""
        on = self._device
        if on is None:
            return Moment(at=at, took=took, clock=None, celsius=None, power=None, reasons=None)
        return Moment(
            at=at,
            took=took,
            clock=_told(on.count("nvmlDeviceGetClockInfo", on.library.NVML_CLOCK_SM)),
            celsius=_told(strain.heat(on).gpu),
            power=_told(strain.power(on).drawn),
            reasons=_named(strain.clocks(on).reasons),
        )


def _handles(nvml: Nvml) -> Iterator[AskedDevice]:
    """Every device, and every part of one that is divided."""
    count = as_count(nvml.wake("nvmlDeviceGetCount"), "nvmlDeviceGetCount", most=_MOST_DEVICES)
    for index in range(0 if isinstance(count, Unread) else count):
        device = AskedDevice(nvml, nvml.wake("nvmlDeviceGetHandleByIndex", index))
        yield device
        parts = device.count("nvmlDeviceGetMaxMigDeviceCount", most=_MOST_DEVICES)
        for part in range(0 if isinstance(parts, Unread) else parts):
            found = device.ask("nvmlDeviceGetMigDeviceHandleByIndex", part)
            if not isinstance(found, Unread):
                yield AskedDevice(nvml, found)


def kept_up(room: Room, matrices: Multiplications, sensors: Sensors, microseconds: int) -> Iterator[Moment]:
    """Products of whole numbers in the heaviest format, for *microseconds*; a moment follows every round, while the next runs.

    Raises `Unavailable` if the sums of any round differ from those of the first.
    """
    made = matrices.heaviest()
    side = matrices.side(made)
    with room.work():
        multiply = matrices.multiply(made, side)
        sums, a, b = matrices.exact(made, side)
        first, found = room.memory(4 * side * side), room.memory(8)
        multiply(first, a, b)
        room.zero(found, 8)
        filling = Filling(room)
        yield from rounds(
            room,
            lambda: multiply(sums, a, b),
            lambda: filling.compare(found, first, sums, side * side),
            lambda at, took: sensors.moment(at, took),
            microseconds,
        )
        wrong = int.from_bytes(room.fetched(found, 8), "little")
    if wrong:
        raise Unavailable(f"under load {wrong} result(s) differed from the first product; the GPU computes wrongly")


def rounds(
    room: Room,
    once: Callable[[], None],
    after: Callable[[], None],
    moment: Callable[[int, int], Moment],
    microseconds: int,
) -> Iterator[Moment]:
    """Rounds of equal work; *after* comes at the end of each. The next round is always queued: the device never rests."""
    events = [room.event() for _ in range(3)]
    size = _sized(room, once, events)

    def start(number: int) -> None:
        for _ in range(size):
            once()
        after()
        room.record(events[number % 3])

    begun, number, at = time.monotonic(), 0, 0
    room.record(events[0])
    start(1)
    while at < microseconds:
        number += 1
        start(number + 1)
        room.wait(events[number % 3])
        took = room.elapsed(events[(number - 1) % 3], events[number % 3])
        at = round((time.monotonic() - begun) * 1e6)
        yield moment(at, max(1, round(took)))
    room.settle()


def _sized(room: Room, once: Callable[[], None], events: Sequence[object]) -> int:
    """How many times *once* is started in a round."""
    size = 1
    while True:
        room.record(events[0])
        for _ in range(size):
            once()
        room.record(events[1])
        room.wait(events[1])
        took = room.elapsed(events[0], events[1])
        if took >= ROUND / 16 or size >= 1 << 12:
            return max(1, min(1 << 16, round(size * ROUND / max(took, 1.0))))
        size *= 2


def _told(found: Count) -> int | None:
    return None if isinstance(found, Unread) else found


def _named(found: Names) -> tuple[str, ...] | None:
    return None if isinstance(found, Unread) else found
