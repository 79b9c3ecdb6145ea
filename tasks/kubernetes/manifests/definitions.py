"""CustomResourceDefinitions that were read, kept by the digest of their file: a site's are large, and rarely change.

What is kept is what the same bytes would give again, and nothing of the place at which they were found.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from tasks.kubernetes.dumped import Shown
from tasks.kubernetes.manifests.schemas import Schema, Unusable
from tasks.kubernetes.manifests.values import Plain

_MARK = b"CustomResourceDefinition"
_MOST_BYTES = 32 * 1024 * 1024
"""Of all files that are kept; what is kept of them takes about as much memory, because descriptions are left out."""
_VALUES = frozenset(("default", "enum", "example"))
"""Members of a schema that hold values and not schemas."""


@dataclass(slots=True)
class Definition:
    """One definition, and the schemas of its versions that were asked for, or why they cannot be used."""

    group: str
    kind: str
    versions: list[Plain]
    _schemas: dict[str, Schema | str | None] = field(default_factory=dict)

    def schema(self, version: str) -> Schema | str | None:
        """The schema of *version*; a sentence if it cannot be used, `None` if the version is not served."""
        if version not in self._schemas:
            self._schemas[version] = self._made(version)
        return self._schemas[version]

    def _made(self, version: str) -> Schema | str | None:
        for one in self.versions:
            if isinstance(one, dict) and one.get("name") == version and one.get("served") is True:
                schema = one.get("schema")
                try:
                    return Schema(schema.get("openAPIV3Schema") if isinstance(schema, dict) else None)
                except Unusable as error:
                    return str(error)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A definition as a file has it: the line of the object and its name."""

    line: int
    name: str
    definition: Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a file held: its definitions, and what its documents show of a cluster's lists."""

    definitions: tuple[Read, ...]
    shown: tuple[Shown, ...] = ()


_kept: OrderedDict[bytes, tuple[int, Remembered]] = OrderedDict()
_lock = Lock()


def remembered(data: bytes) -> Remembered | None:
    """What the file with the content *data* held, if it was read before and held definitions alone."""
    if _MARK not in data:
        return None
    key = hashlib.sha256(data).digest()
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
        return found[1] if found is not None else None


def remember(data: bytes, found: Remembered) -> None:
    """Keep what a file with the content *data* holds; the files that were not asked for the longest are forgotten."""
    with _lock:
        _kept[hashlib.sha256(data).digest()] = len(data), found
        while len(_kept) > 1 and sum(size for size, _ in _kept.values()) > _MOST_BYTES:
            _kept.popitem(last=False)


def without_descriptions(schema: Plain) -> Plain:
    """*schema* without the texts for people, which are most of a published definition."""
    if isinstance(schema, list):
        return [without_descriptions(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: one if name in _VALUES else without_descriptions(one)
        for name, one in schema.items()
        if not (name == "description" and isinstance(one, str))
    }
