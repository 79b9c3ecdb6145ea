"""The predicates that ArcOps itself writes, each a value in a module of its name. There is no second list of them."""

from __future__ import annotations

from arcops.discovery import declared, named
from artifacts.predicate import Predicate, name_of

_ROOM = "artifacts.predicates"


def all_predicates() -> tuple[Predicate, ...]:
    """Every predicate, in order of names."""
    return declared(_ROOM, Predicate)


def known(uri: str) -> Predicate | None:
    """The predicate of the type *uri*; ``None`` if it is not a type of ArcOps. Imports no other predicate."""
    name = name_of(uri)
    return next((one for one in named(_ROOM, Predicate, name) if one.uri == uri), None) if name else None
