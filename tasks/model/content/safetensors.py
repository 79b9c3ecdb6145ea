"""safetensors: eight bytes of length, a JSON header, then the tensors without gap or overlap to the end of the file.

Source: the format section of the safetensors README and the checks of its reference reader (``tensor.rs``), and two
more checks: no key twice, and a lower limit on the header.
"""

from __future__ import annotations

from tasks.model.content import adapters, rendered
from tasks.model.content.bounded_json import Json, parse
from tasks.model.content.draft import Draft, names_of, printable
from tasks.model.content.window import Malformed, Window

HEADER_LIMIT = 16 * 1024 * 1024
MOST_DIMENSIONS = 64

BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}


def looks_like(head: bytes) -> bool:
    """Does it begin with a length of eight bytes that readers accept, then ``{``?"""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40


def header_of(window: Window) -> tuple[dict[str, Json], int]:
    """The header, and the bytes of data after it. Raises `Malformed`."""
    length = int.from_bytes(window.read(0, 8), "little")
    if length > HEADER_LIMIT:
        raise Malformed(f"its header claims {length} bytes; at most {HEADER_LIMIT} are read")
    header = parse(window.read(8, length))
    if not isinstance(header, dict):
        raise Malformed("its header is not a JSON object")
    return header, window.size - 8 - length


def read(window: Window, draft: Draft) -> None:
    header, data = header_of(window)
    spans = []
    for name, said in header.items():
        if name == "__metadata__":
            if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
                draft.problem("its __metadata__ is not a map of strings to strings")
                continue
            adapters.by_header({**said}, draft)
            for key, value in said.items():
                rendered.check(str(value), printable(key), draft, surely="chat_template" in key)
        else:
            spans.append((*span_of(name, said), name))
    draft.tensors = names_of(name for _, _, name in spans)
    adapters.by_tensors([name for _, _, name in spans], draft)
    end = 0
    for start, stop, name in sorted(spans):
        if start != end:
            fault = "overlaps the one before it" if start < end else "has a gap before it"
            draft.problem(f"tensor {printable(name)!r} {fault}")
        end = max(end, stop)
    if end != data:
        draft.problem(f"its tensors end at byte {end} of the data, but there are {data} bytes")


def span_of(name: str, said: Json) -> tuple[int, int]:
    """The first byte of tensor *name* and the one after its last, in the data; *said* is what the header says of it."""
    called = repr(printable(name))
    if not isinstance(said, dict) or set(said) != {"dtype", "shape", "data_offsets"}:
        raise Malformed(f"tensor {called} does not have exactly the keys dtype, shape and data_offsets")
    kind, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    bits = BITS.get(kind) if isinstance(kind, str) else None
    if bits is None:
        raise Malformed(f"tensor {called} has the unknown dtype {printable(str(kind))!r}")
    if not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS:
        raise Malformed(f"tensor {called} has no usable shape")
    start, stop = _two(offsets, called)
    for size in shape:
        if not isinstance(size, int) or isinstance(size, bool) or size < 0 or size >= 2**63:
            raise Malformed(f"tensor {called} has a shape that does not consist of whole numbers")
        bits *= size
        if bits >= 2**70:
            raise Malformed(f"tensor {called} has an impossible size")
    if bits % 8 or stop - start != bits // 8:
        raise Malformed(f"tensor {called} takes {stop - start} bytes, but its dtype and shape need {bits / 8:g}")
    return start, stop


def _two(offsets: Json, called: str) -> tuple[int, int]:
    if isinstance(offsets, list) and len(offsets) == 2:
        start, stop = offsets
        if type(start) is int and type(stop) is int and 0 <= start <= stop < 2**63:
            return start, stop
    raise Malformed(f"the offsets of tensor {called} are not two whole numbers in rising order")
