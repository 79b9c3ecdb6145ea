"""The remotes that were asked, each with its circuit breaker: one that does not answer is left alone for a while.

A breaker that is open is an error like no answer: what it was asked for is missing, and never skipped. There is one breaker for
each scheme, host and port, and a limited number of them; the one that was used longest ago is forgotten first. They are kept in
this process only: another process finds out by itself.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from arcops.errors import Unavailable
from foundation.egress.breaker import Breaker, Phase, Tolerance, asked, backoff, failed, let_go, succeeded
from foundation.egress.destination import Destination

_log = logging.getLogger(__name__)

MOST_REMOTES = 256
TOLERANCE = Tolerance(failures=5, first=1.0, most=30.0, patience=60.0)
TRIES = 2
FIRST_SECONDS = 0.2

T = TypeVar("T")


class NotAsked(Unavailable):
    """The remote did not answer several times in a row, so it is not asked now; the text says until when."""


class Asking:
    """One question to a remote. It ``failed`` if the code inside says so, also without an exception."""

    def __init__(self) -> None:
        self.failed = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteNow:
    """A remote as it is now; ``seconds`` is how long it is still left alone."""

    name: str
    phase: Phase
    failures: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class Remotes:
    """The breakers. ``clock`` is in seconds and only grows, ``wall`` in seconds since 1970, ``drawn`` from 0 to 1.

    Threads may share it.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    drawn: Callable[[], float] = random.random
    tolerance: Tolerance = TOLERANCE
    most: int = MOST_REMOTES
    opened: int = 0
    _known: OrderedDict[str, Breaker] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def asking(self, to: Destination | str, failures: tuple[type[BaseException], ...]) -> Iterator[Asking]:
        """Ask *to* meanwhile. One of *failures* counts as no answer; every other error of ours or a caller's does not.

        Raises `NotAsked` before anything is asked, if the remote is left alone now.
        """
        name = to if isinstance(to, str) else named(to)
        self._begin(name)
        one = Asking()
        try:
            yield one
        except failures:
            self._end(name, False)
            raise
        except Exception:
            self._end(name, True)  # it answered, though with something that the caller does not take
            raise
        except BaseException:  # the caller was stopped, so nothing is known, unless they say so
            self._end(name, False if one.failed else None)
            raise
        self._end(name, not one.failed)

    def now(self) -> tuple[RemoteNow, ...]:
        """Every remote that is known, by name."""
        at = self.clock()
        with self._lock:
            known = sorted(self._known.items())
        return tuple(
            RemoteNow(name=name, phase=one.phase, failures=one.failures, seconds=max(0.0, one.until - at))
            for name, one in known
        )

    def said(self) -> str:
        """Empty if every remote answers; if not, how many are left alone, in one sentence without their names."""
        away = [one for one in self.now() if one.phase is not Phase.CLOSED]
        if not away:
            return ""
        soonest = min(one.seconds for one in away)
        return f"{len(away)} remotes do not answer and are left alone; the next is asked in {soonest:.0f} seconds, see the log"

    def _begin(self, name: str) -> None:
        now = self.clock()
        with self._lock:
            known = self._known.get(name, Breaker())
            state, may = asked(known, now, self.tolerance)
            if name in self._known:
                self._known[name] = state
                self._known.move_to_end(name)
        if not may:
            until = datetime.fromtimestamp(self.wall() + state.until - now, UTC)
            raise NotAsked(
                f"{name} does not answer: it failed {state.failures} times in a row, so it is not asked until "
                f"{until:%H:%M:%S} UTC"
            )

    def _end(self, name: str, answered: bool | None) -> None:
        now = self.clock()
        with self._lock:
            before = self._known.get(name, Breaker())
            if answered is None:
                after = let_go(before, now)
            elif answered:
                after = succeeded(before)
            else:
                after = failed(before, now, self.tolerance, self.drawn())
            if after == Breaker():
                self._known.pop(name, None)  # a remote that answers needs no place here
            else:
                self._known[name] = after
                self._known.move_to_end(name)
                while len(self._known) > self.most:
                    self._known.popitem(last=False)
            if after.phase is Phase.OPEN and before.phase is not Phase.OPEN:
                self.opened += 1
        if after.phase is Phase.OPEN and before.phase is not Phase.OPEN:
            _log.warning("%s does not answer; it is asked again in %.1f seconds", name, after.until - now)
        elif before.phase is not Phase.CLOSED and after.phase is Phase.CLOSED:
            _log.warning("%s answers again", name)


def retried(
    work: Callable[[], T],
    failures: tuple[type[BaseException], ...],
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    drawn: Callable[[], float] = random.random,
    tries: int = TRIES,
) -> T:
    """What *work* returns; once more after a rest if it raises one of *failures*, and the *deadline* of *clock* allows it.

    Only for requests that change nothing, or the same however often they are made.
    """
    for number in range(tries):
        try:
            return work()
        except failures:
            rest = backoff(number, FIRST_SECONDS, 60.0, drawn())
            if number + 1 >= tries or clock() + rest >= deadline:
                raise
            sleep(rest)
    raise AssertionError("the last try returns or raises")


def named(to: Destination) -> str:
    """The name of *to*: scheme, host and port."""
    return f"{to.scheme}://{f'[{to.host}]' if ':' in to.host else to.host}:{to.port}"


HERE = Remotes()
"""The remotes of this process. What is forgotten with it costs some more questions, and is never evidence."""
