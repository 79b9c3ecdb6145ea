"""Which manager owns which field (Kubernetes, "Server-Side Apply": field ownership, conflicts, merge strategy).

A field is a path of elements as ``fieldsV1`` writes them: ``f:NAME`` a member, ``k:{…}`` the item of a list that is a map,
``v:…`` an item of a list that is a set, ``.`` the item itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]
Flat = dict[Path, Any]

_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "webhooks": ("name",),
}
_SETS = frozenset(("finalizers",))
_ATOMIC = frozenset(
    (
        "selector", "podSelector", "namespaceSelector", "labelSelector", "nodeSelector", "secretKeyRef", "configMapKeyRef",
        "fieldRef", "resourceFieldRef", "roleRef", "local", "managedFields",
    )
)  # fmt: skip
"""Maps of the built-in kinds that have one owner (``x-kubernetes-map-type: atomic``)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How lists and maps merge below one place: by the schema of a CustomResourceDefinition, or as a built-in kind does."""

    schema: dict[str, Any] | None = None
    path: Path = ()

    def child(self, name: str) -> Shape:
        if self.schema is None or self.path[:1] == ("metadata",) or (not self.path and name == "metadata"):
            return Shape(None, (*self.path, name)) if len(self.path) < 8 else Shape(None, (*self.path[-7:], name))
        inner = self.schema.get("properties", {}).get(name)
        if inner is None:
            more = self.schema.get("additionalProperties")
            inner = more if isinstance(more, dict) else {}
        return Shape(inner, (*self.path, name))

    def item(self) -> Shape:
        if self.schema is None:
            return Shape(None, (*self.path, "*"))
        inner = self.schema.get("items")
        return Shape(inner if isinstance(inner, dict) else {}, (*self.path, "*"))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a list that is a map; empty for other lists."""
        if self.schema is not None:
            return tuple(self.schema.get("x-kubernetes-list-map-keys", ())) if self.kind == "map" else ()
        last = self.path[-1] if self.path else ""
        if last == "ports":
            if self.path[:2] == ("spec", "ports"):
                return ("port", "protocol")
            return ("containerPort", "protocol") if "containers" in self.path or "initContainers" in self.path else ()
        return _KEYS.get(last, ())

    @property
    def kind(self) -> str:
        return str(self.schema.get("x-kubernetes-list-type", "atomic")) if self.schema is not None else ""

    @property
    def is_set(self) -> bool:
        return self.kind == "set" if self.schema is not None else bool(self.path) and self.path[-1] in _SETS

    @property
    def is_atomic_map(self) -> bool:
        if self.schema is not None:
            return self.schema.get("x-kubernetes-map-type") == "atomic"
        return bool(self.path) and self.path[-1] in _ATOMIC


def key_of(item: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The element of *item*. ``protocol`` has a default, which the key holds, too."""
    found = {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}
    return "k:" + json.dumps(found, separators=(",", ":"), sort_keys=True)


def flat(value: Any, shape: Shape, path: Path = (), out: Flat | None = None) -> Flat:
    """The fields of *value* with their values."""
    found: Flat = {} if out is None else out
    if isinstance(value, dict) and value and not shape.is_atomic_map:
        for name, one in value.items():
            flat(one, shape.child(name), (*path, f"f:{name}"), found)
    elif isinstance(value, list) and value and shape.keys and all(isinstance(one, dict) for one in value):
        keys, inner = shape.keys, shape.item()
        for one in value:
            here = (*path, key_of(one, keys))
            found[(*here, ".")] = True
            for name, part in one.items():
                flat(part, inner.child(name), (*here, f"f:{name}"), found)
    elif isinstance(value, list) and value and shape.is_set:
        for one in value:
            found[(*path, "v:" + json.dumps(one))] = one
    else:
        found[path] = value
    return found


def merged(live: Any, applied: Any, shape: Shape) -> Any:
    """*live* with what *applied* says."""
    if isinstance(live, dict) and isinstance(applied, dict) and not shape.is_atomic_map:
        made = dict(live)
        for name, one in applied.items():
            made[name] = merged(live[name], one, shape.child(name)) if name in live else one
        return made
    if isinstance(live, list) and isinstance(applied, list):
        if shape.keys:
            keys, inner = shape.keys, shape.item()
            known = {key_of(one, keys): one for one in live if isinstance(one, dict)}
            given = {key_of(one, keys): one for one in applied if isinstance(one, dict)}
            made_items = {key: merged(known[key], one, inner) if key in known else one for key, one in given.items()}
            kept = [made_items.pop(key, one) for key, one in known.items()]
            return [*kept, *made_items.values()]
        if shape.is_set:
            return [*live, *(one for one in applied if one not in live)]
    return applied


def without(value: Any, path: Path, shape: Shape) -> Any:
    """*value* without the field *path*."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if first.startswith("f:") and isinstance(value, dict):
        name = first[2:]
        if name not in value:
            return value
        if not rest:
            return {key: one for key, one in value.items() if key != name}
        inner = without(value[name], rest, shape.child(name))
        if inner in ({}, []) and value[name] not in ({}, []):
            return {key: one for key, one in value.items() if key != name}
        return {**value, name: inner}
    if first.startswith("k:") and isinstance(value, list):
        keys = shape.keys
        if rest == (".",):
            return [one for one in value if key_of(one, keys) != first]
        return [without(one, rest, shape.item()) if key_of(one, keys) == first else one for one in value]
    if first.startswith("v:") and isinstance(value, list):
        return [one for one in value if json.dumps(one) != first[2:]]
    return value


@dataclass(slots=True)
class Owned:
    """What one manager owns by one operation in one part of the object."""

    manager: str
    operation: str
    subresource: str
    version: str
    time: str
    fields: set[Path] = field(default_factory=set)


class Conflict(Exception):
    """Other managers own fields with other values; ``causes`` are pairs of manager and field."""

    def __init__(self, causes: list[tuple[str, str]]) -> None:
        super().__init__(causes)
        self.causes = causes


def _ignored(path: Path) -> bool:
    if path[0] in ("f:apiVersion", "f:kind"):
        return True
    return path[0] == "f:metadata" and len(path) > 1 and path[1] in _META


_META = frozenset(
    f"f:{one}"
    for one in (
        "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "deletionTimestamp",
        "deletionGracePeriodSeconds", "generateName", "selfLink",
    )
)  # fmt: skip


def owned_fields(obj: dict[str, Any], shape: Shape) -> Flat:
    return {path: value for path, value in flat(obj, shape).items() if path and not _ignored(path)}


def apply(
    live: dict[str, Any],
    applied: dict[str, Any],
    owners: list[Owned],
    shape: Shape,
    *,
    manager: str,
    subresource: str,
    version: str,
    force: bool,
    now: str,
) -> dict[str, Any]:
    """*live* with *applied*, whose fields belong to *manager* from now on; *owners* is changed. Raises `Conflict`."""
    given = owned_fields(applied, shape)
    mine = next((o for o in owners if (o.manager, o.operation, o.subresource) == (manager, "Apply", subresource)), None)
    now_live = owned_fields(live, shape)
    causes: list[tuple[str, str]] = []
    lost: list[tuple[Owned, set[Path]]] = []
    for other in owners:
        if other is mine:
            continue
        # A field may be owned as a whole by one and in parts by another, if its shape changed from empty to full.
        changed = {path for path in other.fields & given.keys() if path not in now_live or now_live[path] != given[path]}
        if changed:
            lost.append((other, changed))
            causes += [(other.manager, said(path)) for path in sorted(changed)]
    if causes and not force:
        raise Conflict(causes)
    for other, changed in lost:
        other.fields -= changed
    made = merged(live, applied, shape)
    if mine is not None:
        others: set[Path] = set().union(*(o.fields for o in owners if o is not mine))
        gone = mine.fields - given.keys() - others
        for path in sorted(gone, key=lambda one: (one[-1] != ".", len(one)), reverse=True):
            if path[-1] == "." and any(one[: len(path) - 1] == path[:-1] for one in others):
                continue
            if not any(one[: len(path)] == path for one in given):
                made = without(made, path, shape)
    fields = set(given)
    if mine is None:
        owners.append(Owned(manager, "Apply", subresource, version, now, fields))
    elif mine.fields != fields:
        mine.fields, mine.time, mine.version = fields, now, version
    owners[:] = [one for one in owners if one.fields]
    return made


def update(
    before: dict[str, Any],
    after: dict[str, Any],
    owners: list[Owned],
    shape: Shape,
    *,
    manager: str,
    subresource: str,
    version: str,
    now: str,
) -> None:
    """Change *owners* as an update from *before* to *after* by *manager* does: what it changed is now its own."""
    old, new = owned_fields(before, shape), owned_fields(after, shape)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    gone = old.keys() - new.keys()
    if not changed and not gone:
        return
    mine = next((o for o in owners if (o.manager, o.operation, o.subresource) == (manager, "Update", subresource)), None)
    for other in owners:
        other.fields -= gone
        if other is not mine:
            other.fields -= changed
    if changed:
        if mine is None:
            owners.append(Owned(manager, "Update", subresource, version, now, changed))
        else:
            mine.fields |= changed
            mine.time, mine.version = now, version
    owners[:] = [one for one in owners if one.fields]


def said(path: Path) -> str:
    """*path* as a conflict names it: ``.spec.replicas``."""
    text = ""
    for one in path:
        if one.startswith("f:"):
            text += f".{one[2:]}"
        elif one.startswith("k:"):
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(one[2:]).items()) + "]"
        elif one.startswith("v:"):
            text += f"[={one[2:]}]"
    return text


def shown(owners: list[Owned]) -> list[dict[str, Any]]:
    """``metadata.managedFields``."""
    found = []
    for one in owners:
        tree: dict[str, Any] = {}
        for path in sorted(one.fields):
            at = tree
            for part in path:
                at = at.setdefault(part, {})
        entry = {
            "manager": one.manager, "operation": one.operation, "apiVersion": one.version, "time": one.time,
            "fieldsType": "FieldsV1", "fieldsV1": tree,
        }  # fmt: skip
        if one.subresource:
            entry["subresource"] = one.subresource
        found.append(entry)
    return found
