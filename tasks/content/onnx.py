"""ONNX (onnx/onnx, ``onnx/onnx.proto``): the protobuf walked by its wire format, for what points outside the file.

Only the fields that lead to a tensor's external data are entered; weights are stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from arcops.seen.content import Content
from tasks.content.window import Malformed, Window

FORMAT = "onnx"
_MOST_STEPS = 2_000_000
_MOST_TEXT = 4096
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Message by message: the fields that hold another message, and which one (field numbers from onnx.proto).
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "external": {},
}


class _Walker:
    def __init__(self, window: Window) -> None:
        self._window = window
        self._steps = 0
        self.locations: set[str] = set()
        self.fields: set[int] = set()

    def walk(self) -> None:
        pending = [("model", 0, self._window.size)]
        while pending:
            message, begin, end = pending.pop()
            entry: dict[int, str] = {}
            for number, kind, start, stop in self._fields(begin, end):
                if message == "model":
                    self.fields.add(number)
                inside = _INSIDE[message].get(number)
                if inside is not None:
                    if kind != _BYTES:
                        raise Malformed(f"field {number} of its {message} has the wrong wire type")
                    pending.append((inside, start, stop))
                elif message == "external" and number in (1, 2):
                    entry[number] = self._text(start, stop)
            if entry.get(1) == "location":
                self.locations.add(entry.get(2, ""))

    def _fields(self, offset: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        while offset < end:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise Malformed(f"it has more than {_MOST_STEPS} fields")
            tag, offset = self._varint(offset, end)
            number, kind = tag >> 3, tag & 7
            if not number:
                raise Malformed(f"a field at offset {offset} has the number 0")
            start = offset
            if kind == _VARINT:
                _, stop = self._varint(offset, end)
            elif kind == _BYTES:
                length, start = self._varint(offset, end)
                stop = start + length
            elif kind in (_FIXED64, _FIXED32):
                stop = offset + (8 if kind == _FIXED64 else 4)
            else:
                raise Malformed(f"a field at offset {offset} has the wire type {kind}")
            if stop > end:
                raise Malformed(f"a field at offset {offset} claims to reach past its message")
            yield number, kind, start, stop
            offset = stop

    def _varint(self, offset: int, end: int) -> tuple[int, int]:
        data = self._window.at(offset, min(10, end - offset))
        value = 0
        for index, byte in enumerate(data):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value, offset + index + 1
        raise Malformed(f"a number at offset {offset} does not end")

    def _text(self, start: int, stop: int) -> str:
        if stop - start > _MOST_TEXT:
            raise Malformed("an external data entry is longer than any path")
        try:
            return self._window.at(start, stop - start).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("an external data entry is not UTF-8") from error


def read(window: Window) -> Content:
    """The model's external data, each of which must stay inside the model's own folder."""
    walker = _Walker(window)
    walker.walk()
    if 7 not in walker.fields or 1 not in walker.fields:
        raise Malformed("it has no graph and IR version, so it is no ONNX model")
    problems = tuple(
        f"Its external data {location!r} lies outside the model's folder."
        for location in sorted(walker.locations)
        if not location or "\\" in location or location.startswith("/") or ".." in PurePosixPath(location).parts
    )
    return Content(format=FORMAT, problems=problems)
