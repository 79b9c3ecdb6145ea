"""Changes as unified diffs, for ``patch -p1`` and ``git apply``, made from a few lines of a file whose rest is not known."""

from __future__ import annotations

import difflib
import re

from amend.yaml_edit import Edit, edited
from arcops.seen.network import Passage

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*\Z")
_CONTEXT = 3


def new_file(path: str, text: str) -> str:
    """The patch that makes the file *path* with *text* (whole lines); empty if a patch cannot hold the file's name."""
    lines = text.splitlines()
    if not safe(path):
        return ""
    return f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)


def safe(path: str) -> bool:
    """Does *path* mean the same to every program that applies patches, and stay below the folder of the patch?"""
    return _SAFE.match(path) is not None


Change = tuple[Passage, tuple[Edit, ...]]


def amended(*changes: Change) -> str:
    """The patch that makes all *changes*; empty if one of them cannot be made safely."""
    by_file: dict[str, list[tuple[Passage, str]]] = {}
    for passage, edits in sorted(changes, key=lambda one: (one[0].at.path, one[0].first)):
        text = _changed(passage, edits)
        if not text:
            return ""
        by_file.setdefault(passage.at.path, []).append((passage, text))
    parts = []
    for path, found in by_file.items():
        hunks, more = "", 0
        for passage, text in found:
            made = _hunks(passage, text, more)
            if not made:
                return ""
            hunks += made
            more += text.count("\n") - passage.text.count("\n")
        parts.append(f"--- a/{path}\n+++ b/{path}\n{hunks}")
    return "".join(parts)


def _changed(passage: Passage, edits: tuple[Edit, ...]) -> str:
    before, own, after = _parts(passage.text)
    changed = edited(own, *edits) if safe(passage.at.path) else None
    if changed is None or not all(line.isprintable() for line in changed.split("\n")):
        return ""
    return before + changed + after


def _parts(text: str) -> tuple[str, str, str]:
    """The mark before the object, its own lines, and the mark after it."""
    before = "---\n" if text.startswith("---\n") else ""
    lines = text[len(before) :].splitlines(keepends=True)
    after = lines.pop() if lines and lines[-1].startswith(("---", "...")) else ""
    return before, "".join(lines), after


def _hunks(passage: Passage, changed: str, more: int) -> str:
    """The hunks from *passage* to *changed*, in a file that has *more* lines at that point; empty if one cannot be made."""
    old, new = passage.text.splitlines(), changed.splitlines()
    groups = difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT)
    hunks = [_hunk(passage, old, new, group, more) for group in groups]
    return "".join(hunks) if all(hunks) else ""


Opcode = tuple[str, int, int, int, int]


def _hunk(passage: Passage, old: list[str], new: list[str], group: list[Opcode], more: int) -> str:
    """One hunk; empty if no unchanged line comes before the change.

    If one side has fewer unchanged lines, a program that applies patches takes it that the file begins or ends there. So if
    the file does not, both sides have the same number of lines.
    """
    first, last = group[0], group[-1]
    above = first[2] - first[1] if first[0] == "equal" else 0
    below = last[2] - last[1] if last[0] == "equal" else 0
    at_start, at_end = passage.opens and first[1] == 0, passage.ends and last[2] == len(old)
    over = above - (above if at_end else min(above, below))
    under = below - (below if at_start else min(above, below))
    if above == over and not at_start:
        return ""
    lines: list[str] = []
    for tag, old_first, old_end, new_first, new_end in group:
        if tag == "equal":
            lines += [f" {line}" for line in old[old_first:old_end]]
        else:
            lines += [f"-{line}" for line in old[old_first:old_end]] + [f"+{line}" for line in new[new_first:new_end]]
    lines = lines[over : len(lines) - under]
    here, there = passage.first + first[1] + over, passage.first + first[3] + over + more
    removed, added = (sum(not line.startswith(mark) for line in lines) for mark in "+-")
    return "\n".join((f"@@ -{here},{removed} +{there},{added} @@", *lines)) + "\n"
