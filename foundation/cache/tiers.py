"""A value by its name: from memory, else from the server that the hosts share, else made; once at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from foundation.cache.memory import Memory
from foundation.cache.shared import Shared, Standing

WAIT_SECONDS = 1.0
"""How long this host waits for another one that makes a value. It may have ended, so then this one makes it, too."""
_LOOKS = 20


@dataclass(slots=True)
class _Making:
    done: threading.Event = field(default_factory=threading.Event)
    value: bytes | None = None


@dataclass(slots=True, kw_only=True)
class Cache:
    """``memory`` first, then ``shared`` if there is one. ``pause`` waits for so many seconds. Threads may share it."""

    memory: Memory
    shared: Shared | None = None
    pause: Callable[[float], None] = time.sleep
    _making: dict[str, _Making] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str, make: Callable[[], bytes], seconds: float) -> bytes:
        """The value of *name*, which counts for so many *seconds* after *make* made it. Raises as *make*.

        While one thread makes it, the others wait. If that fails, each of them makes it itself, and gets its own error.
        """
        if (found := self.memory.find(name)) is not None:
            return found
        with self._lock:
            making = self._making.get(name)
            mine = making is None
            if making is None:
                making = self._making[name] = _Making()
        if not mine:
            making.done.wait()  # make is bounded in time
            return making.value if making.value is not None else make()
        try:
            making.value = self._found_or_made(name, make, seconds)
            return making.value
        finally:
            with self._lock:
                del self._making[name]
            making.done.set()

    def close(self) -> None:
        """Close the connections."""
        if self.shared is not None:
            self.shared.close()

    def _found_or_made(self, name: str, make: Callable[[], bytes], seconds: float) -> bytes:
        value = self._elsewhere(name, seconds)
        if value is None:
            try:
                value = make()
            finally:
                if self.shared is not None:
                    self.shared.keep(name, value, seconds)
        self.memory.keep(name, value, seconds)
        return value

    def _elsewhere(self, name: str, seconds: float) -> bytes | None:
        """What another host made, or makes now."""
        if self.shared is None:
            return None
        for _ in range(_LOOKS):
            found = self.shared.find(name, seconds)
            if isinstance(found, bytes):
                return found
            if found is Standing.MINE:
                return None
            self.pause(WAIT_SECONDS / _LOOKS)
        return None
