"""The first tier: values of this process, bounded in bytes. The one that was used longest ago goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_BYTES = 64 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Memory:
    """At most ``most`` bytes of values. ``clock`` is in seconds and never goes back. Threads may share it."""

    clock: Callable[[], float]
    most: int = MOST_BYTES
    _values: OrderedDict[str, tuple[float, bytes]] = field(default_factory=OrderedDict)
    _size: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, name: str) -> bytes | None:
        """The value of *name*, if it still counts."""
        with self._lock:
            until, value = self._values.get(name, (0.0, None))
            if value is None:
                return None
            if self.clock() >= until:
                self._drop(name)
                return None
            self._values.move_to_end(name)
            return value

    def keep(self, name: str, value: bytes, seconds: float) -> None:
        """Keep *value* for so many *seconds*; one that takes more than a quarter of the room is not kept."""
        if len(value) > self.most // 4:
            return
        with self._lock:
            self._drop(name)
            self._values[name] = (self.clock() + seconds, value)
            self._size += len(value)
            while self._size > self.most:
                self._drop(next(iter(self._values)))

    @property
    def size(self) -> int:
        """How many bytes of values are kept."""
        return self._size

    def _drop(self, name: str) -> None:
        if (found := self._values.pop(name, None)) is not None:
            self._size -= len(found[1])
