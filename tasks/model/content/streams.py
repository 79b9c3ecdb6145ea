"""Packed streams: one file, or one tar, behind a packer. Unpacked into memory, up to a limit.

Source: RFC 1952 (gzip), RFC 1950 (zlib), and Python's readers of bzip2, xz and lzma.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from tasks.model.content.draft import printable
from tasks.model.content.window import Malformed, Window

LIMIT = 256 * 1024 * 1024
"""The most bytes that one stream may unpack to. More must be unpacked first, and checked as a folder."""

MEMORY = 256 * 1024 * 1024
"""Bytes that the reader of xz and lzma may take; the highest level of xz needs 65 MiB."""

_PIECE = 1024 * 1024
_GIVEN = 64 * 1024

ENDINGS = (".gz", ".bz2", ".xz", ".lzma", ".z", ".zlib", ".zst", ".lz4")

_UNPACKERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "zlib": lambda: zlib.decompressobj(15),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY),
}


def unpacked(form: str, window: Window) -> Window:
    """What *window*, packed as *form*, holds: its streams one after another. Raises `Malformed` if it does not unpack, is
    cut off, is followed by other bytes, or has more than `LIMIT` bytes."""
    out = bytearray()
    at = 0
    while at < window.size:
        if at and not any(window.upto(at, _GIVEN)) and _zeros(window, at):
            break  # tapes and some writers fill the last block with zeros
        at = _stream(form, window, at, out)
    return Window.over(bytes(out))


def inner_name(path: str) -> str:
    """The name of the file inside: *path* without the ending of the packer."""
    lower = path.lower()
    return next((path[: -len(ending)] for ending in ENDINGS if lower.endswith(ending)), path)


def _stream(form: str, window: Window, at: int, out: bytearray) -> int:
    """Append one stream to *out*; returns the byte after it."""
    unpacker = _UNPACKERS[form]()
    given = b""
    try:
        while not unpacker.eof:
            if not given and (form in ("gzip", "zlib") or unpacker.needs_input):
                given = window.upto(at, _GIVEN)
                at += len(given)
                if not given:
                    raise Malformed(f"it is packed as {form}, and ends too early")
            out += unpacker.decompress(given, min(_PIECE, LIMIT + 1 - len(out)))
            given = unpacker.unconsumed_tail if form in ("gzip", "zlib") else b""
            if len(out) > LIMIT:
                raise Malformed(
                    f"it is packed as {form}, and unpacks to more than {LIMIT} bytes, the limit; unpack it and check the folder"
                )
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        raise Malformed(f"it is packed as {form}, and does not unpack: {printable(str(error))}") from error
    return at - len(unpacker.unused_data) - len(given)


def _zeros(window: Window, at: int) -> bool:
    while at < window.size:
        piece = window.upto(at, _PIECE)
        if any(piece):
            return False
        at += len(piece)
    return True
