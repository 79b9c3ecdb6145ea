"""Checks custom objects against the CustomResourceDefinitions in the same manifests, as an API server with these would.

Definitions may come after the objects, so objects are checked after all files are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from arcops.finding import Location
from arcops.seen.network import Complaint
from tasks.kubernetes.manifests.definitions import Definition, without_descriptions
from tasks.kubernetes.manifests.nodes import Mapping, Node, Sequence, idle
from tasks.kubernetes.manifests.schemas import Schema, as_written, plain
from tasks.kubernetes.manifests.values import Plain

CHECKED_GROUPS = ("gateway.networking.k8s.io", "istio.io", "cilium.io")
"""Groups, with their subgroups, whose objects affect traffic and have no schema here unless a definition is given."""

MOST_EVALUATIONS = 1_000_000
"""The most evaluations of CEL rules, over all objects. The evaluator itself bounds the iterations of one rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    node: Mapping
    group: str
    version: str
    kind: str
    about: str
    at: Location


@dataclass(slots=True)
class Custom:
    """Definitions and objects, as they are read."""

    _definitions: dict[tuple[str, str], tuple[Location, Definition]] = field(default_factory=dict)
    _waiting: list[_Waiting] = field(default_factory=list)
    refused: list[Complaint] = field(default_factory=list)
    unread: list[Complaint] = field(default_factory=list)
    unchecked: list[Complaint] = field(default_factory=list)

    def take(self, node: Mapping, group: str, version: str, kind: str, about: str, at: Location) -> Definition | None:
        """Keep *node* until `complete` if it is a definition, which is the answer, or may have one."""
        if (group, kind) == ("apiextensions.k8s.io", "CustomResourceDefinition"):
            return self._define(node, at, about)
        if "." in group and (not group.endswith(".k8s.io") or is_checked(group)):
            self._waiting.append(_Waiting(node=node, group=group, version=version, kind=kind, about=about, at=at))
        return None

    def _define(self, node: Mapping, at: Location, about: str) -> Definition | None:
        spec = plain(node.items["spec"]) if "spec" in node.items else None
        group, kind = _member(spec, "group"), _member(_member(spec, "names"), "kind")
        versions = _member(spec, "versions")
        if not isinstance(group, str) or not isinstance(kind, str) or not isinstance(versions, list):
            text = "the definition has no group, kind and versions, so nothing can be checked by it"
            self.unread.append(Complaint(at=at, about=about, field="spec", text=text))
            return None
        bare = without_descriptions(versions)
        made = Definition(group=group, kind=kind, versions=bare if isinstance(bare, list) else [])
        self.define(made, at)
        return made

    def define(self, definition: Definition, at: Location) -> None:
        """Check objects of its kind against *definition*, which is at *at*."""
        self._definitions[definition.group, definition.kind] = (at, definition)

    def complete(self, tick: Callable[[], None] = idle) -> None:
        """Check every object that waits. *tick* is called for each and may raise."""
        schemas: dict[tuple[str, str, str], Schema | Complaint] = {}
        budget = [MOST_EVALUATIONS]
        for one in self._waiting:
            tick()
            if (one.group, one.kind) not in self._definitions:
                if _moves_packets(one.group):
                    text = (
                        f"it was not checked: no manifest holds the CustomResourceDefinition of {one.kind}.{one.group}; add it"
                    )
                    self.unchecked.append(Complaint(at=one.at, about=one.about, field="", text=text))
                continue
            key = one.group, one.kind, one.version
            if key not in schemas:
                schemas[key] = self._schema(*key)
            schema = schemas[key]
            if isinstance(schema, Complaint):
                self.refused.append(Complaint(at=one.at, about=one.about, field=schema.field, text=schema.text))
                continue
            for path, text, certain in schema.problems(plain(one.node), budget, tick):
                at = Location(path=one.at.path, line=_line(one.node, path))
                if certain:
                    self.refused.append(Complaint(at=at, about=one.about, field=as_written(path), text=text))
                else:
                    self.unchecked.append(Complaint(at=at, about=one.about, field=as_written(path), text=text))
        self._waiting.clear()

    def _schema(self, group: str, kind: str, version: str) -> Schema | Complaint:
        at, definition = self._definitions[group, kind]
        place = f"{at.path}:{at.line}"
        found = definition.schema(version)
        if isinstance(found, Schema):
            return found
        if found is not None:
            return Complaint(at=at, about=kind, field="", text=f"the definition at {place} cannot be used: {found}")
        text = f"the definition at {place} serves no version {version[:40]!r}"
        return Complaint(at=at, about=kind, field="apiVersion", text=text)


def is_checked(group: str) -> bool:
    """Are definitions of *group* needed, because their objects affect traffic?"""
    return _moves_packets(group) or group == "policy.networking.k8s.io"


def _moves_packets(group: str) -> bool:
    return any(group == one or group.endswith(f".{one}") for one in CHECKED_GROUPS)


def _member(value: Plain, name: str) -> Plain:
    return value.get(name) if isinstance(value, dict) else None


def _line(node: Node, path: tuple[str | int, ...]) -> int:
    """The line of the value at *path*, or of the nearest value around it (a value that a default added has no line)."""
    line = node.line
    for one in path:
        if isinstance(node, Mapping) and isinstance(one, str) and one in node.items:
            line, node = node.lines[one], node.items[one]
        elif isinstance(node, Sequence) and isinstance(one, int) and one < len(node.items):
            node = node.items[one]
            line = node.line or line
        else:
            break
    return line
