"""Which names a caller may give to a file: those that a person reads as they are, on every file system."""

from __future__ import annotations

from pathlib import Path

from arcops.errors import Refused

MOST_PARTS = 32
MOST_BYTES, MOST_PART_BYTES = 1024, 255


def refuse_unplain(path: Path) -> None:
    """Raise `Refused` if *path* has a name that shells, listings or other systems show or take as another one.

    Control characters, marks that change the direction of text, spaces at an end, and names that are too long or too many.
    """
    text = str(path)
    try:
        size = len(text.encode())
        parts = [(one, len(one.encode())) for one in path.parts if one != path.anchor]
    except UnicodeEncodeError:
        raise Refused("the path is not text in UTF-8; choose another name") from None
    if size > MOST_BYTES or len(parts) > MOST_PARTS or any(length > MOST_PART_BYTES for _, length in parts):
        raise Refused(
            f"the path is too long: it may have {MOST_BYTES} bytes, {MOST_PARTS} names, and {MOST_PART_BYTES} bytes in a name"
        )
    for one, _ in parts:
        if not one.isprintable() or one != one.strip():
            raise Refused(f"the name {one[:100]!r} has a character that is not seen; choose another name")
