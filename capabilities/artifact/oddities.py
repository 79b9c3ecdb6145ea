"""What is odd about a whole store, in numbers: entries whose times contradict the log, and files that are not the store's.

`arcops store check` says which they are. A page shows only how many, because its reader may not be the operator.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from artifacts.backdated import untimely_at
from artifacts.index import Index
from artifacts.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddities:
    """How many entries are ``untimely``, and how many files or folders in the store are ``unexpected``."""

    untimely: int = 0
    unexpected: int = 0


class _Counted:
    """Of each store's log, the lines up to which the untimely entries were counted: a log only grows, so a page looks at what
    is new. A log that is another one by its last counted line is counted again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, bytes, int]] = {}

    def untimely(self, folder: str, lines: Sequence[bytes], index: Index) -> int:
        with self._lock:
            done, last, count = self._known.get(folder, (0, b"", 0))
        if done and (len(lines) < done or lines[done - 1] != last):
            done, count = 0, 0
        for position, stands in index.stands(range(done, len(lines))).items():
            count += bool(untimely_at(lines, position, stands.judged))
        if lines:
            with self._lock:
                self._known[folder] = (len(lines), lines[-1], count)
        return count


_COUNTED = _Counted()


def oddities(store: Store, index: Index) -> Oddities:
    """What is odd about *store*, whose *index* is up to date."""
    return Oddities(
        untimely=_COUNTED.untimely(str(store.folder.absolute()), store.log.look().lines, index),
        unexpected=len(store.unexpected()),
    )
