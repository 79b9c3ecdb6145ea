"""The JSON Schema of every ask and answer, from the types themselves (JSON Schema 2020-12, self-contained)."""

from __future__ import annotations

from functools import cache
from typing import Any, NewType

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from arcops.asks import docs
from artifacts.wire import name_on_the_wire

_renamed: Any = NewType

_STRICT = ConfigDict(alias_generator=name_on_the_wire, extra="forbid", strict=True, use_attribute_docstrings=True)


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
