"""Reading a whole store again: every line, object and index row, compared with each other, the checkpoint and the memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from arcops.errors import Refused, Unavailable
from artifacts.entries import read_line
from artifacts.index import Index
from artifacts.log.checkpoint import open_checkpoint
from artifacts.log.log import Held, Log
from artifacts.log.merkle import trees
from artifacts.looking_through import subjects_of
from artifacts.public_key import PublicKey
from artifacts.rows import Indexed, Row, as_indexed
from artifacts.said import said


class Whole(Protocol):
    """The parts of a store that are checked."""

    @property
    def origin(self) -> str: ...

    @property
    def log(self) -> Log: ...

    def get(self, digest: str) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLooked:
    """What was found in a store, and how much was read: the number of ``entries``, and of different ``objects`` they name.

    ``signed`` is how many entries the store's own checkpoint signs, by one of the keys in ``signers``; ``elsewhere`` how many a
    checkpoint from elsewhere does, if one was given. ``remembered`` is how many are remembered outside of the store, in the
    files ``memory``; ``None`` if nothing is.
    """

    problems: tuple[str, ...]
    entries: int
    objects: int
    signed: int | None
    signers: tuple[str, ...]
    elsewhere: int | None
    remembered: int | None
    memory: tuple[str, ...]


def look_through(store: Whole, index: Index, keys: Sequence[PublicKey], elsewhere: bytes | None) -> StoreLooked:
    """Read everything; *elsewhere* is a checkpoint that was kept outside of the store."""
    try:
        held = store.log.look()
    except Refused as error:
        return StoreLooked(
            problems=(f"{error}.",), entries=0, objects=0, signed=None, signers=(), elsewhere=None, remembered=None, memory=()
        )
    objects: set[str] = set()
    expected: list[Indexed | None] = []
    problems = [*store.log.problems(held, keys), *_elsewhere(held, keys, elsewhere, store.origin)]
    for position, line in enumerate(held.lines):
        row, found = _entry(store, position, line, objects)
        expected.append(row)
        problems += found
    problems += _index(held, index, expected)
    return StoreLooked(
        problems=tuple(dict.fromkeys(problems)),
        entries=held.size,
        objects=len(objects),
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


def _entry(store: Whole, position: int, line: bytes, objects: set[str]) -> tuple[Indexed | None, list[str]]:
    """The entry as the index should have it, if its artifact can be read, and what is wrong with it."""
    try:
        entry = read_line(line)
        objects.update((entry.artifact, *entry.evidence))
        words = said(store.get(entry.artifact))
    except (Refused, Unavailable) as error:
        return None, [f"Entry {position}: {error}."]
    problems = []
    if entry.subjects and entry.subjects != subjects_of(words):
        problems.append(f"Entry {position} names other subjects for {entry.artifact} than the artifact itself.")
    for digest in entry.evidence:
        try:
            store.get(digest)
        except (Refused, Unavailable) as error:
            problems.append(f"Entry {position}, evidence: {error}.")
    return as_indexed(position, Row.of(entry, line, words)), problems


def _index(held: Held, index: Index, expected: Sequence[Indexed | None]) -> Iterator[str]:
    """Each place at which the index, as far as it has read the log, differs from the log and its artifacts."""
    done = index.done().tree
    if done.size > held.size or trees(held.lines, {done.size})[done.size].root != done.root:
        yield f"The index holds {done.size} entries that are not those of the log: the log or the index was changed."
    rows = {row.position: row for row in index.rows()}
    remedy = "delete index.sqlite, and ArcOps rebuilds it"
    for position, wanted in enumerate(expected[: done.size]):
        row = rows.pop(position, None)
        if row is None or not row.values:
            yield f"The index no longer lists entry {position} of the log: a row was removed; {remedy}."
        elif wanted is not None and row != wanted:
            yield f"The index and the artifact differ about entry {position}: a row was edited; {remedy}."
    for position in rows:
        yield f"The index lists an entry {position} that it did not read from the log: a row was added; {remedy}."
