"""Entities that an operator gives with Cedar policies (``entitiesJSON``), read strictly, and put together with who calls what.

Cedar JSON: https://docs.cedarpolicy.com/auth/entities-syntax.html. An entity that stands there twice, also once there and once
made of the call, would leave every call without a decision: so the caller's and the tool's are merged, and two are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from arcops.errors import Refused
from artifacts.envelope import strict_json
from foundation.authorization.cedar_reading import DEEPEST

MOST_BYTES = 256 * 1024
MOST_ENTITIES = 2_000

Uid = tuple[str, str]
"""Type and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity: its ``attributes`` in Cedar's JSON, by name, and the uids of its ``parents``."""

    uid: Uid
    attributes: Mapping[str, object] = field(default_factory=dict)
    parents: frozenset[Uid] = frozenset()

    def written(self) -> dict[str, object]:
        """It in Cedar's JSON."""
        return {
            "uid": {"type": self.uid[0], "id": self.uid[1]},
            "attrs": dict(self.attributes),
            "parents": [{"type": kind, "id": id} for kind, id in sorted(self.parents)],
        }

    def with_more(self, known: Entity | None) -> Entity:
        """It, with the attributes and parents that *known* has of the same uid. What is made of the call counts first."""
        if known is None:
            return self
        return Entity(uid=self.uid, attributes={**known.attributes, **self.attributes}, parents=self.parents | known.parents)


@dataclass(frozen=True, kw_only=True)
class Entities:
    """``all`` of them by uid."""

    all: Mapping[Uid, Entity] = field(default_factory=dict)

    @cached_property
    def types(self) -> frozenset[str]:
        """Every type that is named: of an entity, or of a parent."""
        return frozenset(kind for one in self.all.values() for kind, _ in (one.uid, *one.parents))

    def of(self, kind: str) -> tuple[Entity, ...]:
        """Those of the type *kind*."""
        return tuple(one for one in self.all.values() if one.uid[0] == kind)

    def above(self, uid: Uid) -> frozenset[Uid]:
        """Every uid in which *uid* is, also through others, and itself."""
        found: set[Uid] = set()
        left = [uid]
        while left:
            one = left.pop()
            if one not in found:
                found.add(one)
                left += self.all[one].parents if one in self.all else ()
        return frozenset(found)


def read_entities(text: str, called: str) -> Entities:
    """The entities in *text*, none if it is empty. Raises `Refused` with what is wrong, and calls it *called*."""
    if not text.strip():
        return Entities()
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise Refused(f"{called} has more than {MOST_BYTES} bytes; give fewer entities")
    found = strict_json(text.encode("utf-8", "surrogatepass"), called)
    if not isinstance(found, list) or len(found) > MOST_ENTITIES:
        raise Refused(f"{called} is not a list of at most {MOST_ENTITIES} entities")
    entities: dict[Uid, Entity] = {}
    for number, one in enumerate(found, 1):
        entity = _entity(one, f"{called}, entity {number}")
        if entity.uid in entities:
            kind, id = entity.uid
            raise Refused(f"{called} has {kind}::{json.dumps(id)} twice; write it once, with all its attributes and parents")
        entities[entity.uid] = entity
    _refuse_circles(entities, called)
    return Entities(all=entities)


def _entity(value: object, where: str) -> Entity:
    if not isinstance(value, dict) or not value.keys() <= {"uid", "attrs", "parents"} or "uid" not in value:
        raise Refused(f"{where} is not an object with uid, attrs and parents")
    attributes, parents = value.get("attrs", {}), value.get("parents", [])
    if not isinstance(attributes, dict) or not isinstance(parents, list):
        raise Refused(f"{where}: attrs is an object, and parents is a list")
    if _depth(attributes) > DEEPEST:
        raise Refused(f"{where}: attrs is nested more than {DEEPEST} deep")
    uid = _uid(value["uid"], where)
    return Entity(uid=uid, attributes=attributes, parents=frozenset(_uid(one, f"{where}, parents") for one in parents))


def _uid(value: object, where: str) -> Uid:
    if isinstance(value, dict) and value.keys() == {"__entity"}:
        value = value["__entity"]
    kind, id = (value.get("type"), value.get("id")) if isinstance(value, dict) and value.keys() == {"type", "id"} else (0, 0)
    if not isinstance(kind, str) or not isinstance(id, str) or not kind:
        raise Refused(f'{where} has a uid that is not {{"type": "…", "id": "…"}}')
    return kind, id


def _depth(value: object) -> int:
    deepest, left = 0, [(value, 1)]
    while left:
        one, depth = left.pop()
        deepest = max(deepest, depth)
        inner: Iterator[object] = iter(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        left += [(each, depth + 1) for each in inner]
    return deepest


def _refuse_circles(entities: Mapping[Uid, Entity], where: str) -> None:
    """Raise `Refused` for an entity that is above itself: Cedar would take none of them."""
    try:
        TopologicalSorter({uid: one.parents for uid, one in entities.items()}).prepare()
    except CycleError as error:
        kind, id = error.args[1][0]
        raise Refused(f"{where}: {kind}::{json.dumps(id)} is above itself") from None
