"""A draft: what a reader has found so far, until it is `Content`."""

from __future__ import annotations

from arcops.seen.content import Content

MOST = 50
"""The most entries of one list that are reported; a crafted file may hold a million."""

MOST_IMPORTS = 5000


def printable(text: str, limit: int = 200) -> str:
    """*text* for people: one line, control and undecodable characters escaped, cut at *limit*."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode() for char in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[:limit] + "…"


class Draft:
    """Changes while one file is read; `done` makes the final value."""

    __slots__ = ("_problems", "code", "format", "imports", "notes", "operators", "refers", "rendered", "steps", "unpacked")

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
        self._problems: set[str] = set()

    def problem(self, text: str) -> None:
        if len(self._problems) < MOST:
            self._problems.add(text)

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

    def absorb(self, inner: Draft, where: str = "") -> None:
        """Take over what was found in a part of the file, with the part's name in front."""
        for name in inner.imports:
            self.imported(name)
        for text in inner._problems:
            self.problem(f"{where}: {text}" if where else text)
        self.code = self.code or inner.code
        self.refers |= inner.refers
        self.operators |= inner.operators
        self.notes |= {f"{where}: {note}" if where else note for note in inner.notes}

    def done(self) -> Content:
        return Content(
            format=self.format,
            imports=tuple(sorted(self.imports)),
            problems=tuple(sorted(self._problems)),
            code=self.code,
            refers=tuple(sorted(self.refers)),
            operators=tuple(sorted(self.operators)[:MOST]),
            notes=tuple(sorted(self.notes)[:MOST]),
        )
