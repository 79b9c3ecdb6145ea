"""The items of the checklist: data beside this module, read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from arcops.errors import Refused
from artifacts.wire import from_values
from foundation.strict_yaml import load_all


class Shown(StrEnum):
    """What shows that an item is done."""

    VERDICT = "verdict"
    ALLOWED = "allowed"
    OWNER = "owner"
    SECRETS = "secrets"
    NETWORK = "network"
    SNAPSHOT = "snapshot"
    ROLLBACK = "rollback"
    BY_HAND = "by-hand"

    @property
    def markable(self) -> bool:
        """May a person mark it as done?"""
        return self in (Shown.BY_HAND, Shown.NETWORK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item; ``references`` are the standards that ask for it."""

    id: str
    title: str
    why: str
    references: tuple[str, ...]
    mandatory: bool
    shown: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """All items."""

    version: int
    updated: str
    items: tuple[Item, ...]


@cache
def checklist() -> Checklist:
    """The checklist of this version."""
    return parsed((Path(__file__).parent / "items.yaml").read_bytes())


def parsed(data: bytes) -> Checklist:
    """The checklist in *data*. Raises `Refused` if it is not one."""
    found = load_all(data, what="the checklist")
    if len(found) != 1:
        raise Refused("the checklist is not one document")
    read = from_values(Checklist, found[0])
    ids = [one.id for one in read.items]
    if len(set(ids)) != len(ids) or not all(one.references and one.title for one in read.items):
        raise Refused("the checklist has an item twice, or one without a title or a reference")
    return read


def item(id_: str) -> Item:
    """The item *id_*. Raises `Refused` if there is no such item."""
    found = next((one for one in checklist().items if one.id == id_), None)
    if found is None:
        raise Refused(f"the checklist has no item {id_[:80]!r}; it has {', '.join(one.id for one in checklist().items)}")
    return found
