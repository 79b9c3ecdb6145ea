"""safetensors (huggingface/safetensors, format section of its README), read by its header alone.

Stricter than the reference reader: a duplicate key, an overlap, a hole or a trailing byte is a lie about what was loaded.
"""

from __future__ import annotations

import json
import struct

from arcops.seen.content import Content
from tasks.content.window import Malformed, Window

FORMAT = "safetensors"
_MOST_HEADER = 100 * 1000 * 1000  # the reference implementation's own limit

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


def looks_like(window: Window) -> bool:
    if window.size < 10:
        return False
    (length,) = struct.unpack("<Q", window.at(0, 8))
    return 2 <= length <= window.size - 8 and window.at(8, 1) == b"{"


def read(window: Window) -> Content:
    """The header's facts. Raises `Malformed` naming the first lie."""
    if window.size < 8:
        raise Malformed(f"it has {window.size} bytes, fewer than the length field of a safetensors header")
    (length,) = struct.unpack("<Q", window.at(0, 8))
    if length > _MOST_HEADER:
        raise Malformed(f"its header claims {length} bytes; at most {_MOST_HEADER} are accepted")
    header = _header(window.at(8, length))
    header.pop("__metadata__", None)
    spans = sorted(_span(name, tensor) for name, tensor in header.items())
    reached = 0
    for begin, end, name in spans:
        if begin != reached:
            kind = "overlaps the tensor before it" if begin < reached else "leaves a hole before it"
            raise Malformed(f"tensor {name!r} {kind}: it begins at {begin}, and {reached} was reached")
        reached = end
    if 8 + length + reached != window.size:
        raise Malformed(f"its tensors end at byte {8 + length + reached}, but the file has {window.size}")
    return Content(format=FORMAT)


def _header(raw: bytes) -> dict[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise Malformed("its header has a duplicate key, so two readers could load two models")
        return members

    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Malformed(f"its header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise Malformed("its header is not a JSON object")
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Malformed("its __metadata__ is not a map of strings")
    return header


def _span(name: str, tensor: object) -> tuple[int, int, str]:
    if not isinstance(tensor, dict) or set(tensor) != {"dtype", "shape", "data_offsets"}:
        raise Malformed(f"tensor {name!r} does not have exactly dtype, shape and data_offsets")
    bits, shape, offsets = _BITS.get(str(tensor["dtype"])), tensor["shape"], tensor["data_offsets"]
    if bits is None:
        raise Malformed(f"tensor {name!r} has the unknown dtype {tensor['dtype']!r}")
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2:
        raise Malformed(f"tensor {name!r} has a shape or offsets that are not lists of whole numbers")
    count = 1
    for dimension in shape:
        count *= dimension
        if count >= 2**63:
            raise Malformed(f"the shape of tensor {name!r} overflows")
    begin, end = offsets
    if (end - begin) * 8 != count * bits:
        raise Malformed(f"tensor {name!r} needs {count * bits / 8:g} bytes by dtype and shape, and claims {end - begin}")
    return begin, end, name


def _naturals(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 2**63 for one in value)
