"""TFLite: a FlatBuffer, read for its operators; whatever it points to must lie in the file.

Source: ``tensorflow/lite/schema/schema.fbs``, version 3; the binary format of FlatBuffers ("internals").
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed, Window

MOST_PARTS = 2_000_000
LONGEST_NAME = 1024
_CUSTOM = 32
_HIGHEST = 4096

# The fields of the tables that are followed, by their place in the schema.
_VERSION, _CODES, _GRAPHS, _BUFFERS = 0, 1, 2, 4
_OLD_CODE, _CUSTOM_CODE, _CODE = 0, 1, 3
_OPERATORS, _CODE_INDEX = 3, 0
_DATA, _OFFSET, _SIZE = 0, 1, 2


class _Buffer:
    """A FlatBuffer: tables, lists and texts by their places. Every place is checked by the window."""

    def __init__(self, window: Window, draft: Draft) -> None:
        self._window = window
        self._draft = draft

    def number(self, at: int, width: int, *, signed: bool = False) -> int:
        self._draft.steps += 1
        if self._draft.steps > MOST_PARTS:
            raise Malformed(f"it has more than {MOST_PARTS} parts, the limit for reading")
        return int.from_bytes(self._window.read(at, width), "little", signed=signed)

    def field(self, table: int, index: int) -> int:
        """The place of the field *index* of *table*; 0 if it is not set."""
        layout = table - self.number(table, 4, signed=True)
        length = self.number(layout, 2)
        if length < 4 or length % 2:
            raise Malformed(f"the table at byte {table} has an impossible layout")
        at = 4 + 2 * index
        offset = self.number(layout + at, 2) if at < length else 0
        return table + offset if offset else 0

    def follow(self, at: int) -> int:
        """The place to which the offset at *at* points. It points forward, so no path leads back."""
        offset = self.number(at, 4)
        if offset == 0:
            raise Malformed(f"the offset at byte {at} points to itself")
        return at + offset

    def items(self, table: int, index: int) -> Iterator[int]:
        """The tables of the list in the field *index* of *table*."""
        at = self.field(table, index)
        if not at:
            return
        start = self.follow(at)
        count = self.number(start, 4)
        if start + 4 + 4 * count > self._window.size:
            raise Malformed(f"the list at byte {start} claims {count} parts, more than the file has room for")
        for place in range(start + 4, start + 4 + 4 * count, 4):
            yield self.follow(place)

    def text(self, table: int, index: int) -> str:
        at = self.field(table, index)
        if not at:
            return ""
        start = self.follow(at)
        length = self.number(start, 4)
        if length > LONGEST_NAME:
            raise Malformed(f"the name at byte {start} has {length} bytes; at most {LONGEST_NAME} are read")
        return self._window.read(start + 4, length).decode("utf-8", "backslashreplace")

    def whole(self, table: int, index: int, width: int, *, signed: bool = False) -> int:
        at = self.field(table, index)
        return self.number(at, width, signed=signed) if at else 0


def read(window: Window, draft: Draft) -> None:
    """Note the custom operators; they run code that only an extension of the runtime brings."""
    buffer = _Buffer(window, draft)
    model = buffer.follow(0)
    version = buffer.whole(model, _VERSION, 4)
    if version != 3:
        raise Malformed(f"its schema has the version {version}; ArcOps reads version 3")
    codes = 0
    for code in buffer.items(model, _CODES):
        codes += 1
        # A newer field holds codes that do not fit into the old one; readers take the larger of both.
        kind = max(buffer.whole(code, _OLD_CODE, 1, signed=True), buffer.whole(code, _CODE, 4, signed=True))
        name = buffer.text(code, _CUSTOM_CODE)
        if kind == _CUSTOM or name:
            draft.operators.add(printable(name) if name else "custom")
        elif not 0 <= kind <= _HIGHEST:
            draft.problem(f"it has an operator with the impossible code {kind}")
    graphs = 0
    for graph in buffer.items(model, _GRAPHS):
        graphs += 1
        for operator in buffer.items(graph, _OPERATORS):
            index = buffer.whole(operator, _CODE_INDEX, 4)
            if index >= codes:
                raise Malformed(f"an operator has the code {index}, but there are {codes}")
    if not graphs:
        draft.problem("it holds no graph")
    for one in buffer.items(model, _BUFFERS):
        _inside(buffer, one, window)


def _inside(buffer: _Buffer, one: int, window: Window) -> None:
    """Are the data of a tensor in the file, in the buffer itself or behind it?"""
    at = buffer.field(one, _DATA)
    if at:
        start = buffer.follow(at)
        length = buffer.number(start, 4)
        if start + 4 + length > window.size:
            raise Malformed(f"the data at byte {start} claim {length} bytes, more than are left")
    offset, size = buffer.whole(one, _OFFSET, 8), buffer.whole(one, _SIZE, 8)
    if offset + size > window.size:
        raise Malformed(f"data are said to be at bytes {offset} to {offset + size}, but there are {window.size}")
