"""GGUF (ggml-org/ggml, ``docs/gguf.md``), versions 1 to 3, read by its header alone.

Every count is checked against the bytes that are left before anything is read or allocated for it, so that no header can make
the reader hang: an array of *n* elements needs at least *n* times the smallest element's bytes.
"""

from __future__ import annotations

import struct

from arcops.seen.content import Content
from tasks.content.window import Malformed, Window

FORMAT = "gguf"
MAGIC = b"GGUF"
_MOST_HEADER = 256 * 1024 * 1024
_MOST_STEPS = 4_000_000
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
# Block length and bytes a block by ggml type number (ggml.h, ``ggml_type`` and ``type_traits``).
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


class _Cursor:
    def __init__(self, window: Window, wide: bool) -> None:
        self._window = window
        self._wide = wide
        self.offset = 8
        self._steps = 0

    def take(self, length: int) -> bytes:
        if self.offset + length > _MOST_HEADER:
            raise Malformed(f"its header is longer than {_MOST_HEADER} bytes")
        data = self._window.at(self.offset, length)
        self.offset += length
        return data

    def skip(self, length: int) -> None:
        if length > min(_MOST_HEADER, self._window.size) - self.offset:
            raise Malformed(f"it promises {length} bytes at offset {self.offset}, more than there are")
        self.offset += length

    def step(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise Malformed(f"its header has more than {_MOST_STEPS} entries")

    def u32(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def u64(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def length(self) -> int:
        return self.u64() if self._wide else self.u32()

    def string(self, most: int = 65535) -> str:
        length = self.length()
        if length > most:
            raise Malformed(f"a name of {length} bytes stands in its header; at most {most} are accepted")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("a name in its header is not UTF-8") from error

    def value(self, kind: int, depth: int = 0) -> int | None:
        """Pass over one value; the number itself where it is an unsigned 32-bit one."""
        self.step()
        if kind == 4:
            return self.u32()
        if kind in _SIZES:
            self.skip(_SIZES[kind])
        elif kind == _STRING:
            self.skip(self.length())
        elif kind == _ARRAY and depth < 4:
            self._array(depth)
        else:
            raise Malformed(f"a value in its header has the unknown type {kind}")
        return None

    def _array(self, depth: int) -> None:
        kind, count = self.u32(), self.length()
        if kind in _SIZES:
            self.skip(count * _SIZES[kind])
            return
        smallest = 8 if self._wide else 4
        if count * smallest > self._window.size - self.offset:
            raise Malformed(f"an array in its header claims {count} elements, more than the file has room for")
        for _ in range(count):
            self.value(kind, depth + 1)


def read(window: Window) -> Content:
    """The header's facts. Raises `Malformed` naming the first lie."""
    (version,) = struct.unpack("<I", window.at(4, 4))
    if version not in (1, 2, 3):
        raise Malformed(f"it is GGUF version {version}; versions 1 to 3 in little-endian order are known")
    cursor = _Cursor(window, wide=version > 1)
    tensors, pairs = cursor.length(), cursor.length()
    if tensors * 24 > window.size or pairs * 12 > window.size:
        raise Malformed(f"it claims {tensors} tensors and {pairs} values, more than the file has room for")
    alignment, keys = 32, set()
    for _ in range(pairs):
        key = cursor.string()
        if key in keys:
            raise Malformed(f"its header has the key {key!r} twice")
        keys.add(key)
        value = cursor.value(cursor.u32())
        if key == "general.alignment" and value is not None:
            alignment = value
    if alignment < 8 or alignment % 8 or alignment > 1 << 20:
        raise Malformed(f"it asks for an alignment of {alignment} bytes")
    spans = sorted(_tensor(cursor, alignment) for _ in range(tensors))
    if len({name for _, _, name in spans}) != len(spans):
        raise Malformed("two of its tensors have one name")
    data = -(-cursor.offset // alignment) * alignment
    reached = 0
    for begin, end, name in spans:
        if begin < reached:
            raise Malformed(f"tensor {name!r} overlaps the tensor before it")
        reached = end
    if spans and data + reached > window.size:
        raise Malformed(f"its tensors end at byte {data + reached}, but the file has {window.size}")
    return Content(format=FORMAT)


def _tensor(cursor: _Cursor, alignment: int) -> tuple[int, int, str]:
    cursor.step()
    name = cursor.string(most=1024)
    dimensions = cursor.u32()
    if dimensions > 4:
        raise Malformed(f"tensor {name!r} has {dimensions} dimensions; ggml knows at most 4")
    shape = [cursor.length() for _ in range(dimensions)]
    kind, offset = cursor.u32(), cursor.u64()
    if kind not in _BLOCKS:
        raise Malformed(f"tensor {name!r} has the unknown type {kind}")
    if offset % alignment:
        raise Malformed(f"tensor {name!r} begins at {offset}, which is not a multiple of {alignment}")
    count = 1
    for dimension in shape:
        count *= dimension
        if count >= 2**63:
            raise Malformed(f"the shape of tensor {name!r} overflows")
    block, size = _BLOCKS[kind]
    if (shape[0] if shape else 1) % block:
        raise Malformed(f"tensor {name!r} has rows of {shape[0]}, not a multiple of its block of {block}")
    return offset, offset + count // block * size, name
