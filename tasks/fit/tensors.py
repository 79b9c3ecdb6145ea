"""The tensors that a header describes: name, type, sizes, bytes. Only headers are read, never a tensor."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from arcops.seen.fit_model import HeaderForm, PartKind
from tasks.fit.names import kind_of, layer_of
from tasks.model.content import gguf, onnx, protobuf, safetensors
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed, Window

MOST_TENSORS = 2_000_000
_LONGEST_TEXT = 4096
_LONGEST_LIST = 4096
_GGUF_MAGIC = b"GGUF"

GGUF_TYPES: Mapping[int, str] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
    13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S",
    22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0",
    35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
ONNX_TYPES: Mapping[int, tuple[str, int]] = {
    1: ("F32", 32), 2: ("U8", 8), 3: ("I8", 8), 4: ("U16", 16), 5: ("I16", 16), 6: ("I32", 32), 7: ("I64", 64), 9: ("BOOL", 8),
    10: ("F16", 16), 11: ("F64", 64), 12: ("U32", 32), 13: ("U64", 64), 16: ("BF16", 16), 17: ("F8_E4M3", 8), 18: ("F8_E4M3",
    8), 19: ("F8_E5M2", 8), 20: ("F8_E5M2", 8), 21: ("U4", 4), 22: ("I4", 4), 23: ("F4", 4), 24: ("F8_E8M0", 8), 25: ("U2",
    2), 26: ("I2", 2),
}  # fmt: skip
"""``TensorProto.DataType`` of ``onnx.proto``: our name, and bits of one element."""

Value = int | bool | str | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """``sizes`` are as the format has them: of GGUF the row comes first. ``layer`` is -1 outside of layers."""

    name: str
    dtype: str
    sizes: tuple[int, ...]
    bytes: int
    elements: int = field(init=False)
    kind: PartKind = field(init=False)
    layer: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", prod(self.sizes))
        object.__setattr__(self, "kind", kind_of(self.name))
        object.__setattr__(self, "layer", layer_of(self.name, self.kind))


@dataclass(slots=True)
class Header:
    """One file's header. ``keys`` are GGUF's own whole numbers, texts and lists of numbers. ``refers`` are other files that
    hold tensors of an ONNX model, with the bytes that each must have; ``caches`` is the type of its inputs for past keys and
    values.
    """

    form: HeaderForm
    tensors: list[Tensor]
    keys: dict[str, Value] = field(default_factory=dict)
    refers: dict[str, int] = field(default_factory=dict)
    caches: str = ""


def header(window: Window, name: str) -> Header:
    """The header of the file behind *window*. Raises `Malformed` if it is of no known format, or if it contradicts itself."""
    head = window.upto(0, 4096)
    if head[:4] == _GGUF_MAGIC:
        return _gguf(window)
    if safetensors.looks_like(head):
        return _safetensors(window)
    if name.lower().endswith(".onnx"):
        return _onnx(window)
    raise Malformed("it is neither safetensors, GGUF nor ONNX")


def _safetensors(window: Window) -> Header:
    told, data = safetensors.header_of(window)
    found, end = [], 0
    spans = []
    for name, said in told.items():
        if name == "__metadata__":
            continue
        start, stop = safetensors.span_of(name, said)
        spans.append((start, stop))
        if not isinstance(said, dict):
            raise Malformed(f"tensor {printable(name)!r} is not described")
        sizes = tuple(one for one in _list(said["shape"]) if isinstance(one, int))
        found.append(Tensor(name, str(said["dtype"]), sizes, stop - start))
    for start, stop in sorted(spans):
        if start != end:
            raise Malformed("its tensors overlap, or leave a gap")
        end = stop
    if end != data:
        raise Malformed(f"its tensors need {end} bytes of data, and it has {data}: it is cut off, or not this file")
    return Header(HeaderForm.SAFETENSORS, found)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _gguf(window: Window) -> Header:
    reader = gguf.Reader(window)
    tensors, pairs = reader.length(), reader.length()
    if tensors > gguf.MOST_TENSORS or pairs > gguf.MOST_PAIRS or tensors * 24 + pairs * 12 > window.size:
        raise Malformed(f"it claims {tensors} tensors and {pairs} keys in {window.size} bytes")
    found = Header(HeaderForm.GGUF, [])
    for _ in range(pairs):
        _pair(reader, found.keys)
    alignment = found.keys.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= 65_536 or alignment & (alignment - 1):
        raise Malformed("its alignment is not a power of two from 8 to 65536")
    end = 0
    for name, sizes, kind, offset in gguf.described(reader, tensors):
        per, size = gguf.BLOCKS[kind]
        if sizes and sizes[0] % per:
            raise Malformed(f"tensor {printable(name)!r} has rows of {sizes[0]} elements, but its type packs {per}")
        held = prod(sizes) // per * size
        end = max(end, offset + held)
        found.tensors.append(Tensor(name, GGUF_TYPES[kind], sizes, held))
    start = -(-reader.cursor.at // alignment) * alignment
    if found.tensors and start + end > window.size:
        raise Malformed(f"its tensors need {end} bytes of data, and it has {max(0, window.size - start)}: it is cut off")
    return found


def _pair(reader: gguf.Reader, keys: dict[str, Value]) -> None:
    """Read one key; keep it if it is a whole number, a short text, or a short list of numbers."""
    key, kind = reader.string(65_535), reader.word()
    if key in keys:
        raise Malformed(f"the key {printable(key)!r} appears twice")
    if kind == gguf.STRING:
        length = reader.length()
        if length > _LONGEST_TEXT:
            reader.cursor.skip(length)
        else:
            keys[key] = reader.text(length, _LONGEST_TEXT)
    elif kind == gguf.ARRAY:
        inside, count = reader.word(), reader.length()
        if inside == gguf.STRING:
            reader.strings(count)
        elif (inside in gguf.NUMBERS or inside == 7) and count <= _LONGEST_LIST:
            keys[key] = tuple(_number(reader, inside) for _ in range(count))
        elif inside in gguf.WIDTH:
            reader.cursor.skip(count * gguf.WIDTH[inside])
        else:
            raise Malformed(f"the list {printable(key)!r} holds values of type {inside}, which no known reader accepts")
    elif kind in gguf.NUMBERS or kind == 7:
        keys[key] = _number(reader, kind)
    elif kind in gguf.WIDTH:
        reader.cursor.skip(gguf.WIDTH[kind])
    else:
        raise Malformed(f"the key {printable(key)!r} has the unknown type {kind}")


def _number(reader: gguf.Reader, kind: int) -> int:
    form = gguf.NUMBERS.get(kind, "B")
    return int(struct.unpack(reader.order + form, reader.cursor.take(gguf.WIDTH[kind]))[0])


def _onnx(window: Window) -> Header:
    if not onnx.looks_like(window):
        raise Malformed("its bytes are no ONNX graph")
    draft = Draft("onnx")
    found = Header(HeaderForm.ONNX, [])
    for outer in protobuf.fields(window, draft):
        if outer.number == 7 and outer.size >= 0:
            for inner in protobuf.fields(window, draft, outer.start, outer.start + outer.size):
                if inner.number == 5 and inner.size >= 0:
                    _initializer(window, inner, draft, found)
                elif inner.number == 11 and inner.size >= 0 and not found.caches:
                    found.caches = _cache_type(window, inner, draft)
    if len({one.name for one in found.tensors}) != len(found.tensors):
        raise Malformed("two of its tensors have one name")
    return found


def _initializer(window: Window, outer: protobuf.WireField, draft: Draft, found: Header) -> None:
    """A ``TensorProto``: dims (1), data_type (2), name (8), external_data (13)."""
    sizes: list[int] = []
    kind, name, location, span = 0, "", "", [0, -1]
    for one in protobuf.fields(window, draft, outer.start, outer.start + outer.size):
        if one.number == 1:
            sizes += [one.value] if one.size < 0 else _varints(window.read(one.start, one.size))
        elif one.number == 2:
            kind = one.value
        elif one.number == 8:
            name = protobuf.text(window, one)
        elif one.number == 13 and one.size >= 0:
            key, value = _entry(window, one, draft)
            if key == "location":
                location = value
            elif key in ("offset", "length") and value.isdecimal():
                span[key == "length"] = int(value)
    if kind not in ONNX_TYPES:
        raise Malformed(f"tensor {printable(name)!r} has the type {kind}, which ArcOps does not count")
    if len(sizes) > 64 or any(not 0 <= size < 2**63 for size in sizes) or prod(sizes) >= 2**63:
        raise Malformed(f"tensor {printable(name)!r} has an impossible size")
    dtype, bits = ONNX_TYPES[kind]
    held = -(-prod(sizes) * bits // 8)
    if span[1] >= 0 and span[1] != held:
        raise Malformed(f"tensor {printable(name)!r} takes {span[1]} bytes elsewhere, but its type and sizes need {held}")
    if location:
        found.refers[location] = max(found.refers.get(location, 0), span[0] + held)
    found.tensors.append(Tensor(name, dtype, tuple(sizes), held))
    if len(found.tensors) > MOST_TENSORS:
        raise Malformed(f"it has more than {MOST_TENSORS} tensors, the limit for reading")


def _entry(window: Window, outer: protobuf.WireField, draft: Draft) -> tuple[str, str]:
    said = {
        one.number: protobuf.text(window, one)
        for one in protobuf.fields(window, draft, outer.start, outer.start + outer.size)
        if one.number in (1, 2)
    }
    return said.get(1, ""), said.get(2, "")


def _cache_type(window: Window, outer: protobuf.WireField, draft: Draft) -> str:
    """The type of the input *outer* (``ValueInfoProto``) if it holds past keys; else nothing."""
    name, kind = "", 0
    for one in protobuf.fields(window, draft, outer.start, outer.start + outer.size):
        if one.number == 1:
            name = protobuf.text(window, one)
        elif one.number == 2 and one.size >= 0:
            for of in protobuf.fields(window, draft, one.start, one.start + one.size):
                if of.number == 1 and of.size >= 0:
                    for elem in protobuf.fields(window, draft, of.start, of.start + of.size):
                        kind = elem.value if elem.number == 1 else kind
    return ONNX_TYPES[kind][0].lower() if name.startswith("past") and kind in ONNX_TYPES else ""


def _varints(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
        elif shift > 63:
            raise Malformed("a number in it does not end")
    if shift:
        raise Malformed("a list of numbers in it is cut off")
