"""Text formats that are read line by line: Git's attributes, tables, lists of packages, tokens with ranks, a hub's notes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arcops.late_pattern import late
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Cursor, Malformed, Window

MOST_REQUIREMENTS = 100_000
LONGEST = 1024 * 1024
TABLE_LIMIT = 64 * 1024 * 1024

_ATTRIBUTE = late(
    r"(?:filter|diff|merge)=lfs|[-!]?(?:text|binary|diff|merge)|text=auto|eol=(?:lf|crlf)|linguist-[\w-]+(?:=\w+)?"
    r"|[-!](?:filter|eol)|whitespace=[\w,-]+|-?export-ignore"
)
_FORMULA = late(r"[=+@-]\s*[A-Za-z_.]+\s*\(")
_CALL = late(rb"[(!]")
"""What every formula has that calls something."""
_OPTION = late(r"(?:-[a-zA-Z]|--(?:index-url|extra-index-url|find-links|requirement|editable|no-index|trusted-host))\b.*")
_REQUIREMENT = late(
    r"[A-Za-z0-9][\w.-]*(?:\[[\w.,\s-]*\])?\s*(?P<bound>(?:[=~!<>]=?=?\s*[\w.*+-]+(?:\s*,\s*)?)+|@\s*\S+)?(?:\s*;.*)?"
)
_SENTENCE = late(rb"[A-Za-z0-9][\w.-]*[ \t]+[A-Za-z0-9]")
"""How a file begins whose first line is not for an installer: a word, a space, and another word."""
_RANKED = late(rb"[A-Za-z0-9+/]+={0,2} [0-9]{1,9}\r?")
_NOTED = late(rb'[0-9a-f]{40}\n"?[0-9a-f]{40,64}"?\n[0-9.]{1,24}\n?')


def lines(window: Window) -> Iterator[str]:
    """The lines, each without its end. Raises `Malformed` if one is longer than any that a person or a tool writes."""
    if window.size <= LONGEST:
        yield from window.read(0, window.size).decode("utf-8", "replace").splitlines()
        return
    cursor = Cursor(window)
    while cursor.left:
        if cursor.left <= LONGEST:
            yield from cursor.take(cursor.left).decode("utf-8", "replace").splitlines()
            return
        yield cursor.line(LONGEST).decode("utf-8", "replace").rstrip("\r")


def read_attributes(window: Window, draft: Draft) -> None:
    if window.size > LONGEST:
        raise Malformed(f"it has {window.size} bytes; the limit for a file of Git's attributes is {LONGEST}")
    for line in lines(window):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        for word in words[1:]:
            if not _ATTRIBUTE.fullmatch(word):
                draft.problem(f"it gives files the attribute {printable(word, 60)!r}, which can make Git run a program")


def read_table(window: Window, draft: Draft) -> None:
    """Cells that a spreadsheet reads as formulas, if these can call a function or program."""
    if window.size > TABLE_LIMIT:
        raise Malformed(f"it has {window.size} bytes; the limit for a table is {TABLE_LIMIT}")
    if window.size <= LONGEST and not _CALL.search(window.read(0, window.size)):
        return
    for number, line in enumerate(lines(window), 1):
        if any(_is_formula(cell.strip().strip('"')) for cell in re.split(r"[,;\t]", line)):
            draft.problem(f"line {number} holds a formula, which a spreadsheet runs")
            return


def _is_formula(cell: str) -> bool:
    """Does it begin as a formula does, and call a function or (``=program|'arguments'!cell``) another program?"""
    if not cell.startswith(("=", "+", "@", "-")):
        return False
    return _FORMULA.match(cell) is not None or "!" in cell.partition("|")[2]


def are_requirements(window: Window) -> bool:
    """Is every line valid for an installer of Python packages, and at least one certainly meant for it?"""
    if window.size > LONGEST or _SENTENCE.match(window.upto(0, 256)):
        return False
    surely = False
    for count, line in enumerate(lines(window)):
        text = line.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        match = _REQUIREMENT.fullmatch(text)
        option = _OPTION.fullmatch(text) if text.startswith("-") else None
        if count > MOST_REQUIREMENTS or not (match or option or text.startswith(("git+", "http://", "https://"))):
            return False
        surely = surely or option is not None or match is None or match["bound"] is not None
    return surely


def are_ranked_tokens(window: Window) -> bool:
    """Is every line a token in base64 and its rank, as ``tiktoken`` reads them?"""
    cursor = Cursor(window)
    try:
        while cursor.left:
            line = (
                cursor.take(cursor.left)
                if cursor.left < 512 and b"\n" not in window.upto(cursor.at, 512)
                else cursor.line(65_536)
            )
            if line and not _RANKED.fullmatch(line):
                return False
    except Malformed:
        return False
    return True


def are_hub_notes(window: Window) -> bool:
    """Is it a commit, an ETag and a time, which hub clients write beside a download?"""
    return window.size < 256 and _NOTED.fullmatch(window.read(0, window.size)) is not None
