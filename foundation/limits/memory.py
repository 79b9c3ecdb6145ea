"""Counts in the memory of this process, bounded: what is full again or over is forgotten, because that changes nothing.

If there is no room for one more count, the call is refused: to forget a count would let its caller through.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from arcops.errors import Unavailable
from foundation.limits.bucket import Standing, bucket_standing, of_bucket, of_quota
from foundation.limits.rules import Charge, windows

MOST_COUNTS = 400_000
_SWEEP_EVERY = 1_000_000
"""Microseconds. Looking at every count takes time, so a full memory is not looked through for each call."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    """A quota's window: its end in milliseconds since 1970, the calls in it, and how many of them the shared count said.

    ``owed`` of them were counted here alone.
    """

    until: int
    used: int = 0
    before: int = 0
    owed: int = 0


class Memory:
    """*clock* gives microseconds that only grow, *wall* milliseconds since 1970. Threads may share it."""

    def __init__(
        self,
        *,
        clock: Callable[[], int] = lambda: time.monotonic_ns() // 1000,
        wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        most: int = MOST_COUNTS,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._most = most
        self._marks: dict[Key, int] = {}
        self._windows: dict[Key, _Window] = {}
        self._swept: int | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._marks) + len(self._windows)

    def take(self, charges: Sequence[Charge], hosts: int = 0) -> tuple[Standing, ...]:
        """As `Counters`. If so many *hosts* lost the counts that they share, this one gives its part of what is left."""
        with self._lock:
            now, wall = self._clock(), self._wall()
            new = [self._after(one, now, wall, hosts) for one in charges]
            if not all(standing.let for _, standing in new):
                return tuple(
                    self._before(one, now, wall, hosts) if standing.let else standing
                    for one, (_, standing) in zip(charges, new, strict=True)
                )
            self._make_room(sum(one.key not in self._marks and one.key not in self._windows for one in charges), now, wall)
            for one, (kept, _) in zip(charges, new, strict=True):
                if isinstance(kept, _Window):
                    self._windows[one.key] = kept
                else:
                    self._marks[one.key] = kept
            return tuple(standing for _, standing in new)

    def note(self, charges: Sequence[Charge], standings: Sequence[Standing]) -> None:
        """Remember *standings* that shared counters said, so that a share that counts here afterwards goes on from there."""
        counted = all(one.let for one in standings)
        with self._lock:
            now, wall = self._clock(), self._wall()
            for one, standing in zip(charges, standings, strict=True):
                if len(self) >= self._most and one.key not in self._marks and one.key not in self._windows:
                    continue  # what is not remembered begins with its share of the whole
                if one.rule.quota:
                    known = self._windows.get(one.key)
                    owed = (known.owed if known is not None and known.until > wall else 0) + (0 if counted else one.owed)
                    until, used = wall + standing.reset // 1000, standing.used
                    self._windows[one.key] = _Window(until, used + owed, used, owed)
                else:
                    self._marks[one.key] = now + standing.reset

    def pay(self, key: Key) -> int:
        """How many calls of a quota's window were counted here alone: they are counted elsewhere now, or owed again."""
        with self._lock:
            found = self._windows.get(key)
            if found is None or found.until <= self._wall() or not found.owed:
                return 0
            self._windows[key] = replace(found, owed=0)
            return found.owed

    def owe(self, charges: Sequence[Charge]) -> None:
        """What *charges* owe could not be counted elsewhere."""
        with self._lock:
            for one in charges:
                found = self._windows.get(one.key)
                if one.owed and found is not None:
                    self._windows[one.key] = replace(found, owed=found.owed + one.owed)

    def close(self) -> None:
        """Nothing is open."""

    def _after(self, one: Charge, now: int, wall: int, hosts: int) -> tuple[int | _Window, Standing]:
        if not one.rule.quota:
            many = max(1, hosts)
            return of_bucket(self._marks.get(one.key, 0), now, one.interval * many, max(1, one.numbers.burst // many))
        at = self._window(one, wall)
        standing = of_quota(at.used, (at.until - wall) * 1000, self._most_of(one, at, hosts), 1 + one.owed)
        return _Window(at.until, standing.used, at.before, at.owed + 1 if hosts else 0), standing

    def _before(self, one: Charge, now: int, wall: int, hosts: int) -> Standing:
        """How *one*, which would let the call through, stands without it."""
        if not one.rule.quota:
            many = max(1, hosts)
            burst = max(1, one.numbers.burst // many)
            return bucket_standing(self._marks.get(one.key, 0), now, one.interval * many, burst, let=True)
        at = self._window(one, wall)
        remain = self._most_of(one, at, hosts) - at.used
        return Standing(let=True, remain=remain, used=at.used, wait=0, reset=(at.until - wall) * 1000)

    @staticmethod
    def _most_of(one: Charge, at: _Window, hosts: int) -> int:
        return at.before + max(0, one.numbers.calls - at.before) // max(1, hosts)

    def _window(self, one: Charge, wall: int) -> _Window:
        found = self._windows.get(one.key)
        return found if found is not None and found.until > wall else _Window(windows(one.rule.per, wall)[1])

    def _make_room(self, count: int, now: int, wall: int) -> None:
        if not count or len(self) + count <= self._most:
            return
        if self._swept is None or now - self._swept >= _SWEEP_EVERY:
            self._swept = now
            self._marks = {key: mark for key, mark in self._marks.items() if mark > now}
            self._windows = {key: seen for key, seen in self._windows.items() if seen.until > wall}
        if len(self) + count > self._most:
            raise Unavailable(
                f"{self._most} limits of callers and tools are counted in memory, which is the most; try again later, or let "
                "the operator count them in the database (counters: database in limits.yaml)"
            )
