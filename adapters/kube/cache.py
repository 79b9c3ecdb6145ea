"""Objects of one kind as the API server has them, kept small: as bytes, without what nothing here reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from manifests.objects import Json, inner
from manifests.server.names import KIND_LABEL, OWNER_ANNOTATION, SERVER_LABEL

Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One object. ``owner`` is the uid of its controller, empty if it has none; ``above`` is the controller's kind and name.

    ``group`` is what it is found by beside its owner; empty if by nothing.
    """

    uid: str
    version: int
    owner: str
    above: tuple[str, str]
    data: bytes
    group: str = ""

    def value(self) -> dict[str, Json]:
        """The object, read again."""
        found: dict[str, Json] = msgspec.json.decode(self.data)
        return found


Grouped = Callable[[dict[str, Json]], str]
"""The group of an object."""
Told = Callable[[Place, Kept | None, Kept | None], None]
"""Hears of a change: what the object was, and what it is."""


def place_of(value: dict[str, Json]) -> Place:
    """Where *value* is."""
    return str(inner(value, "metadata", "namespace") or ""), str(inner(value, "metadata", "name"))


def kept(value: dict[str, Json], group: Grouped) -> tuple[Place, Kept]:
    """*value* as it is kept."""
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    above, owner = controller(value)
    made = Kept(
        uid=str(inner(value, "metadata", "uid") or ""),
        version=number(inner(value, "metadata", "resourceVersion")),
        owner=owner,
        above=above,
        data=msgspec.json.encode(value),
        group=group(value),
    )
    return place_of(value), made


def controller(value: dict[str, Json]) -> tuple[tuple[str, str], str]:
    """Kind, name and uid of the controller of *value*; an object of the whole cluster cannot have one of a namespace, and says
    in labels and an annotation whose it is.
    """
    references = inner(value, "metadata", "ownerReferences")
    for one in references if isinstance(references, list) else ():
        if isinstance(one, dict) and one.get("controller") is True:
            return (str(one.get("kind")), str(one.get("name"))), str(one.get("uid"))
    uid = inner(value, "metadata", "annotations", OWNER_ANNOTATION)
    if not isinstance(uid, str) or inner(value, "metadata", "namespace"):
        return ("", ""), ""
    kind, name = (inner(value, "metadata", "labels", one) for one in (KIND_LABEL, SERVER_LABEL))
    return (str(kind), str(name)), uid


def number(version: Json) -> int:
    """A resource version as a number, by which two of one kind are compared (API Concepts, "Resource versions", since 1.35)."""
    return int(version) if isinstance(version, str) and version.isdigit() else 0


class Cache:
    """The objects of one kind. ``told`` hears of each change, in the thread that brought it. ``group`` says by what else than
    its owner an object is found.
    """

    def __init__(self, told: Told, group: Grouped = lambda value: "") -> None:
        self._told, self._group = told, group
        self._lock = threading.Lock()
        self._objects: dict[Place, Kept] = {}
        self._owned: dict[str, set[Place]] = {}
        self._groups: dict[str, set[Place]] = {}
        self._places: dict[str, Place] = {}
        self._seen = 0
        self.ready = threading.Event()

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, place: Place) -> Kept | None:
        """The object at *place*."""
        return self._objects.get(place)

    def place_of(self, uid: str) -> Place | None:
        """Which object has *uid*."""
        return self._places.get(uid)

    def items(self) -> list[tuple[Place, Kept]]:
        """All objects."""
        with self._lock:
            return list(self._objects.items())

    def places(self) -> list[Place]:
        """Where there are objects."""
        with self._lock:
            return list(self._objects)

    def owned(self, uid: str) -> Iterator[tuple[Place, Kept]]:
        """The objects whose controller has *uid*."""
        return self._of(self._owned, uid)

    def within(self, group: str) -> Iterator[tuple[Place, Kept]]:
        """The objects of *group*, and the owner does not matter."""
        return self._of(self._groups, group)

    def _of(self, index: dict[str, set[Place]], key: str) -> Iterator[tuple[Place, Kept]]:
        with self._lock:
            found = [(place, self._objects[place]) for place in index.get(key, ())]
        return iter(found)

    def kept(self, value: dict[str, Json]) -> tuple[Place, Kept]:
        """*value* as it is kept here."""
        return kept(value, self._group)

    def heard(self, value: dict[str, Json]) -> None:
        """The watch says that there is *value*."""
        place, version = place_of(value), number(inner(value, "metadata", "resourceVersion"))
        before = self._objects.get(place)
        if before is not None and before.version == version and before.uid == inner(value, "metadata", "uid"):
            with self._lock:
                self._seen = max(self._seen, version)  # it is what an answer to our write said
            return
        place, one = self.kept(value)
        with self._lock:
            self._seen = max(self._seen, one.version)
            before = self._put(place, one)
        if before is not one:
            self._told(place, before, one)

    def wrote(self, value: dict[str, Json]) -> None:
        """An answer to a write says that there is *value*. The watch may be further already; then it knows better."""
        place, one = self.kept(value)
        with self._lock:
            if one.version > self._seen or place in self._objects:
                self._put(place, one)

    def gone(self, value: dict[str, Json]) -> None:
        """The watch says that *value* is not there, or not ours, any more."""
        place, one = self.kept(value)
        with self._lock:
            self._seen = max(self._seen, one.version)
            before = self._objects.get(place)
            if before is not None and before.version > one.version:  # what we wrote is newer
                return
            self._remove(place)
        self._told(place, before or one, None)

    def at(self, version: str) -> None:
        """The watch is at *version* (a bookmark)."""
        with self._lock:
            self._seen = max(self._seen, number(version))

    def replace(self, values: Iterable[tuple[Place, Kept]], version: str) -> None:
        """A whole list: what is not in it is gone."""
        found = dict(values)
        changes: list[tuple[Place, Kept | None, Kept | None]] = []
        with self._lock:
            at = number(version)
            self._seen = max(self._seen, at)
            for place, one in list(self._objects.items()):
                if place not in found and one.version <= at:
                    self._remove(place)
                    changes.append((place, one, None))
            for place, one in found.items():
                before = self._put(place, one)
                if before is not one:
                    changes.append((place, before, one))
        self.ready.set()
        for place, before, after in changes:
            self._told(place, before, after)

    def _put(self, place: Place, one: Kept) -> Kept | None:
        """Keep *one* unless what is kept is as new; gives what was kept, or *one* if nothing changed."""
        before = self._objects.get(place)
        if before is not None and before.uid == one.uid and before.version >= one.version:
            return one
        if before is not None:
            self._remove(place)
        self._objects[place] = one
        self._places[one.uid] = place
        for index, key in self._indexes(one):
            index.setdefault(key, set()).add(place)
        return before

    def _remove(self, place: Place) -> None:
        before = self._objects.pop(place, None)
        if before is not None:
            self._places.pop(before.uid, None)
            for index, key in self._indexes(before):
                places = index[key]
                places.discard(place)
                if not places:
                    del index[key]

    def _indexes(self, one: Kept) -> Iterator[tuple[dict[str, set[Place]], str]]:
        if one.owner:
            yield self._owned, one.owner
        if one.group:
            yield self._groups, one.group
