"""The families, each a value in a module of its name. There is no second list of them."""

from __future__ import annotations

from amend.client.family import Family
from arcops.discovery import declared, named
from arcops.errors import Refused


def all_families() -> tuple[Family, ...]:
    """Every family, in the order of ids."""
    return tuple(sorted(declared(__name__, Family), key=lambda one: one.id))


def family_of(client: str) -> Family:
    """The family with the id *client*. Raises `Refused` naming those that there are."""
    for one in named(__name__, Family, client):
        if one.id == client:
            return one
    raise Refused(f"there is no client family {client[:100]!r}; there are {', '.join(one.id for one in all_families())}")
