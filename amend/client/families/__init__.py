"""The families, each a value in a module of its name, and those that a site describes. There is no second list of them."""

from __future__ import annotations

from dataclasses import dataclass

from amend.client.family import Family
from arcops.discovery import declared, named
from arcops.errors import Refused
from arcops.quoting import quoted


@dataclass(frozen=True, slots=True)
class Families:
    """The families that are known at one place: those of ArcOps, and those that the site ``described`` itself.

    Raises `Refused` if one of these has the id of another.
    """

    described: tuple[Family, ...] = ()

    def __post_init__(self) -> None:
        ids = [one.id for one in self.described]
        for one in ids:
            if ids.count(one) > 1 or any(each.id == one for each in named(__name__, Family, one)):
                raise Refused(f"the client family {one!r} is known already; give the one that you describe another id")

    def all(self) -> tuple[Family, ...]:
        """Every family, in the order of ids."""
        return tuple(sorted((*declared(__name__, Family), *self.described), key=lambda one: one.id))

    def of(self, client: str) -> Family:
        """The family with the id *client*. Raises `Refused` naming those that there are."""
        for one in (*named(__name__, Family, client), *self.described):
            if one.id == client:
                return one
        raise Refused(f"there is no client family {quoted(client)}; there are {', '.join(one.id for one in self.all())}")


KNOWN = Families()
"""Those of ArcOps alone."""
