"""The operator's file of limits, read again when it changes. If it is wrong or lost, no call is let through meanwhile."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import ArcOpsError, Refused, Unavailable
from artifacts.reading import read_file
from foundation.limits.reading import parse_limits
from foundation.limits.rules import Limits

_MOST_BYTES = 1024 * 1024
_SETTLED_SECONDS = 2.0
"""Two changes within one tick of a file system's clock have the same time, so a file that changed lately is read again."""
_LOOK_SECONDS = 0.25
"""How long a look at the file counts."""

_Seen = tuple[int, int, int, int, int] | None


@dataclass(slots=True, kw_only=True)
class LimitsFile:
    """The file at ``path``, and what counts if it is not there: ``usual``, unless the operator ``named`` it.

    A file that was there once must stay there. ``actions`` and ``groups`` are those of the tools. Threads may share it.
    """

    path: Path
    named: bool
    usual: Limits
    actions: Mapping[str, frozenset[str]]
    groups: Mapping[str, frozenset[str]]
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    _seen: _Seen = None
    _settled: bool = False
    _limits: Limits | None = None
    _wrong: ArcOpsError | None = None
    _looked: float | None = None
    _was_there: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def limits(self) -> Limits:
        """The limits that count now. Raises `Unavailable`, saying what is wrong with the file, without its folder."""
        with self._lock:
            now = self.clock()
            if self._looked is None or now - self._looked >= _LOOK_SECONDS or now < self._looked:
                self._look()
                self._looked = now
            if self._wrong is not None or self._limits is None:
                said = str(self._wrong).replace(str(self.path), self.path.name)
                raise Unavailable(f"no tool is called, because its limits are not known: {said}") from self._wrong
            return self._limits

    def wrong(self) -> ArcOpsError | None:
        """What is wrong with the file now, if something is."""
        try:
            self.limits()
        except Unavailable:
            return self._wrong
        return None

    def healthy(self) -> str:
        """Empty if the limits are known; if not, what is wrong."""
        try:
            self.limits()
        except Unavailable as error:
            return str(error)
        return ""

    def _look(self) -> None:
        try:
            seen = self._state()
            if seen == self._seen and self._settled:
                return
            self._limits, self._wrong = self._read(seen), None
        except ArcOpsError as error:
            self._limits, self._wrong, self._settled = None, error, False
            return
        self._seen = seen
        self._settled = seen is None or abs(self.wall() - max(seen[3], seen[4]) / 1e9) > _SETTLED_SECONDS

    def _state(self) -> _Seen:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            if os.path.lexists(self.path):
                raise Unavailable(f"{self.path} is a link that leads nowhere") from None
            if self.named or self._was_there:
                raise Unavailable(f"the file {self.path} is not there; write it, or unset ARCOPS_LIMITS and restart") from None
            return None
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be read: {error.strerror}") from error
        self._was_there = True
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{self.path} is not a file")
        if status.st_mode & stat.S_IWOTH:
            raise Refused(f"every user of this machine can change {self.path}; check it, and run 'chmod o-w {self.path}'")
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _read(self, seen: _Seen) -> Limits:
        if seen is None:
            return self.usual
        data = read_file(self.path, _MOST_BYTES)
        return parse_limits(data, where=str(self.path), actions=self.actions, groups=self.groups)
