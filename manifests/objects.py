"""A Kubernetes object that is to be applied: a value, in the bytes that an API server is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A JSON value. What comes from `frozen` cannot be changed."""

Thawed: TypeAlias = "bool | int | float | str | list[Thawed] | dict[str, Thawed] | None"
"""A JSON value as ``json`` reads it."""


def frozen(value: Json) -> Json:
    """*value*, all the way down as tuples and read-only mappings."""
    if isinstance(value, Mapping):
        return frozen_mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(frozen(one) for one in value)
    return value


def frozen_mapping(value: Mapping[str, Json]) -> Mapping[str, Json]:
    """As `frozen`, of a mapping."""
    return MappingProxyType({name: frozen(one) for name, one in value.items()})


def thawed_mapping(value: Mapping[str, Json]) -> dict[str, Thawed]:
    """As `thawed`, of a mapping."""
    return {name: thawed(one) for name, one in value.items()}


def inner(value: Json, *names: str) -> Json:
    """What is at *names* in *value*, one inside another; `None` if it is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def thawed(value: Json) -> Thawed:
    """*value* as lists and dictionaries of its own."""
    if isinstance(value, Mapping):
        return thawed_mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [thawed(one) for one in value]
    return value


def text_of(value: Json) -> str:
    """*value* as JSON: the same text for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_members)


def _members(value: object) -> dict[str, Json]:
    """*value* as the encoder takes it: a mapping that cannot be changed is no dictionary."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectName:
    """Which object. ``namespace`` is empty for an object of the whole cluster."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeObject:
    """One object. ``text`` is the whole of it as JSON; equal objects have equal texts."""

    name: ObjectName
    text: str

    @property
    def value(self) -> dict[str, Thawed]:
        """The object, a new copy at each call, so that no one can change this one."""
        found: dict[str, Thawed] = json.loads(self.text)
        return found


def kube_object(value: Mapping[str, Json]) -> KubeObject:
    """The object that *value* describes; it has an ``apiVersion``, a ``kind`` and a name."""
    return KubeObject(
        name=ObjectName(
            api_version=str(value["apiVersion"]),
            kind=str(value["kind"]),
            namespace=str(inner(value, "metadata", "namespace") or ""),
            name=str(inner(value, "metadata", "name")),
        ),
        text=text_of(value),
    )
