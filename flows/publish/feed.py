"""The log as those read it who wait for new artifacts: from a position on, in its order, and whether it grew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from arcops.errors import Refused
from artifacts.entries import Logged, read_line
from artifacts.store import Places, Store
from artifacts.vouch import Grounds
from flows.publish.announcement import Announcement, announced

_NAMED = b'{"artifact":"'
MOST_AT_ONCE = 200
"""Each artifact is opened and its signature is checked."""


class Feed:
    """The entries of the store at *places*, which need not be there yet. They are read again only when the log changed.

    It belongs to one thread.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._path = places.store / "log"
        self._opened: Store | None = None
        self._stamp: tuple[int, ...] = ()
        self._lines: tuple[bytes, ...] = ()
        self._first: dict[bytes, int] = {}
        """At which position each artifact was logged first."""

    @property
    def log(self) -> str:
        """The log's name; empty if there is no log yet."""
        return self._store.origin if self._there() else ""

    def grew(self) -> bool:
        """Was the log written since it was last read? It costs one question to the file system."""
        return self._there() != self._stamp

    def size(self) -> int:
        """How many entries the log has now. Raises `Refused` if it is not the log that is remembered."""
        return len(self._read())

    def after(self, position: int, most: int = MOST_AT_ONCE) -> tuple[tuple[Logged, ...], int]:
        """The entries at *position* and after it, out of at most *most*, the oldest first; and the position to go on from.

        An artifact that was logged again is left out there. Raises `Refused` if the log is not the one that is remembered, or
        is shorter than *position*.
        """
        lines = self._read()
        if not 0 <= position <= len(lines):
            raise Refused(f"the log has {len(lines)} entries, so nothing can follow the position {position}; go on from 0")
        end = min(len(lines), position + most)
        return tuple(self._entries(lines, position, end)), end

    def about(self, digest: str) -> tuple[Logged, ...]:
        """The entries about the subject with *digest*, the oldest first."""
        return self._store.about(digest) if self._there() else ()

    def told(self, entries: tuple[Logged, ...], ground: Grounds, now: datetime) -> tuple[Announcement, ...]:
        """What is told about *entries*, by *ground* at *now*."""
        return announced(entries, self._store, ground, now) if entries else ()

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _store(self) -> Store:
        if self._opened is None:
            self._opened = Store.at(self._places)
        return self._opened

    def _there(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns)

    def _read(self) -> tuple[bytes, ...]:
        stamp = self._there()
        if stamp != self._stamp:  # what is written after this moment changes the stamp again
            before, self._lines = self._lines, self._store.log.read().lines if stamp else ()
            if self._lines[: len(before)] != before:  # another log than the one that was read
                before, self._first = (), {}
            for position, line in enumerate(self._lines[len(before) :], len(before)):
                self._first.setdefault(_artifact(line), position)
            self._stamp = stamp
        return self._lines

    def _entries(self, lines: tuple[bytes, ...], begin: int, end: int) -> Iterator[Logged]:
        for position, line in enumerate(lines[begin:end], begin):
            if self._first[_artifact(line)] == position:
                yield Logged(position=position, entry=read_line(line))


def _artifact(line: bytes) -> bytes:
    """The beginning of an entry's line, which names its artifact: keys are sorted, and a digest has one length."""
    return line[: len(_NAMED) + 71]
