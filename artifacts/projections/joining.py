"""Many patches as one, for ``patch -p1`` and ``git apply``: each finding's patch was made for the same files as they are.

Patches of one file are joined line by line. One that changes what another changes, or the place beside it, is left out:
both together were never looked at, so it is for the next check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from arcops.late_pattern import late

_HEAD = late(r"@@ -(\d{1,9}),(\d{1,9}) \+\d{1,9},(\d{1,9}) @@\Z")
_SAFE = late(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """One patch; how many patches are in it, of how many files, and how many were left out."""

    text: str
    count: int
    files: int
    left: int


@dataclass(slots=True, kw_only=True)
class _File:
    """What is known of a file, by the numbers of its lines as it is, and what becomes of it.

    Gap *n* is after line *n*. ``touched`` are the gaps at and beside every change; ``ends`` are lines after which it ends.
    """

    new: tuple[str, ...] | None = None
    old: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    put: dict[int, list[str]] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)


class _Other(Exception):
    """The patch cannot be joined to the others."""


def joined(patches: Iterable[str]) -> Joined:
    """All *patches* that do not get in one another's way, as one; the earlier of two is taken."""
    files: dict[str, _File] = {}
    count = left = 0
    for patch in dict.fromkeys(filter(None, patches)):
        more = deepcopy(files)
        try:
            _add(patch, more)
        except _Other:
            left += 1
        else:
            files, count = more, count + 1
    text = "".join(_written(path, file) for path, file in sorted(files.items()))
    return Joined(text=text, count=count, files=len(files), left=left)


def _add(patch: str, files: dict[str, _File]) -> None:
    """*patch* in *files*. Raises `_Other` if it does not have the form of a finding's patch, or gets in the way of another."""
    lines = patch.splitlines()
    at, touched = 0, {path: set(file.touched) for path, file in files.items()}
    path, new = "", False
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if head is None:
            if not (lines[at].startswith("--- ") and lines[at + 1 : at + 2] and lines[at + 1].startswith("+++ b/")):
                raise _Other
            path, new = lines[at + 1].removeprefix("+++ b/"), lines[at] == "--- /dev/null"
            if not _SAFE.match(path) or (new and path in files):
                raise _Other
            at += 2
            continue
        first, old, size = (int(one) for one in head.groups())
        end = _end(lines, at + 1, old, size)
        if not path or new != (old == 0):
            raise _Other
        body, file = lines[at + 1 : end], files.setdefault(path, _File())
        if new:
            file.new = tuple(line[1:] for line in body)
        elif file.new is not None:
            raise _Other
        else:
            _hunk(file, first, body, touched.get(path, set()))
        at = end


def _end(lines: list[str], at: int, old: int, size: int) -> int:
    """Where the hunk ends whose body begins at *at*."""
    while old or size:
        mark = lines[at][:1] if at < len(lines) else ""
        if mark not in (" ", "-", "+") or not mark or old < 0 or size < 0:
            raise _Other
        old, size, at = old - (mark != "+"), size - (mark != "-"), at + 1
    return at


def _hunk(file: _File, first: int, body: list[str], others: set[int]) -> None:
    """One hunk in *file*. *others* are the gaps that other patches touch."""
    line = first
    for mark, text in ((one[:1], one[1:]) for one in body):
        if mark == "+":
            file.put.setdefault(line - 1, []).append(text)
            gaps = {line - 1}
        else:
            if file.old.setdefault(line, text) != text:
                raise _Other
            gaps = {line - 1, line} if mark == "-" else set()
            if mark == "-":
                file.gone.add(line)
            line += 1
        if gaps & others:
            raise _Other
        file.touched |= gaps
    above, below = _unchanged(body), _unchanged(body[::-1])
    if below < above:  # so it is the end of the file, or both would be the same
        file.ends.add(line - 1)


def _unchanged(body: list[str]) -> int:
    """How many lines at the beginning are unchanged."""
    return next((number for number, line in enumerate(body) if line[:1] != " "), len(body))


def _written(path: str, file: _File) -> str:
    if file.new is not None:
        lines = "".join(f"+{line}\n" for line in file.new)
        return f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(file.new)} @@\n{lines}"
    text, more = f"--- a/{path}\n+++ b/{path}\n", 0
    for run in _runs(file):
        body = _trimmed(list(_body(file, run)), run, file)
        start = run[0] + (_unchanged(list(_body(file, run))) - _unchanged(body))
        removed, added = (sum(not line.startswith(mark) for line in body) for mark in "+-")
        text += "\n".join((f"@@ -{start},{removed} +{start + more},{added} @@", *body)) + "\n"
        more += added - removed
    return text


def _runs(file: _File) -> Iterator[list[int]]:
    """The lines that are known, in groups of lines that follow one another."""
    run: list[int] = []
    for number in sorted(file.old):
        if run and number != run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _body(file: _File, run: list[int]) -> Iterator[str]:
    yield from (f"+{line}" for line in file.put.get(run[0] - 1, ()))
    for number in run:
        yield f"{'-' if number in file.gone else ' '}{file.old[number]}"
        yield from (f"+{line}" for line in file.put.get(number, ()))


def _trimmed(body: list[str], run: list[int], file: _File) -> list[str]:
    """As many unchanged lines at one end as at the other, unless the file begins or ends there (`amend.diff` says why)."""
    above, below = _unchanged(body), _unchanged(body[::-1])
    over = 0 if run[-1] in file.ends else max(0, above - below)
    under = 0 if run[0] == 1 else max(0, below - above)
    return body[over : len(body) - under]
