"""A draft: what a reader has found so far, until it is `Content`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache

from arcops.seen.content import NOTHING_MORE, Base, Belongs, Content, Names, RawData, Shard, Split

MOST = 50
"""The most entries of one list that are reported; a crafted file may hold a million."""

MOST_IMPORTS = 5000

MOST_BASES = 50


def printable(text: str, limit: int = 200) -> str:
    """*text* for people: one line, control and undecodable characters escaped, cut at *limit*."""
    shown = text[: limit + 1]
    if not shown.isprintable():
        shown = "".join(
            char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode() for char in shown
        )
    return shown if len(shown) <= limit else shown[:limit] + "…"


class Draft:
    """Changes while one file is read; `done` makes the final value."""

    __slots__ = (
        *("_problems", "bases", "code", "data", "format", "holds", "imports", "inside", "notes", "operators", "refers"),
        *("rendered", "shards", "split", "steps", "tensors", "unpacked"),
    )

    def __init__(self, form: str) -> None:
        self.format = form
        self.code = False
        self.imports: set[str] = set()
        self.refers: set[str] = set()
        self.operators: set[str] = set()
        self.notes: set[str] = set()
        self.rendered = 0
        """Characters of templates so far, whose parsing takes longer than other reading."""
        self.steps = 0
        """Steps so far of readers whose time needs another bound than the size of the file."""
        self.unpacked = 0
        """Bytes that were unpacked so far, which the size of the file does not bound."""
        self.inside = False
        """Is it a file inside an archive?"""
        self.holds: set[str] = set()
        self.tensors: Names | None = None
        self.shards: tuple[Shard, ...] = ()
        self.split: Split | None = None
        self.bases: set[Base] = set()
        self.data: dict[str, int] = {}
        """How many bytes are needed of the files of raw data beside it."""
        self._problems: set[str] = set()

    def problem(self, text: str) -> None:
        if len(self._problems) < MOST:
            self._problems.add(text)

    @property
    def _found(self) -> bool:
        """Does the file say anything of its set or its base?"""
        return self.tensors is not None or self.split is not None or bool(self.shards or self.bases or self.data)

    @property
    def clean(self) -> bool:
        return not self._problems

    def imported(self, name: str) -> None:
        if len(self.imports) < MOST_IMPORTS:
            self.imports.add(printable(name, 512))
        else:
            self.problem(f"more than {MOST_IMPORTS} different names would be imported")

    def referred(self, path: str) -> None:
        if not path.isascii() and any("\ud800" <= letter <= "\udfff" for letter in path):
            self.problem(f"it names the file {printable(path)!r}, which is not text in UTF-8")
        elif len(self.refers) < MOST_IMPORTS:
            self.refers.add(path)
        else:
            self.problem(f"more than {MOST_IMPORTS} different files are named")

    def needs(self, path: str, size: int) -> None:
        """Note that *size* bytes are needed of the file *path*, which was `referred` to."""
        if path in self.refers:
            self.data[path] = max(size, self.data.get(path, 0))

    def based(self, key: str, name: str, revision: str = "") -> None:
        """Note that a loader would fetch the model *name* from elsewhere, because of *key*."""
        if len(self.bases) < MOST_BASES:
            self.bases.add(Base(key=printable(key), name=printable(name), revision=printable(revision)))
        else:
            self.problem(f"more than {MOST_BASES} models elsewhere are named")

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(sorted(self._problems))

    def part(self, form: str) -> Draft:
        """The draft of a file inside this one. It goes on with what was spent; `absorb` brings the new sums back."""
        inner = Draft(form)
        inner.inside = True
        inner.steps, inner.unpacked, inner.rendered = self.steps, self.unpacked, self.rendered
        return inner

    def absorb(self, inner: Draft, where: str = "") -> None:
        """Take over what was found in a part of the file, with the part's name in front."""
        for name in inner.imports:
            self.imported(name)
        for text in inner._problems:
            self.problem(f"{where}: {text}" if where else text)
        self.code = self.code or inner.code
        self.steps, self.unpacked, self.rendered = (
            max(self.steps, inner.steps),
            max(self.unpacked, inner.unpacked),
            max(self.rendered, inner.rendered),
        )
        self.holds |= inner.holds
        self.bases |= inner.bases
        self.refers |= inner.refers
        self.operators |= inner.operators
        self.notes |= {f"{where}: {note}" if where else note for note in inner.notes}

    def done(self) -> Content:
        if not (self._found or self._problems or self.imports or self.refers or self.operators or self.notes or self.holds):
            return _plain(self.format, self.code)
        if not (self._found or self.imports or self.refers or self.operators or self.holds):
            return _noted(self.format, self.code, tuple(sorted(self._problems)), tuple(sorted(self.notes)[:MOST]))
        belongs = Belongs(
            tensors=self.tensors,
            shards=self.shards,
            split=self.split,
            bases=tuple(sorted(self.bases, key=lambda base: (base.key, base.name, base.revision))),
            data=tuple(RawData(path=path, size=size) for path, size in sorted(self.data.items())),
        )
        return Content(
            format=self.format,
            imports=tuple(sorted(self.imports)),
            problems=tuple(sorted(self._problems)),
            code=self.code,
            refers=tuple(sorted(self.refers)),
            operators=tuple(sorted(self.operators)[:MOST]),
            notes=tuple(sorted(self.notes)[:MOST]),
            holds=tuple(sorted(self.holds)),
            belongs=None if belongs == NOTHING_MORE else belongs,
        )


@lru_cache(maxsize=256)
def _plain(form: str, code: bool) -> Content:
    """What most files are: a format, and nothing to say of it. One value for all of them."""
    return Content(format=form, code=code)


@lru_cache(maxsize=256)
def _noted(form: str, code: bool, problems: tuple[str, ...], notes: tuple[str, ...]) -> Content:
    """As `_plain`, with more to say: the same is said of many files."""
    return Content(format=form, problems=problems, code=code, notes=notes)


def names_of(names: Iterable[str]) -> Names:
    """The count and the digest of *names*, which must differ from one another."""
    ordered = sorted(names)
    return Names(count=len(ordered), digest=hashlib.sha256(json.dumps(ordered).encode()).hexdigest())


def marks_of(names: Iterable[str]) -> str:
    """Twelve hex digits for each of *names*, sorted."""
    return "".join(sorted(hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:12] for name in names))
