"""The fields of a frozen dataclass on the wire: the name and type of each, and whether it is required."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, get_type_hints

from arcops.errors import Broken
from arcops.late_dataclass import dataclass
from arcops.left_out import LEFT_OUT

_JOINT = re.compile("(?<=[0-9A-Za-z])_(?=[0-9A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One field: ``name`` in Python, ``alias`` in JSON. A field with a ``default`` may be absent in messages.

    ``left_out``: in what is signed, the field is not written if it is empty.
    """

    name: str
    alias: str
    hint: Any
    default: bool
    left_out: bool


def camel(name: str) -> str:
    """``judged_at`` as ``judgedAt``, ``p95_ms`` as ``p95Ms`` and ``p95ms`` as ``p95Ms``."""
    joined = _JOINT.sub("", name.title())
    return joined[:1].lower() + joined[1:]


@cache
def members(kind: Any) -> tuple[Member, ...]:
    """The fields of the dataclass *kind*, in order. Raises `Broken` for one that its constructor does not take."""
    hints = get_type_hints(kind)
    found = fields(kind)
    for field in found:
        if not field.init:
            raise Broken(f"{kind.__name__}.{field.name} is not a parameter of its constructor, so it cannot be read back")
    return tuple(
        Member(
            name=field.name,
            alias=camel(field.name),
            hint=hints[field.name],
            default=field.default is not MISSING or field.default_factory is not MISSING,
            left_out=LEFT_OUT.keys() <= field.metadata.keys(),
        )
        for field in found
    )


def empty(value: object) -> bool:
    """Is *value* empty, so that a field which is left out if empty is not written?"""
    return value is False or value in ("", (), [])
