"""The work that waits: a key for each resource, once, and later again if it failed.

A key that is worked on is not given to another worker; what comes for it meanwhile makes it wait again (as client-go's
workqueue). So one resource has one writer.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable

from adapters.kube.keys import ServerKey

FIRST_SECONDS, MOST_SECONDS = 0.2, 300.0


class Queue:
    """Keys that wait. ``clock`` is in seconds and only grows; ``drawn`` is from 0 to 1."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, drawn: Callable[[], float] = lambda: 0.5) -> None:
        self._clock, self._drawn = clock, drawn
        self._ready: deque[ServerKey] = deque()
        self._waiting: set[ServerKey] = set()
        self._working: set[ServerKey] = set()
        self._again: set[ServerKey] = set()
        self._later: list[tuple[float, ServerKey]] = []
        self._due: dict[ServerKey, float] = {}
        self._failures: dict[ServerKey, int] = {}
        self._changed = threading.Condition()
        self._ended = False

    def add(self, key: ServerKey) -> None:
        """Let *key* be worked on."""
        with self._changed:
            self._add(key)

    def add_later(self, key: ServerKey, seconds: float) -> None:
        """Let *key* be worked on in *seconds*; the earliest moment counts, until it is worked on."""
        with self._changed:
            due = self._clock() + seconds
            if self._due.get(key, due + 1.0) <= due:
                return
            self._due[key] = due
            heapq.heappush(self._later, (due, key))
            self._changed.notify()

    def failed(self, key: ServerKey, least: float = 0.0) -> float:
        """Let *key* be worked on again after a rest that doubles with each failure in a row; gives its seconds."""
        with self._changed:
            count = self._failures.get(key, 0)
            self._failures[key] = count + 1
        rest = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(count, 20)) * (0.75 + 0.5 * self._drawn())
        rest = max(rest, least)
        self.add_later(key, rest)
        return rest

    def succeeded(self, key: ServerKey) -> None:
        """Forget the failures of *key*."""
        with self._changed:
            self._failures.pop(key, None)

    def take(self) -> ServerKey | None:
        """The next key, when there is one; `None` after the end."""
        with self._changed:
            while True:
                if self._ended:
                    return None
                now = self._clock()
                while self._later and self._later[0][0] <= now:
                    due, key = heapq.heappop(self._later)
                    if self._due.get(key) == due:
                        del self._due[key]
                        self._add(key)
                if self._ready:
                    key = self._ready.popleft()
                    self._waiting.discard(key)
                    self._working.add(key)
                    self._due.pop(key, None)
                    return key
                self._changed.wait(self._later[0][0] - now if self._later else None)

    def done(self, key: ServerKey) -> None:
        """*key* is not worked on any more."""
        with self._changed:
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._add(key)

    def end(self) -> None:
        """Give nothing more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Was it ended?"""
        return self._ended

    def clear(self) -> None:
        """Forget what waits: another one leads now."""
        with self._changed:
            self._ready.clear()
            self._waiting.clear()
            self._again.clear()
            self._later.clear()
            self._due.clear()
            self._failures.clear()

    @property
    def idle(self) -> bool:
        """Is nothing worked on, and nothing due?"""
        with self._changed:
            due = bool(self._later) and self._later[0][0] <= self._clock()
            return not self._ready and not self._working and not self._again and not due

    def __len__(self) -> int:
        with self._changed:
            return len(self._ready) + len(self._working)

    def _add(self, key: ServerKey) -> None:
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._changed.notify()
