"""A store's index, kept up to date with the log, and made again by itself if it is lost, damaged or was changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from arcops.errors import Refused, Unavailable
from artifacts.entries import read_line
from artifacts.index import Index
from artifacts.index_place import Damaged, identity
from artifacts.log.lines import read_lines
from artifacts.rows import Row
from artifacts.said import said
from artifacts.store_lock import StoreLock
from artifacts.words import Said

T = TypeVar("T")


class Indexed(Protocol):
    """The parts of a store that are indexed."""

    @property
    def folder(self) -> Path: ...

    @property
    def lock(self) -> StoreLock: ...

    def get(self, digest: str) -> bytes: ...


class KeptIndex:
    """The index of *store*."""

    def __init__(self, store: Indexed) -> None:
        self._store = store
        self._path = store.folder / "index.sqlite"
        self._log = store.folder / "log"
        self._open: Index | None = None
        self._trusted = False

    @property
    def index(self) -> Index:
        """The index as it is. Raises `Damaged` if it cannot be used."""
        if self._open is None:
            self._open = Index(self._path)
        return self._open

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def asked(self, ask: Callable[[Index], T], put: Mapping[str, Said] = MappingProxyType({})) -> T:
        """What *ask* gets from the index. If the index cannot be used, it is made again from the log, and asked again.

        Raises `Refused` if the log cannot be understood, `Unavailable` if the index can neither be used nor made.
        """
        try:
            return ask(self.index)
        except Damaged as damage:
            self._make(damage, put)
        return ask(self.index)

    def refresh(self) -> None:
        """Bring the index up to date with the log; make it again if its rows were changed."""
        if self.asked(lambda index: self._log_bytes() != index.done().size):
            self.catch_up()
        if not self._trusted:
            if not self.asked(lambda index: index.whole()):
                with self._store.lock.held():
                    self.refuse_if_behind()
                    self._make(Damaged(self._path, "", identity(self._path)))
            self._trusted = True

    def catch_up(self, put: Mapping[str, Said] = MappingProxyType({})) -> None:
        """Bring the index up to date with the log. *put* are artifacts that this process has just read and written, with what
        they say: they are not read again. Raises `Refused` if the log lost entries that the index has seen.
        """

        def add(index: Index) -> None:
            self.refuse_if_behind()
            index.add(self._rows(index.done().size, put))

        with self._store.lock.held():
            self.asked(add, put)

    def refuse_if_behind(self) -> None:
        """Raise `Refused` if the log lost entries that the index has seen. A damaged index remembers none."""
        try:
            seen = self.index.done().size
        except Damaged:
            return
        if self._log_bytes() < seen:
            raise Refused(
                f"the log of the store {self._store.folder} is shorter than it was: entries were removed; "
                "compare it with a copy, run 'arcops store check', and delete index.sqlite only if you know why"
            )

    def row(self, line: bytes) -> Row:
        """The row of the log's *line*."""
        entry = read_line(line)
        try:
            words = said(self._store.get(entry.artifact))
        except Refused:  # the entry stays, even if its object is damaged; `check` reports that
            words = None
        return Row.of(entry, line, words)

    def _rows(self, offset: int = 0, put: Mapping[str, Said] = MappingProxyType({})) -> Iterator[Row]:
        for line in read_lines(self._log, offset):
            entry = read_line(line) if put else None
            words = put.get(entry.artifact) if entry is not None else None
            yield self.row(line) if entry is None or words is None else Row.of(entry, line, words)

    def _log_bytes(self) -> int:
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def _make(self, damage: Damaged, put: Mapping[str, Said] = MappingProxyType({})) -> None:
        """Make it again, once for all processes that found it damaged, or in memory if it cannot be written here."""
        self.close()
        why = damage.why
        try:
            with self._store.lock.held():
                if identity(self._path) != damage.seen:
                    with suppress(Damaged):  # another process was faster
                        self._open = Index(self._path)
                        return
                self._open = Index.make(self._path, self._rows(put=put))
        except Unavailable:
            if os.access(self._store.folder, os.W_OK):
                raise
            self._open = Index.in_memory(self._path, self._rows(put=put))
            why = why and f"{why}; it cannot be written here, so it stays as it is"
        if why:
            _say(f"the store's index {self._path} was damaged ({why}); it is only a cache, and was made again from the log")


def _say(sentence: str) -> None:
    """Say it in the log, which is standard error if nothing else was set up."""
    import logging  # only for what seldom happens, because it takes time to import

    logging.getLogger(__name__).warning("arcops: %s", sentence)
