"""A predicate that ArcOps itself writes: what its statements hold, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arcops.errors import Broken
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from artifacts.words import Said

_URI = late(r"https://arcops\.dev/predicates/(?P<name>[a-z][a-z0-9-]{0,63})/v(?P<version>[1-9][0-9]{0,3})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """The predicate type *uri*, declared in the module of the same name in `artifacts.predicates`.

    ``read`` turns a whole statement into its value, and raises `Refused` if it is not a valid statement of this type. ``said``
    gives the values for a listing, if there is more to list than the subjects, from the statement and from its values as
    `artifacts.envelope.strict_json` read them.
    """

    uri: str
    title: str
    """What the statement is, in one line; also the title of its schema."""
    holds: type[Any]
    """The dataclass of the member ``predicate``."""
    read: Callable[[bytes], object]
    said: Callable[[bytes, object], Said] | None = None
    published: bool = False
    """Whether its JSON Schema is published in `artifacts.schemas`."""

    def __post_init__(self) -> None:
        if not name_of(self.uri):
            raise Broken(f"{self.uri!r} is not a predicate type of ArcOps, such as https://arcops.dev/predicates/some-name/v1")

    @property
    def file(self) -> str:
        """The name of its published schema, and of its golden file."""
        *_, name, version = self.uri.split("/")
        return f"{name}-{version}.json"


def name_of(uri: str) -> str:
    """The name in the predicate type *uri*, without its version; empty if it is not a type of ArcOps."""
    found = _URI.match(uri)
    return str(found["name"]) if found else ""
