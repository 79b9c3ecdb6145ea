"""Words in which a structural schema is written (``apiextensions.k8s.io/v1``). Every text, list and map has a most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from manifests.objects import Json

Shape: TypeAlias = Mapping[str, Json]

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""A DNS subdomain, as most names of objects are."""
KEY = r"^[-._a-zA-Z0-9]+$"
"""A key of a ConfigMap or a Secret."""


def text(most: int = 253, *, least: int = 0, pattern: str = "", **more: Json) -> Shape:
    """A text of *least* to *most* characters."""
    bounds: dict[str, Json] = {"type": "string", "maxLength": most}
    if least:
        bounds["minLength"] = least
    if pattern:
        bounds["pattern"] = pattern
    return {**bounds, **more}


def one_of(*words: str, default: str = "") -> Shape:
    """One of a few words."""
    made: dict[str, Json] = {"type": "string", "enum": list(words)}
    return {**made, "default": default} if default else made


def whole(least: int, most: int, *, wide: bool = False) -> Shape:
    """A whole number."""
    return {"type": "integer", "format": "int64" if wide else "int32", "minimum": least, "maximum": most}


def flag() -> Shape:
    return {"type": "boolean"}


def listed(items: Shape, most: int, *, keys: tuple[str, ...] = (), unique: bool = False, least: int = 0) -> Shape:
    """A list; with *keys* its items are told apart by these members, *unique* if they are told apart whole."""
    made: dict[str, Json] = {"type": "array", "items": items, "maxItems": most}
    if least:
        made["minItems"] = least
    kind = "map" if keys else "set" if unique else "atomic"
    made["x-kubernetes-list-type"] = kind
    if keys:
        made["x-kubernetes-list-map-keys"] = list(keys)
    return made


def mapped(values: Shape, most: int) -> Shape:
    """Any names, each with a value."""
    return {"type": "object", "additionalProperties": values, "maxProperties": most}


def record(
    members: Mapping[str, Shape], *, needs: tuple[str, ...] = (), rules: tuple[Shape, ...] = (), about: str = ""
) -> Shape:
    """An object with exactly these *members*; *rules* are those of `rule`."""
    made: dict[str, Json] = {"type": "object", "properties": dict(members)}
    if about:
        made["description"] = about
    if needs:
        made["required"] = list(needs)
    if rules:
        made["x-kubernetes-validations"] = list(rules)
    return made


def rule(expression: str, message: str, *, at: str = "") -> Shape:
    """A rule in CEL that must hold, and the sentence for when it does not."""
    made: dict[str, Json] = {"rule": expression, "message": message}
    return {**made, "fieldPath": at} if at else made


def said(shape: Shape, about: str) -> Shape:
    """*shape* with its description."""
    return {"description": about, **shape}


def quantity() -> Shape:
    """An amount, such as ``500m`` or ``1Gi``, or a number."""
    pattern = (
        r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
    )
    return {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": pattern,
        "maxLength": 40,
        "x-kubernetes-int-or-string": True,
    }
