"""Which sessions were disturbed, by the canary that ran before and after each.

Calm is the time of the canary in the calmest quarter of the sessions of one run on one device. If it were taken from a
baseline, a device that lost half of its clocks would have no calm session at all, and its slowness would count as a
disturbance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from arcops.seen.benchmark import Session
from arcops.zones import median


def canary_device(device: str) -> str:
    """The device that the canary runs on when *device* is measured: of a pair joined by ``>``, the first."""
    return device.partition(">")[0]


def calm(sessions: Iterable[Session]) -> int:
    """The undisturbed time of the canary, in nanoseconds, from all sessions on one device; 0 if it never ran."""
    times = sorted(median(session.canary) for session in sessions if session.canary)
    return times[len(times) // 4] if times else 0


def undisturbed(sessions: Sequence[Session], calm: int, drift: int) -> tuple[Session, ...]:
    """The sessions in which the canary took at most *drift* percent more than *calm*."""
    return tuple(one for one in sessions if one.canary and median(one.canary) * 100 <= calm * (100 + drift))
