"""A circuit breaker: after some failures in a row, a remote is not asked for a while, and then by one caller first. Pure.

``closed`` lets everyone through; ``open`` lets no one through until a moment; ``half-open`` lets one caller through, whose
success closes it and whose failure opens it again, for longer. The wait doubles and is drawn at random between its half and
itself, so that many hosts do not come back at the same moment (M. Nygard, "Release It!", chapter "Circuit Breaker"; M. Brooker,
"Exponential Backoff And Jitter").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Phase(Enum):
    """What a breaker does now."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """``failures`` in a row open a breaker, first for about ``first`` seconds, later for at most ``most``.

    One caller that was let through to try has ``patience`` seconds to say what came of it; then another may try.
    """

    failures: int = 5
    first: float = 1.0
    most: float = 60.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state. ``failures`` came in a row, ``opened`` is how often in a row it was opened, ``until`` when the phase ends."""

    phase: Phase = Phase.CLOSED
    failures: int = 0
    opened: int = 0
    until: float = 0.0


def asked(state: Breaker, now: float, tolerance: Tolerance) -> tuple[Breaker, bool]:
    """May a caller go through at *now*, in seconds of a clock that only grows? And the state after that."""
    if state.phase is Phase.CLOSED:
        return state, True
    if now < state.until:
        return state, False
    return replace(state, phase=Phase.HALF_OPEN, until=now + tolerance.patience), True


def succeeded(state: Breaker) -> Breaker:
    """A caller that was let through got an answer. Closed again, unless it was opened since: that call began earlier."""
    return state if state.phase is Phase.OPEN else Breaker()


def failed(state: Breaker, now: float, tolerance: Tolerance, drawn: float) -> Breaker:
    """A caller that was let through got no answer. *drawn* is a random number from 0 to 1."""
    if state.phase is Phase.OPEN:
        return state  # it began before; the wait has begun already
    failures = min(state.failures + 1, tolerance.failures)
    if state.phase is Phase.CLOSED and failures < tolerance.failures:
        return replace(state, failures=failures)
    wait = backoff(state.opened, tolerance.first, tolerance.most, drawn)
    return Breaker(phase=Phase.OPEN, failures=failures, opened=min(state.opened + 1, 64), until=now + wait)


def let_go(state: Breaker, now: float) -> Breaker:
    """A caller that was let through ended without a result, such as by a deadline of its own: the next one may try."""
    return replace(state, until=now) if state.phase is Phase.HALF_OPEN else state


def backoff(tries: int, first: float, most: float, drawn: float) -> float:
    """The seconds to wait after so many *tries* before this one: doubled each time up to *most*, between half and all of it."""
    whole = min(most, first * 2.0 ** min(tries, 63))
    return whole / 2 + drawn * whole / 2
