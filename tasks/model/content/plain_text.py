"""Plain text, which most small files are: known in one look, instead of by asking about each other format in turn."""

from __future__ import annotations

from tasks.model.content import signatures, tars
from tasks.model.content.opcodes import CANNOT_BEGIN

_POINTERS = b"v/#"
_BEGINS = frozenset(byte for byte in CANNOT_BEGIN if byte not in _POINTERS and byte != 0xEF)
"""First bytes of a text that is neither a pickle nor a pointer (`pointers`), also after a mark of byte order."""

_STARTS = (*signatures.TEXTUAL, b"MZ", b"RIFF")


def is_certain(data: bytes) -> bool:
    """Is the whole file *data* text, and of no format that has a signature or is found by trial (`_read` in this package)?

    A false answer says nothing. All signatures that are not compared here have a byte that no text has.
    """
    return (
        data[0] in _BEGINS
        and signatures.is_text(data, cut=False)
        and not data.startswith(_STARTS)
        and data[4:8] != b"TFL3"
        and b"outs:" not in data
        and not tars.looks_like(data)
    )
