"""The JSON Schema of every ask and answer, from the types themselves (JSON Schema 2020-12, self-contained)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NewType

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from arcops.asks import docs
from artifacts.wire import name_on_the_wire

_renamed: Any = NewType

_STRICT = ConfigDict(alias_generator=name_on_the_wire, extra="forbid", strict=True, use_attribute_docstrings=True)
_BY_NAME = ("properties", "patternProperties", "$defs")
_VALUES = ("default", "const", "enum", "examples")
"""Members of a schema that hold values. Nothing in them is a schema."""
_SILENT: tuple[object, ...] = ("", None, [], {})
"""Defaults that say no more than that a member may be left out."""


def schema(kind: type[object], mode: JsonSchemaMode) -> dict[str, Any]:
    """The schema of *kind* as an ask (``validation``) or as an answer (``serialization``).

    It describes what `artifacts.wire` accepts and writes; the docstrings under the fields are its descriptions.
    """
    return _schema(kind, mode)  # type: ignore[arg-type]  # every class is hashable, but mypy rejects a dataclass's


@cache
def _schema(kind: type[object], mode: JsonSchemaMode) -> dict[str, Any]:
    made = TypeAdapter(_renamed(kind.__name__, kind), config=_STRICT).json_schema(by_alias=True, mode=mode)
    properties = made.get("properties", {})
    # pydantic reads the docstrings of a class itself, and not those that it inherits
    for name, doc in docs(kind).items():  # type: ignore[arg-type]  # as above
        if name_on_the_wire(name) in properties:
            properties[name_on_the_wire(name)].setdefault("description", doc)
    return made


def shortened(whole: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that takes the same values as *whole*, without titles, without defaults that say nothing, without the sentence
    about the whole (the tool has its own), and with each definition that is used once in its place.
    """
    defs: Mapping[str, Any] = whole.get("$defs", {})
    used: dict[str, int] = {}
    for reference in _references(whole):
        used[reference] = used.get(reference, 0) + 1
    once = {name: one for name, one in defs.items() if used.get(f"#/$defs/{name}") == 1}
    kept = {name: _short(one, once) for name, one in defs.items() if name not in once}
    found = _short({name: one for name, one in whole.items() if name not in ("$defs", "description")}, once)
    short: dict[str, Any] = {**found, **({"$defs": kept} if kept else {})}
    return short


def _short(node: Any, once: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_short(one, once) for one in node]
    if not isinstance(node, Mapping):
        return node
    reference = str(node.get("$ref", "")).removeprefix("#/$defs/")
    if reference in once:
        beside = {name: one for name, one in node.items() if name != "$ref"}
        return _short({**once[reference], **beside}, once)
    found: dict[str, Any] = {}
    for name, one in node.items():
        if name in _BY_NAME:
            found[name] = {member: _short(below, once) for member, below in one.items()}
        elif name in _VALUES:
            if name != "default" or one not in _SILENT:
                found[name] = one
        elif name != "title":
            found[name] = _short(one, once)
    return _or_null(found)


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    """A *node* that takes one simple type or null, as one type instead of two alternatives."""
    match node.get("anyOf"):
        case [{"type": str(one)} as first, {"type": "null"}] if not set(first) - {"type", "format", "description"}:
            kept = {name: value for name, value in node.items() if name != "anyOf"}
            return {**first, "type": [one, "null"], **kept}
    return node


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, one in node.items():
            if name == "$ref":
                yield one
            elif name not in _VALUES:
                yield from _references(one)
    elif isinstance(node, list):
        for one in node:
            yield from _references(one)
