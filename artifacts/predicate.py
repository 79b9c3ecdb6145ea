"""A predicate that ArcOps itself states: what its statements hold, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from arcops.errors import Broken
from arcops.late_pattern import late
from artifacts.words import Said

_URI = late(r"https://arcops\.dev/predicates/(?P<name>[a-z][a-z0-9-]{0,63})/v(?P<version>[1-9][0-9]{0,3})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """The predicate type *uri*, declared in the module of `artifacts.predicates` that has its name.

    ``read`` makes of a whole statement what it says, and raises `Refused` if it is no sound statement of this type. ``said``
    gives the words for a listing, if it says more than its subjects.
    """

    uri: str
    title: str
    """What the statement is, in one line: the title of its schema."""
    holds: type[Any]
    """The dataclass of what stands under ``predicate``."""
    read: Callable[[bytes], object]
    said: Callable[[bytes], Said] | None = None
    published: bool = False
    """Its JSON Schema is published, in `artifacts.schemas`."""

    def __post_init__(self) -> None:
        if not name_of(self.uri):
            raise Broken(f"{self.uri!r} is no predicate type of ArcOps, such as https://arcops.dev/predicates/some-name/v1")

    @property
    def file(self) -> str:
        """The name under which its schema is published, and its golden kept."""
        *_, name, version = self.uri.split("/")
        return f"{name}-{version}.json"


def name_of(uri: str) -> str:
    """The name in the predicate type *uri*, without its version; empty if it is none of ArcOps's."""
    found = _URI.match(uri)
    return str(found["name"]) if found else ""
