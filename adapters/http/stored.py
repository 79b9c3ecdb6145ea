"""Measurements of the store: does it look whole, can it be written, what is in it, how much room is left.

What could not be measured is not reported as zero: a store that cannot be read has no numbers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from artifacts.index import Filter
from artifacts.log.memory import Memory
from artifacts.store import Store

_WEIGH_SECONDS, _PATIENCE_SECONDS = 60.0, 2.0
_SHARE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is in the store: ``size`` in bytes, once it was measured; ``checks`` by verdict and policy; ``newest`` if any."""

    artifacts: int = 0
    size: int | None = None
    newest: datetime | None = None
    checks: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLook:
    """``wrong`` and ``unwritable`` are sentences without folders, or empty; ``stored`` is set only if nothing is wrong."""

    wrong: str = ""
    unwritable: str = ""
    free: int | None = None
    stored: Stored | None = None


@dataclass(slots=True)
class StoreWatch:
    """Looks at the store in ``folder``, which ``memory`` remembers. It creates no store: at first there is nothing."""

    folder: Path
    memory: Path | None = None
    _weighing: threading.Lock = field(default_factory=threading.Lock)
    _size: int | None = None
    _weigh_at: float = 0.0

    def said(self) -> str:
        """What is wrong with the store, for the readiness probe."""
        looked = self.look(weigh=False)
        return looked.wrong or looked.unwritable

    def look(self, *, weigh: bool = True) -> StoreLook:
        """The store now. Its size is measured once a minute at most, because that reads the whole folder tree."""
        wrong, stored = "", None
        try:
            stored = self._stored(weigh=weigh) if self._is_there() else Stored()
        except Refused:
            wrong = "the store is damaged; 'arcops store check' says what is missing"
        except (ArcOpsError, OSError):
            wrong = "the store cannot be read"
        free, unwritable = _room(self.folder)
        return StoreLook(wrong=wrong, unwritable=unwritable, free=free, stored=stored)

    def _is_there(self) -> bool:
        """Does the store exist? Raises `Refused` if it existed before and does not any more."""
        if (self.folder / "origin").exists():
            return True
        if self.memory is not None and any(one.what.size for one in Memory(self.memory, self.folder).recall()):
            raise Refused("the store is missing")
        return False

    def _stored(self, *, weigh: bool) -> Stored:
        if weigh:
            self._weigh()
        with Store(self.folder, memory=self.memory) as store:
            newest = store.list(Filter(limit=1))
            return Stored(artifacts=store.size, size=self._size, newest=newest[0].at if newest else None, checks=store.totals())

    def _weigh(self) -> None:
        """Measure the size, if it is time to. The caller waits a moment for a small store, and not for a large one."""
        if time.monotonic() < self._weigh_at or not self._weighing.acquire(blocking=False):
            return

        def work() -> None:
            began = time.monotonic()
            try:
                self._size = _weight(self.folder)
            except OSError:
                self._size = None
            finally:
                ended = time.monotonic()
                self._weigh_at = ended + max(_WEIGH_SECONDS, _SHARE * (ended - began))
                self._weighing.release()

        at_work = threading.Thread(target=work, name="weigh the store", daemon=True)
        at_work.start()
        at_work.join(_PATIENCE_SECONDS)


def _weight(folder: Path) -> int:
    """Bytes of all files below *folder*."""
    total, left = 0, [os.fspath(folder)]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    try:
                        total += entry.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:  # a temporary file that was moved meanwhile
                        continue
    return total


def _room(folder: Path) -> tuple[int | None, str]:
    """Bytes that are free for this user, and why nothing can be written: in the store, or in the folder that it will be in."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    places = [one for one in (place, folder / "objects", folder / "log", folder / "lock") if one.exists()]
    try:
        found = os.statvfs(place)
    except OSError:
        return None, "the store's file system does not answer"
    free = found.f_bavail * found.f_frsize
    if not all(os.access(one, os.W_OK) for one in places):
        return free, "the store cannot be written"
    return free, "" if free else "the store's disk is full"
