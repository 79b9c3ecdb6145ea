"""Arguments that a client of 2026-07-28 says again in headers (``Mcp-Param-…``), because a tool's schema asks for it.

What stands between may route by such a header, so one that says something else than the body is refused (MCP 2026-07-28,
transports, custom headers).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_KEY = "x-mcp-header"
_PREFIX = b"mcp-param-"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DECIMAL = re.compile(r"-?[0-9]{1,400}(\.0{1,400})?")
_TYPES = frozenset(("string", "integer", "boolean"))
_BEGIN, _END = b"=?base64?", b"?="
_MOST_DEPTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One argument with a header: the ``path`` of names to it, the header's name in small letters, and the argument's type."""

    path: tuple[str, ...]
    header: bytes
    type: str


def declared(schema: object) -> tuple[Declared, ...]:
    """The arguments for which *schema*, of a tool's input, declares headers. None, if one of them is not sound: no client that
    keeps to the protocol uses such a tool.
    """
    try:
        found = tuple(_below(schema, ()))
    except ValueError:
        return ()
    return found if len({one.header for one in found}) == len(found) else ()


def _below(schema: object, path: tuple[str, ...]) -> Iterator[Declared]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or len(path) > _MOST_DEPTH:
        return
    for name, one in properties.items():
        if not isinstance(one, dict):
            continue
        if _KEY in one:
            header, kind = one[_KEY], one.get("type")
            if not isinstance(header, str) or not _TOKEN.fullmatch(header) or kind not in _TYPES:
                raise ValueError(name)
            yield Declared(path=(*path, name), header=_PREFIX + header.lower().encode(), type=str(kind))
        yield from _below(one, (*path, name))


def mismatch(found: tuple[Declared, ...], arguments: object, fields: Mapping[bytes, bytes]) -> str:
    """What is wrong with the headers in *fields* for these *arguments*, in a sentence; nothing if they agree."""
    for one in found:
        value = _at(arguments, one.path)
        field = fields.get(one.header)
        name, argument = one.header.decode(), ".".join(one.path)
        if value is None or isinstance(value, (dict, list)):
            if field is not None:
                return f"the header {name} is there, and the argument {argument} is not"
            continue
        if field is None:
            return f"the header {name} is not there, and the argument {argument} is"
        said = read_field(field)
        if said is None:
            return f"the header {name} is not sound base64"
        if not _same(one.type, value, said):
            return f"the header {name} is not the argument {argument}"
    return ""


def read_field(field: bytes | None) -> str | None:
    """The text of a header that may be base64 of UTF-8 (``=?base64?…?=``); ``None`` if it is not there, or not sound."""
    if field is None:
        return None
    if not (field.startswith(_BEGIN) and field.endswith(_END)):
        return field.decode("latin-1")
    inner = field[len(_BEGIN) : -len(_END)]
    try:
        found = base64.b64decode(inner, validate=True)
        return found.decode() if base64.b64encode(found) == inner else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _at(arguments: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(arguments, dict):
            return None
        arguments = arguments.get(name)
    return arguments


def _same(kind: str, value: object, said: str) -> bool:
    if isinstance(value, bool):
        return said == ("true" if value else "false")
    if kind == "integer" and isinstance(value, (int, float)) and value == int(value) and _DECIMAL.fullmatch(said):
        return int(said.partition(".")[0]) == int(value)
    return said == str(value)
