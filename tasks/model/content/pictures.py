"""Pictures: read to their end, so that no data for another program can follow unseen.

Source: PNG (ISO/IEC 15948) section 5; GIF89a sections 17 to 27; JPEG (ITU-T T.81) annex B.
"""

from __future__ import annotations

from tasks.model.content.draft import Draft
from tasks.model.content.window import Cursor, Malformed, Window

MOST_PARTS = 2_000_000


def read(window: Window, draft: Draft) -> None:
    head = window.upto(0, 12)
    if head.startswith(b"\x89PNG"):
        end = _png(window)
    elif head.startswith(b"GIF8"):
        end = _gif(window)
    elif head.startswith(b"RIFF"):
        end = 8 + int.from_bytes(head[4:8], "little")
    else:
        return  # cameras and editors append previews and notes to JPEG; no program runs a file because of data after a picture
    if end + end % 2 * head.startswith(b"RIFF") != window.size:
        draft.problem(f"its picture ends at byte {end}, but there are {window.size} bytes")


def _png(window: Window) -> int:
    at = 8
    for _ in range(MOST_PARTS):
        head = window.read(at, 8)
        at += 12 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IEND":
            return at
        if at > window.size:
            raise Malformed("a part of the picture claims more bytes than are left")
    raise Malformed(f"it has more than {MOST_PARTS} parts")


def _gif(window: Window) -> int:
    cursor = Cursor(window, 10)
    _colours(cursor, cursor.take(1)[0], 2)
    for _ in range(MOST_PARTS):
        kind = cursor.take(1)
        if kind == b";":
            return cursor.at
        if kind == b"!":
            cursor.skip(1)
        elif kind == b",":
            cursor.skip(8)
            _colours(cursor, cursor.take(1)[0], 1)
        else:
            raise Malformed(f"no part of a picture begins at byte {cursor.at}")
        while size := cursor.take(1)[0]:
            cursor.skip(size)
    raise Malformed(f"it has more than {MOST_PARTS} parts")


def _colours(cursor: Cursor, flags: int, more: int) -> None:
    """Skip *more* bytes of a header and the table of colours that *flags* announce."""
    cursor.skip(more + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0))
