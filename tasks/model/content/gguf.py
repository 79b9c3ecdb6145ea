"""GGUF, versions 1 to 3: counts, key-value pairs, tensor descriptions, aligned data.

Source: ``docs/gguf.md`` of ggml; block sizes from ``ggml.h`` and ``ggml-common.h``. Every count is compared with
the remaining bytes before it is used, so a header can cause neither a hang nor a large allocation.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod

from arcops.seen.content import Split
from tasks.model.content import adapters, rendered
from tasks.model.content.draft import Draft, marks_of, names_of, printable
from tasks.model.content.window import Cursor, Malformed, Window

MOST_PAIRS = 65_536
MOST_TENSORS = 1_000_000
MOSTSTRINGS = 8_000_000
TEMPLATE_LIMIT = 4 * 1024 * 1024

MOST_SPLIT = 4096

STRING, ARRAY = 8, 9
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
_SPLIT = ("split.no", "split.count", "split.tensors.count")
_BASE_KEYS = tuple(f"general.base_model.0.{key}" for key in ("repo_url", "name"))
_KEPT = frozenset((*_BASE_KEYS, "general.architecture", "general.type", "general.base_model.0.version"))
_ADDED = frozenset(("controlvector",))
"""Architectures of files that only change another model."""
WIDTH = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

BLOCKS = {  # tensor type: (elements in a block, bytes of a block)
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


class Reader:
    """Numbers and strings of one file's version and byte order."""

    def __init__(self, window: Window) -> None:
        version = window.read(4, 4)
        self.order = "<" if int.from_bytes(version, "little") < 2**16 else ">"
        self.version = struct.unpack(f"{self.order}I", version)[0]
        if self.version not in (1, 2, 3):
            raise Malformed(f"it is GGUF version {self.version}; ArcOps reads versions 1 to 3")
        self._length = struct.Struct(f"{self.order}{'I' if self.version == 1 else 'Q'}")
        self._word = struct.Struct(f"{self.order}I")
        self._long = struct.Struct(f"{self.order}Q")
        self.cursor = Cursor(window, 8, chunk=1024 * 1024)

    def length(self) -> int:
        return int(self._length.unpack(self.cursor.take(self._length.size))[0])

    def word(self) -> int:
        return int(self._word.unpack(self.cursor.take(4))[0])

    def long(self) -> int:
        return int(self._long.unpack(self.cursor.take(8))[0])

    def string(self, limit: int) -> str:
        return self.text(self.length(), limit)

    def text(self, length: int, limit: int) -> str:
        if length > limit:
            raise Malformed(f"a string claims {length} bytes; at most {limit} are read there")
        try:
            return self.cursor.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed(f"a string before byte {self.cursor.at} is not UTF-8") from error

    def strings(self, count: int) -> None:
        """Pass over *count* strings."""
        if count > MOSTSTRINGS or count * self._length.size > self.cursor.left:
            raise Malformed(f"a list claims {count} strings in {self.cursor.left} bytes")
        cursor, unpack, width = self.cursor, self._length.unpack, self._length.size
        for _ in range(count):
            cursor.skip(unpack(cursor.take(width))[0])


def read(window: Window, draft: Draft) -> None:
    reader = Reader(window)
    tensors, pairs = reader.length(), reader.length()
    if tensors > MOST_TENSORS or pairs > MOST_PAIRS:
        raise Malformed(f"it claims {tensors} tensors and {pairs} keys; at most {MOST_TENSORS} and {MOST_PAIRS} are read")
    if tensors * 24 + pairs * 12 > window.size:
        raise Malformed(f"it claims {tensors} tensors and {pairs} keys in {window.size} bytes")
    keys = _pairs(reader, pairs, draft)
    alignment = keys.numbers.get("general.alignment", 32)
    spans = _tensors(reader, tensors, alignment, draft)
    names = [name for _, _, name in spans]
    if len(set(names)) == len(names):
        draft.tensors = names_of(names)
    _of_a_set(keys, names, draft)
    added = keys.texts.get("general.architecture") in _ADDED
    if added or keys.texts.get("general.type") == "adapter" or keys.adapter:
        named = next((keys.texts[key] for key in _BASE_KEYS if keys.texts.get(key)), "")
        draft.based("general.type", named, keys.texts.get("general.base_model.0.version", ""))
    else:
        adapters.by_tensors(names, draft)
    start = -(-reader.cursor.at // alignment) * alignment
    end = 0
    for offset, size, name in sorted(spans):
        if offset < end:
            draft.problem(f"tensor {printable(name)!r} overlaps the one before it")
        elif offset - end >= alignment:
            draft.problem(f"there is a gap of {offset - end} bytes before tensor {printable(name)!r}")
        end = max(end, offset + size)
    data = window.size - start if spans else 0
    if end > data:
        draft.problem(f"its tensors need {end} bytes of data, but there are {max(data, 0)}")
    elif data - end >= alignment or (not spans and window.size - reader.cursor.at >= alignment):
        draft.problem("after the last tensor there are bytes that belong to no tensor")


class _Keys:
    """The values of the few keys that are needed later."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.adapter = False


def _of_a_set(keys: _Keys, names: list[str], draft: Draft) -> None:
    """Note what the file says of the set that it is a part of."""
    said = {key: keys.numbers[key] for key in _SPLIT if key in keys.numbers}
    if not said:
        return
    if not {"split.no", "split.count"} <= set(said) or said.get("split.no", 0) >= max(said.get("split.count", 0), 1):
        draft.problem("its split.no and split.count do not say which part of how many it is")
    if len(names) > MOST_SPLIT:
        draft.problem(f"it is a part with more than {MOST_SPLIT} tensors, too many to compare with the other parts")
    draft.split = Split(
        number=said.get("split.no", 0),
        count=said.get("split.count", 0),
        tensors=said.get("split.tensors.count", -1),
        marks=marks_of(names[:MOST_SPLIT]) if said.get("split.count", 0) > 1 else "",
    )


def _pairs(reader: Reader, count: int, draft: Draft) -> _Keys:
    found = _Keys()
    keys: set[str] = set()
    for _ in range(count):
        key = reader.string(65_535)
        if key in keys:
            draft.problem(f"the key {printable(key)!r} appears twice")
        keys.add(key)
        found.adapter = found.adapter or key.startswith("adapter.")
        kind = reader.word()
        if key == "general.alignment":
            alignment = found.numbers[key] = reader.word() if kind == 4 else 0
            if alignment < 8 or alignment > 65_536 or alignment & (alignment - 1):
                raise Malformed("its alignment is not a power of two from 8 to 65536")
        elif key in _SPLIT:
            if kind not in NUMBERS:
                raise Malformed(f"the key {printable(key)!r} is not a whole number")
            found.numbers[key] = int(struct.unpack(reader.order + NUMBERS[kind], reader.cursor.take(WIDTH[kind]))[0])
        elif kind == STRING and key in _KEPT:
            found.texts[key] = reader.string(TEMPLATE_LIMIT)
            rendered.check(found.texts[key], printable(key), draft, surely=False)
        elif kind == STRING:
            _string(reader, key, draft)
        elif kind == ARRAY:
            if key.startswith("tokenizer.chat_template.") or key == "tokenizer.chat_template":
                draft.problem(f"the chat template {printable(key)!r} is a list, which no known reader accepts")
            _array(reader, key)
        elif kind in WIDTH:
            reader.cursor.skip(WIDTH[kind])
        else:
            raise Malformed(f"the key {printable(key)!r} has the unknown type {kind}")
    return found


def _string(reader: Reader, key: str, draft: Draft) -> None:
    """A text. If it is a template, the server of the model renders it."""
    surely = key.startswith("tokenizer.chat_template")
    length = reader.length()
    if surely:
        draft.notes.add(f"carries a chat template ({printable(key)})")
    elif length > TEMPLATE_LIMIT:
        reader.cursor.skip(length)
        return
    rendered.check(reader.text(length, TEMPLATE_LIMIT), printable(key), draft, surely=surely)


def _array(reader: Reader, key: str) -> None:
    kind = reader.word()
    count = reader.length()
    if kind == STRING:
        reader.strings(count)
    elif kind in WIDTH:
        reader.cursor.skip(count * WIDTH[kind])
    else:
        raise Malformed(f"the list {printable(key)!r} holds values of type {kind}, which no known reader accepts")


def described(reader: Reader, count: int) -> Iterator[tuple[str, tuple[int, ...], int, int]]:
    """Name, sizes (the row first), type and offset of each of the next *count* tensors. Raises `Malformed`."""
    for _ in range(count):
        name = reader.string(1024)
        dimensions = reader.word()
        if dimensions > 8:
            raise Malformed(f"tensor {printable(name)!r} claims {dimensions} dimensions")
        sizes = tuple(reader.length() for _ in range(dimensions))
        if prod(sizes) >= 2**63 or max(sizes, default=0) >= 2**63:
            raise Malformed(f"tensor {printable(name)!r} has an impossible size")
        kind, offset = reader.word(), reader.long()
        if kind not in BLOCKS:
            raise Malformed(f"tensor {printable(name)!r} has the unknown type {kind}")
        yield name, sizes, kind, offset


def _tensors(reader: Reader, count: int, alignment: int, draft: Draft) -> list[tuple[int, int, str]]:
    spans = []
    names: set[str] = set()
    for name, sizes, kind, offset in described(reader, count):
        if name in names:
            draft.problem(f"the tensor {printable(name)!r} appears twice")
        names.add(name)
        block, elements, row = BLOCKS[kind], prod(sizes), sizes[0] if sizes else 1
        if row % block[0]:
            draft.problem(f"tensor {printable(name)!r} has rows of {row} elements, but its type packs {block[0]}")
        if offset % alignment:
            draft.problem(f"tensor {printable(name)!r} is not aligned to {alignment} bytes")
        spans.append((offset, elements // block[0] * block[1], name))
    return spans
