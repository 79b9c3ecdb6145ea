"""PDF: every name in it, in packed objects, too. Whatever a viewer runs, opens or sends is a problem.

Source: ISO 32000-2, sections 7.3.5 (names), 7.5.7 (object streams), 12.6 (actions).
"""

from __future__ import annotations

import zlib

from arcops.late_pattern import late
from tasks.model.content.draft import Draft
from tasks.model.content.window import Malformed, Window

LIMIT = 32 * 1024 * 1024
UNPACKED_LIMIT = 32 * 1024 * 1024

_ACTIVE = frozenset(
    (
        b"JavaScript", b"JS", b"Launch", b"AA", b"EmbeddedFile", b"EmbeddedFiles", b"Filespec", b"RichMedia", b"XFA",
        b"SubmitForm", b"ImportData", b"GoToE", b"GoToR", b"Rendition", b"Movie", b"Sound", b"3D", b"Encrypt", b"Collection",
    )
)  # fmt: skip
_LONG = frozenset(name for name in _ACTIVE if len(name) > 4)
"""Names too long to occur in packed data by chance. Every action that runs a program needs one of these."""

_NAME = late(rb"/(" + b"|".join(sorted(_ACTIVE | {b"ObjStm"})) + rb")(?=[\x00\t\n\f\r ()<>\[\]{}/%]|\Z)")
_ESCAPE = late(rb"#([0-9A-Fa-f]{2})")
_PACKED = late(rb"/\s*ObjStm")
_FLATE = late(rb"/Filter\s*\[?\s*/(?:FlateDecode|Fl)\s*\]?\s*(?=/|>>)")


def read(window: Window, draft: Draft) -> None:
    if window.size > LIMIT:
        raise Malformed(f"it has {window.size} bytes; at most {LIMIT} are read")
    data = window.read(0, window.size)
    outside = _outside_streams(data, draft)
    active = _ACTIVE.intersection(_names(outside)) | _LONG.intersection(_names(data))
    if active:
        listed = ", ".join(sorted(name.decode() for name in active))
        draft.problem(f"it holds entries that make a viewer act: {listed}")


def _outside_streams(data: bytes, draft: Draft) -> bytes:
    """*data* without the content of streams, except for objects, which are unpacked."""
    kept: list[bytes] = []
    at = unpacked = packs = 0
    while True:
        start = data.find(b"stream", at)
        if start < 0:
            kept.append(data[at:])
            if packs != _names(data).count(b"ObjStm"):
                draft.problem("it names packed objects, but has none there, so readers may see different content")
            return b"\n".join(kept)
        kept.append(data[at:start])
        end = data.find(b"endstream", start)
        if end < 0:
            raise Malformed("it has a stream without an end")
        opened = data.rfind(b"obj", at, start)
        described = _unescaped(data[max(at, opened) : start])
        if _PACKED.search(described):
            packs += 1
            body = data[start + len(b"stream") : end].removeprefix(b"\r").removeprefix(b"\n")
            if not _FLATE.search(described) or b"/DecodeParms" in described:
                draft.problem("its objects are packed in a way that ArcOps cannot unpack")
            else:
                unpacker = zlib.decompressobj()
                try:
                    inner = unpacker.decompress(body, UNPACKED_LIMIT - unpacked + 1)
                except zlib.error as error:
                    raise Malformed(f"its packed objects do not unpack: {error}") from error
                if not unpacker.eof and not unpacker.unconsumed_tail:
                    draft.problem("its packed objects are cut off")
                unpacked += len(inner)
                if unpacked > UNPACKED_LIMIT:
                    raise Malformed(f"its objects unpack to more than {UNPACKED_LIMIT} bytes, the limit for reading")
                kept.append(inner)
        at = end + len(b"endstream")


def _unescaped(data: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), data)


def _names(data: bytes) -> list[bytes]:
    """The names in *data* that matter, with repetitions."""
    return _NAME.findall(_unescaped(data))
