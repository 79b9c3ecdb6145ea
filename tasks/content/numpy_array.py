"""NumPy's .npy (NEP 1 and its version 2 and 3 headers): the header alone, and whether the array is pickled."""

from __future__ import annotations

import ast
import struct

from arcops.seen.content import Content
from tasks.content.window import Malformed, Window

FORMAT = "numpy"
MAGIC = b"\x93NUMPY"
_MOST_HEADER = 16 * 1024


def read(window: Window) -> Content:
    """The header's facts. An array of Python objects is a pickle in disguise, and said so."""
    major = window.at(6, 1)[0]
    if major not in (1, 2, 3):
        raise Malformed(f"it is .npy version {major}; versions 1 to 3 are known")
    form, start = ("<H", 10) if major == 1 else ("<I", 12)
    (length,) = struct.unpack(form, window.at(8, start - 8))
    if length > _MOST_HEADER:
        raise Malformed(f"its header claims {length} bytes; at most {_MOST_HEADER} are accepted")
    try:
        header = ast.literal_eval(window.at(start, length).decode("utf-8" if major == 3 else "latin-1").strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise Malformed("its header is not a literal dictionary") from error
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise Malformed("its header does not have exactly descr, fortran_order and shape")
    if _has_objects(header["descr"]):
        return Content(format=FORMAT, problems=("It holds Python objects, which NumPy unpickles.",), code=True)
    return Content(format=FORMAT)


def _has_objects(descr: object) -> bool:
    if isinstance(descr, str):
        return "O" in descr
    if isinstance(descr, (list, tuple)):
        return any(_has_objects(part) for field in descr for part in (field[1:2] if isinstance(field, tuple) else (field,)))
    raise Malformed(f"its header describes elements as {descr!r}")
