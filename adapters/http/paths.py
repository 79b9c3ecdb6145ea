"""Paths with one meaning: the path that the guard checked is the path that is served and passed on.

A path is refused if another reader could get another path from it: by decoding it twice, by resolving dots, by reading a
backslash or an encoded slash as a separator, or by cutting it at a semicolon or a NUL.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED = re.compile(rb"%(2[fF]|5[cC]|00|25|3[bB]|3[fF]|23)")
_CUT = re.compile(r"[\\;?#%]")
_REGISTRY = b"/v0.1/servers/"
_NAMED = re.compile(rb"^(/v0\.1/servers/[^/%]+)%2[fF]([^/%]+(?:/|$))")
_PLAIN = "/:@!$&'()*+,=-._~"


class NotPlainPath(Exception):
    """A path or a query that could mean more than one thing; the sentence says why."""


def plain(raw: bytes) -> str:
    """The path that *raw* means, decoded once. Raises `NotPlainPath`."""
    if not raw.startswith(b"/"):
        raise NotPlainPath("the path does not begin with a slash")
    if _BROKEN.search(raw) or _ENCODED.search(raw):
        raise NotPlainPath("the path encodes a slash, a backslash, a percent sign, a NUL or a character that ends a path")
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise NotPlainPath("the path is not UTF-8") from None
    if not path.isprintable() or _CUT.search(path):
        raise NotPlainPath("the path holds a backslash, a semicolon or an invisible character")
    if "//" in path or any(part in (".", "..") for part in path.split("/")):
        raise NotPlainPath("the path holds an empty part, '.' or '..'")
    return path


def in_a_registry(raw: bytes) -> bytes:
    """*raw* with the slash in the name of a server as a plain one: clients of MCP registries encode it, and a name has exactly
    one (``/v0.1/servers/io.example%2Ftime/versions``). A second one stays encoded, so `plain` refuses it.
    """
    return _NAMED.sub(rb"\1/\2", raw, count=1) if raw.startswith(_REGISTRY) else raw


def encoded(path: str) -> bytes:
    """*path*, which is `plain`, as it is passed on: in its only spelling."""
    return quote(path, safe=_PLAIN).encode("ascii")


def plain_query(raw: bytes) -> None:
    """Raises `NotPlainPath` if the query holds a NUL, or is not UTF-8 after decoding (for example, a lone surrogate)."""
    if _BROKEN.search(raw):
        raise NotPlainPath("a percent sign in the query is not followed by two hexadecimal digits")
    decoded = unquote_to_bytes(raw)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        raise NotPlainPath("the query is not UTF-8") from None
    if b"\x00" in decoded:
        raise NotPlainPath("the query holds a NUL")
