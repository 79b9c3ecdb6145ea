"""Reading a whole store again: every line, object and index row, compared with each other, the checkpoint and the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from arcops.errors import Refused, Unavailable
from artifacts.backdated import untimely
from artifacts.entries import Entry, read_line
from artifacts.index import Index
from artifacts.log.checkpoint import open_checkpoint
from artifacts.log.log import Held, Log
from artifacts.log.merkle import trees
from artifacts.looking_through import subjects_of
from artifacts.public_key import PublicKey
from artifacts.rows import Indexed, Row, as_indexed
from artifacts.said import said
from artifacts.unexpected import Unexpected

T = TypeVar("T")


class Whole(Protocol):
    """The parts of a store that are checked."""

    @property
    def origin(self) -> str: ...

    @property
    def log(self) -> Log: ...

    @property
    def folder(self) -> Path: ...

    def get(self, digest: str) -> bytes: ...

    def path(self, digest: str) -> Path: ...

    def indexed(self, ask: Callable[[Index], T]) -> T: ...

    def clean(self) -> None: ...

    def unexpected(self) -> tuple[Unexpected, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Untimely:
    """An artifact whose times contradict the log: the sentence ``said`` names its entry and its file."""

    artifact: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLooked:
    """What was found in a store, and how much was read: the number of ``entries``, and of different ``objects`` they name.

    ``signed`` is how many entries the store's own checkpoint signs, by one of the keys in ``signers``; ``elsewhere`` how many a
    checkpoint from elsewhere does, if one was given. ``remembered`` is how many are remembered outside of the store, in the
    files ``memory``; ``None`` if nothing is. ``unexpected`` is what lies in the store's folders and is not the store's.
    """

    problems: tuple[str, ...]
    untimely: tuple[Untimely, ...] = ()
    unexpected: tuple[Unexpected, ...] = ()
    entries: int = 0
    objects: int = 0
    signed: int | None = None
    signers: tuple[str, ...] = ()
    elsewhere: int | None = None
    remembered: int | None = None
    memory: tuple[str, ...] = ()


def look_through(store: Whole, keys: Sequence[PublicKey], elsewhere: bytes | None) -> StoreLooked:
    """Read everything; *elsewhere* is a checkpoint that was kept outside of the store.

    What writers left that died is removed before, if this process may do so.
    """
    try:
        store.clean()
        held = store.log.look()
    except (Refused, Unavailable) as error:
        return StoreLooked(problems=(f"{error}.",))
    reading = _Reading(store)
    for position, line in enumerate(held.lines):
        reading.read(position, line)
    problems = [*store.log.problems(held, keys), *_elsewhere(held, keys, elsewhere, store.origin), *reading.problems]
    problems += _index(held, store, reading.expected)
    return StoreLooked(
        problems=tuple(dict.fromkeys(problems)),
        untimely=tuple(reading.untimely),
        unexpected=store.unexpected(),
        entries=held.size,
        objects=len(reading.objects),
        signed=_signed(held.note, keys, store.origin),
        signers=tuple(key.id for key in keys if _signed(held.note, [key], store.origin) is not None),
        elsewhere=_signed(elsewhere, keys, store.origin),
        remembered=max((one.what.size for one in held.recalled), default=None),
        memory=tuple(str(one.path) for one in held.recalled),
    )


def _signed(note: bytes | None, keys: Sequence[PublicKey], origin: str) -> int | None:
    """How many entries *note* signs by one of *keys*; ``None`` if it does not."""
    try:
        return open_checkpoint(note, keys, origin=origin).size if note is not None else None
    except Refused:
        return None


def _elsewhere(held: Held, keys: Sequence[PublicKey], note: bytes | None, origin: str) -> Iterator[str]:
    if note is None:
        return
    try:
        known = open_checkpoint(note, keys, origin=origin)
    except Refused as error:
        yield f"The given checkpoint cannot be used: {error}."
        return
    if held.size < known.size:
        lost = known.size - held.size
        yield f"The log has {held.size} entries, but the given checkpoint signs {known.size}: {lost} were removed."
    elif trees(held.lines, {known.size})[known.size].root != known.root:
        yield f"The first {known.size} entries are not those that the given checkpoint signs: one was edited or moved."


class _Reading:
    """The entries of *store*, read one after the other."""

    def __init__(self, store: Whole) -> None:
        self._store = store
        self.objects: set[str] = set()
        self.expected: list[Indexed | None] = []
        self.problems: list[str] = []
        self.untimely: list[Untimely] = []
        self._artifacts: set[str] = set()
        self._newest: datetime | None = None

    def read(self, position: int, line: bytes) -> None:
        """Read the entry in *line*, its artifact and its evidence. ``expected`` gets the row that the index should have."""
        row = None
        try:
            entry = read_line(line)
            self.objects.update((entry.artifact, *entry.evidence))
            words = said(self._store.get(entry.artifact))
            row = Row.of(entry, line, words)
            if entry.subjects and entry.subjects != subjects_of(words):
                self.problems.append(f"Entry {position} names other subjects for {entry.artifact} than the artifact itself.")
            self._evidence(position, entry)
            self._times(position, entry, words.judged_at)
        except (Refused, Unavailable) as error:
            self.problems.append(f"Entry {position}: {error}.")
        self.expected.append(as_indexed(position, row) if row is not None else None)

    def _evidence(self, position: int, entry: Entry) -> None:
        for digest in entry.evidence:
            try:
                self._store.get(digest)
            except (Refused, Unavailable) as error:
                self.problems.append(f"Entry {position}, evidence: {error}.")

    def _times(self, position: int, entry: Entry, judged_at: str) -> None:
        again = entry.artifact in self._artifacts  # then it adds evidence, and the first one counts
        wrong = untimely(entry, "" if again else judged_at, self._newest)
        if wrong:
            path = self._store.path(entry.artifact).relative_to(self._store.folder)
            self.untimely.append(Untimely(artifact=entry.artifact, said=f"Entry {position}, {path}: {wrong}."))
        self._artifacts.add(entry.artifact)
        self._newest = max(entry.at, self._newest or entry.at)


def _index(held: Held, store: Whole, expected: Sequence[Indexed | None]) -> Iterator[str]:
    """Each place at which the index, as far as it has read the log, differs from the log and its artifacts."""
    try:
        done, found = store.indexed(lambda index: (index.done().tree, tuple(index.rows())))
    except (Refused, Unavailable) as error:
        yield f"There is no index, and it cannot be made: {error}."
        return
    if done.size > held.size or trees(held.lines, {done.size})[done.size].root != done.root:
        yield f"The index holds {done.size} entries that are not those of the log: the log or the index was changed."
    rows = {row.position: row for row in found}
    remedy = "delete index.sqlite, and ArcOps rebuilds it"
    for position, wanted in enumerate(expected[: done.size]):
        row = rows.pop(position, None)
        if row is None or not row.values:
            yield f"The index no longer lists entry {position} of the log: a row was removed; {remedy}."
        elif wanted is not None and row != wanted:
            yield f"The index and the artifact differ about entry {position}: a row was edited; {remedy}."
    for position in rows:
        yield f"The index lists an entry {position} that it did not read from the log: a row was added; {remedy}."
