"""What is signed: frozen dataclasses to JSON values and strictly back, by their type hints.

Every field is always written, no field may be absent, none may be extra, and few types are allowed. `artifacts.wire` does the
same for messages, less strictly, with the same readers and writers. The same hints make the published JSON Schema, so code and
schema have one source.

A field that was added after its format was released is marked `LEFT_OUT`: if it is empty, it is not written. So every value
that could be written before still has the same bytes, and only these.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar, cast, get_args

from arcops.errors import Broken, Refused
from artifacts.json_values import JSON
from artifacts.members import members
from artifacts.misfit import Misfit
from artifacts.moments import MOMENT, moment
from artifacts.readers import PLAIN, is_union, item_of, reader
from artifacts.writers import writer

__all__ = ["JSON", "MOMENT", "dump", "load", "moment", "schema"]

T = TypeVar("T")


def dump(value: object) -> JSON:
    """*value*, a dataclass, as JSON values. Raises `Broken` on a type that cannot be signed, such as a float."""
    kind = type(value)
    try:
        return cast(JSON, writer(cast(Hashable, kind), True)(value))
    except Misfit as misfit:
        raise Broken(f"{kind.__name__}{misfit.place}: {misfit.sentence}") from misfit


def load(kind: type[T], value: object, where: str = "the document") -> T:
    """JSON *value* as a *kind*. Raises `Refused` naming the place that does not fit; ``where`` names the document."""
    try:
        return cast(T, reader(cast(Hashable, kind), True)(value))
    except Misfit as misfit:
        raise Refused(f"{where}{misfit.place}: {misfit.sentence}") from misfit


def schema(kind: type[Any], definitions: dict[str, JSON]) -> dict[str, JSON]:
    """The JSON Schema (draft 2020-12) of *kind*; that of every dataclass and enum inside goes into *definitions*."""
    return _schema(kind, definitions)


def _schema(kind: Any, definitions: dict[str, JSON]) -> dict[str, JSON]:
    if kind in PLAIN:
        return {"type": {str: "string", int: "integer", bool: "boolean"}[kind]}
    if kind is datetime:
        return {"type": "string", "pattern": MOMENT}
    if is_union(kind):
        return {
            "anyOf": [{"type": "null"} if member is type(None) else _schema(member, definitions) for member in get_args(kind)]
        }
    if (item := item_of(kind)) is not None:
        return {"type": "array", "items": _schema(item, definitions)}
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
    known = members(cast(Hashable, kind))
    return {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {
            one.alias: _filled(one.hint, schema) if one.left_out else schema
            for one in known
            for schema in (_schema(one.hint, definitions),)
        },
        "required": [one.alias for one in known if not one.left_out],
        "additionalProperties": False,
    }
