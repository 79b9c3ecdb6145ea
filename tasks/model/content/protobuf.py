"""Protocol buffers, wire format only: the fields of a message, each by offset, so that large fields are not read.

Source: the encoding page of the Protocol Buffers documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.model.content.draft import Draft
from tasks.model.content.window import Cursor, Malformed, Window

MOST_FIELDS = 3_000_000


@dataclass(frozen=True, slots=True)
class WireField:
    """One field: a number, or (``size`` ≥ 0) that many bytes from ``start``."""

    number: int
    value: int
    start: int = 0
    size: int = -1


def fields(window: Window, draft: Draft, start: int = 0, end: int = -1) -> Iterator[WireField]:
    """The fields from *start* to *end*. Raises `Malformed`. Steps count against `MOST_FIELDS` for the whole file."""
    cursor = Cursor(window, start, chunk=4096)
    end = window.size if end < 0 else end
    while cursor.at < end:
        draft.steps += 1
        if draft.steps > MOST_FIELDS:
            raise Malformed(f"it has more than {MOST_FIELDS} fields, the limit for reading")
        key = _varint(cursor)
        number, kind = key >> 3, key & 7
        if number == 0 or number >= 2**29:
            raise Malformed(f"field number {number} at byte {cursor.at} is not possible")
        if kind == 0:
            yield WireField(number, _varint(cursor))
        elif kind in (1, 5):
            cursor.skip(8 if kind == 1 else 4)
            yield WireField(number, 0)
        elif kind == 2:
            size = _varint(cursor)
            if cursor.at + size > end:
                raise Malformed(f"field {number} at byte {cursor.at} claims {size} bytes, more than its message has left")
            yield WireField(number, 0, cursor.at, size)
            cursor.skip(size)
        else:
            raise Malformed(f"field {number} at byte {cursor.at} is a group, which this format does not use")
    if cursor.at != end:
        raise Malformed("a field crosses the end of its message")


def text(window: Window, field: WireField, limit: int = 4096) -> str:
    """The string in *field*. Raises `Malformed` if it is longer than *limit* or not UTF-8."""
    if field.size < 0 or field.size > limit:
        raise Malformed(f"the string in field {field.number} has {field.size} bytes; at most {limit} are read")
    try:
        return window.read(field.start, field.size).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"the string in field {field.number} is not UTF-8") from error


def _varint(cursor: Cursor) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = cursor.take(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise Malformed(f"a number at byte {cursor.at} does not end")
