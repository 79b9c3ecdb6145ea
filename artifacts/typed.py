"""Frozen dataclasses to JSON values and strictly back, by their type hints alone.

`artifacts.wire` does the same with pydantic, which costs more to import than a whole verification may. Here is the light
path, for what is signed: every field is always written, no field may be absent, none may be extra. The same hints make the
published JSON Schema, so code and schema have one source.

A field that was added after its format was released is marked `LEFT_OUT`: empty, it is not written, so every value that could
be said before is still said in the same bytes, and in no others.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from arcops.errors import Broken, Refused
from arcops.left_out import LEFT_OUT

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None
T = TypeVar("T")

MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z$"
_MOMENT = re.compile(MOMENT.removesuffix("$") + r"\Z")


def camel(name: str) -> str:
    """``judged_at`` as ``judgedAt``."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def moment(at: datetime) -> str:
    """*at* in UTC as RFC 3339 with ``Z``; microseconds only where there are any. Raises `Broken` without a time zone."""
    if at.tzinfo is None:
        raise Broken(f"the moment {at} has no time zone, so it cannot be signed")
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


@cache
def _members(kind: Any) -> tuple[tuple[str, str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, camel(field.name), hints[field.name]) for field in fields(kind) if field.init)


@cache
def _left_out(kind: Any) -> frozenset[str]:
    """The aliases of the fields of *kind* that are not written where they are empty."""
    return frozenset(camel(field.name) for field in fields(kind) if LEFT_OUT.keys() <= field.metadata.keys())


def dump(value: object) -> JSON:
    """*value* as JSON values. Raises `Broken` on a type that has no place in what is signed (floats, mappings)."""
    match value:
        case None | bool() | int() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return cast(str, value.value)
        case datetime():
            return moment(value)
        case tuple():
            return [dump(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            kind = cast(Hashable, type(value))
            members = ((alias, getattr(value, name)) for name, alias, _ in _members(kind))
            return {alias: dump(member) for alias, member in members if not _empty(member) or alias not in _left_out(kind)}
        case _:
            raise Broken(f"a {type(value).__name__} cannot be part of what is signed")


def _empty(value: object) -> bool:
    return value in ("", (), []) or value is False


def load(kind: type[T], value: object, where: str = "the document") -> T:
    """JSON *value* as a *kind*. Raises `Refused` naming the place that does not fit; *where* names the whole in it."""
    return cast(T, _reader(cast(Hashable, kind))(value, where))


def _refuse(where: str, wanted: str, value: object) -> Refused:
    return Refused(f"{where}: {wanted} is expected, not {'null' if value is None else type(value).__name__}")


def _plain(kind: type[Any], wanted: str) -> Callable[[object, str], Any]:
    def read(value: object, where: str) -> object:
        if type(value) is not kind:
            raise _refuse(where, wanted, value)
        return value

    return read


def _moment_of(value: object, where: str) -> datetime:
    if not isinstance(value, str) or not _MOMENT.match(value):
        raise Refused(f"{where}: a moment such as 2026-11-21T12:00:00Z is expected")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise Refused(f"{where}: {value} is not a moment: {error}") from error


@cache
def _reader(kind: Any) -> Callable[[object, str], Any]:
    if kind in (str, int, bool):
        return _plain(kind, {str: "a string", int: "a whole number", bool: "true or false"}[kind])
    if kind is datetime:
        return _moment_of
    if get_origin(kind) in (Union, types.UnionType):
        return _optional_reader(kind)
    if get_origin(kind) is tuple and len(get_args(kind)) == 2 and get_args(kind)[1] is Ellipsis:
        return _tuple_reader(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_reader(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _object_reader(kind)
    raise Broken(f"type {kind} cannot be part of what is signed")


def _optional_reader(kind: Any) -> Callable[[object, str], Any]:
    rest = [member for member in get_args(kind) if member is not type(None)]
    if len(rest) != 1 or len(get_args(kind)) != 2:
        raise Broken(f"type {kind} cannot be part of what is signed: only 'X | None' is a union that reads back surely")
    inner = _reader(rest[0])
    return lambda value, where: None if value is None else inner(value, where)


def _tuple_reader(item: Any) -> Callable[[object, str], Any]:
    inner = _reader(item)

    def read(value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _refuse(where, "a list", value)
        return tuple(inner(entry, f"{where}[{index}]") for index, entry in enumerate(value))

    return read


def _enum_reader(kind: type[Enum]) -> Callable[[object, str], Any]:
    known = {member.value: member for member in kind}

    def read(value: object, where: str) -> Enum:
        if not isinstance(value, str) or value not in known:
            raise Refused(f"{where}: one of {', '.join(known)} is expected")
        return known[value]

    return read


def _object_reader(kind: type[Any]) -> Callable[[object, str], Any]:
    members = _members(cast(Hashable, kind))
    readers = [(name, alias, _reader(hint)) for name, alias, hint in members]
    aliases = {alias for _, alias, _ in members}
    optional = _left_out(cast(Hashable, kind))

    def read(value: object, where: str) -> Any:
        if not isinstance(value, dict):
            raise _refuse(where, "an object", value)
        strangers = (value.keys() ^ aliases) - {alias for alias in optional if alias not in value}
        if strangers:
            strange = sorted(strangers)[0]
            raise Refused(f"{where}: {strange[:80]!r} is {'absent' if strange in aliases else 'not a known field'}")
        for alias in optional:
            if _empty(value.get(alias)):
                raise Refused(f"{where}: {alias!r} is empty, and an empty one is left out")
        present = (one for one in readers if one[1] in value)
        return kind(**{name: reader(value[alias], f"{where}.{alias}") for name, alias, reader in present})

    return read


def schema(kind: type[Any], definitions: dict[str, JSON]) -> dict[str, JSON]:
    """The JSON Schema (draft 2020-12) of *kind*; that of every dataclass and enum inside goes into *definitions*."""
    return _schema(kind, definitions)


def _schema(kind: Any, definitions: dict[str, JSON]) -> dict[str, JSON]:
    if kind in (str, int, bool):
        return {"type": {str: "string", int: "integer", bool: "boolean"}[kind]}
    if kind is datetime:
        return {"type": "string", "pattern": MOMENT}
    if get_origin(kind) in (Union, types.UnionType):
        return {
            "anyOf": [{"type": "null"} if member is type(None) else _schema(member, definitions) for member in get_args(kind)]
        }
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(get_args(kind)[0], definitions)}
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = None
        definitions[kind.__name__] = (
            {"type": "string", "enum": [member.value for member in kind]}
            if issubclass(kind, Enum)
            else _object(kind, definitions)
        )
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _filled(kind: Any, schema: JSON) -> JSON:
    """The *schema* of a field that is not written if it is empty."""
    if kind is bool:
        return {"const": True}
    return cast(dict[str, JSON], schema) | ({"minLength": 1} if kind is str else {"minItems": 1})


def _object(kind: type[Any], definitions: dict[str, JSON]) -> dict[str, JSON]:
    members, left_out = _members(cast(Hashable, kind)), _left_out(cast(Hashable, kind))
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {
            alias: _filled(hint, schema) if alias in left_out else schema
            for _, alias, hint in members
            for schema in (_schema(hint, definitions),)
        },
        "required": [alias for _, alias, _ in members if alias not in left_out],
        "additionalProperties": False,
    }
