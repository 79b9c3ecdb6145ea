"""A finding's patch, a unified diff, split into single changes for formats that need them. Other text gives no changes."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.late_pattern import late

_HEAD = late(r"@@ -(\d{1,9}),(\d{1,9}) \+\d{1,9},(\d{1,9}) @@\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """Lines *first* to *last* of the file *path* become *lines*. For a new file both are 0."""

    path: str
    first: int
    last: int
    lines: tuple[str, ...]


def changes(patch: str) -> tuple[TextChange, ...]:
    """The changes of *patch*, in order; nothing if a part of it does not have the form of a finding's patch."""
    found: list[TextChange] = []
    lines = patch.splitlines()
    path, new, at = "", False, 0
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if head is None:
            if not (lines[at].startswith("--- ") and lines[at + 1 : at + 2] and lines[at + 1].startswith("+++ b/")):
                return ()
            path, new = lines[at + 1].removeprefix("+++ b/"), lines[at] == "--- /dev/null"
            at += 2
            continue
        first, old, size = (int(one) for one in head.groups())
        body, at = _body(lines, at + 1, old, size)
        if not path or body is None or new != (old == 0):
            return ()
        found.append(TextChange(path=path, first=first, last=first + old - 1 if old else 0, lines=body))
    return tuple(found)


def _body(lines: list[str], at: int, old: int, new: int) -> tuple[tuple[str, ...] | None, int]:
    """The new lines of a hunk whose body begins at *at*, and where it ends."""
    kept: list[str] = []
    while at < len(lines) and (old or new):
        mark, text = lines[at][:1], lines[at][1:]
        if mark not in (" ", "-", "+"):
            return None, at
        old -= mark != "+"
        new -= mark != "-"
        if mark != "-":
            kept.append(text)
        at += 1
    return (None, at) if old or new else (tuple(kept), at)
