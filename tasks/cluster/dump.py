"""Reads a dump of a cluster, from ``kubectl get -o json`` or a must-gather, like a snapshot: each kind that it holds whole.

What it holds in part, or does not hold, was not seen. It also does not say when the API server was asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from arcops.errors import ArcOpsError
from arcops.seen.cluster import Cluster, Unlisted
from artifacts.reading import read_at, read_open
from tasks.cluster.objects import READERS, Item, apart
from tasks.cluster.snapshot import METRICS, NODE_LEASES, OPTIONAL, RESOURCES, VERSION
from tasks.files.walk import walk
from tasks.kubernetes.dumped import DEFINITIONS, NAMESPACES, Dump, Kind, shown, wanted
from tasks.kubernetes.manifests.fields import Complaints, Field, text_at
from tasks.kubernetes.manifests.nodes import Mapping, Node, Scalar, Unreadable, documents

MOST_BYTES = 256 * 1024 * 1024
"""In one file."""
MOST_BYTES_IN_ALL = 512 * 1024 * 1024
_ENDINGS = (".yaml", ".yml", ".json")
_DOMAIN = b"arcops.dev/digests/cluster-dump/v1\n"
_ENDED = ("Succeeded", "Failed")
"""Phases of pods that a snapshot does not ask for."""
_KINDS = tuple(
    Kind(
        title=one.title,
        group=one.group,
        kind=one.kind,
        versions=tuple(filter(None, (one.version, one.otherwise))),
        extension=one.title in OPTIONAL,
        only=NODE_LEASES if one.kind == "Lease" else "",
    )
    for one in RESOURCES
)
_TITLES = {(one.group, one.kind): one.title for one in _KINDS}


def read_dump(root: int, name: str, tick: Callable[[], None]) -> Cluster | None:
    """The cluster in the dump at the descriptor *root*, a folder, or the file *name*; `None` if it holds no API server's list.

    *tick* is called often and may raise.
    """
    reading = _Reading()
    paths = [one.path for one in walk(root, tick).files] if not name else [name]
    reading.dump = Dump.of(paths)
    left = MOST_BYTES_IN_ALL
    for path in wanted(sorted(one for one in paths if one.lower().endswith(_ENDINGS)), {DEFINITIONS, *_TITLES.values()}):
        tick()
        try:
            data = (read_open if name else read_at)(root, path, min(MOST_BYTES, left))
            left -= len(data)
            reading.digests.append(hashlib.sha256(data).hexdigest())
            for document in documents(data, tick):
                reading.take(path, document)
        except Unreadable as error:
            reading.broken.append(f"{path}:{error.line}: {error}")
        except ArcOpsError as error:
            reading.broken.append(str(error))
    return reading.cluster() if reading.dump.is_one() else None


@dataclass(slots=True)
class _Reading:
    """What was read so far, by title. ``broken`` are files that could not be read; any of them may hold any kind."""

    dump: Dump = field(default_factory=Dump)
    found: dict[str, dict[tuple[str, str], list[Item]]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def take(self, path: str, document: Node) -> None:
        self.dump.take(path, shown(document))
        for node in _objects(document):
            complaints = Complaints(path=path, about="")
            one = Field(node, "", complaints, node.line)
            group = text_at(one.get("apiVersion")).rpartition("/")[0]
            title = _TITLES.get((group, text_at(one.get("kind"))), "")
            if not title or (title == "pods" and text_at(one.within("status", "phase")) in _ENDED):
                continue
            key = text_at(one.within("metadata", "namespace")), text_at(one.within("metadata", "name"))
            items = list(READERS[title][1](one))
            if self.found.setdefault(title, {}).setdefault(key, items) != items:
                self.wrong.setdefault(title, f"{path}:{node.line}: {'/'.join(filter(None, key))} is there twice, and differs")
            for first in complaints.found[:1]:
                self.wrong.setdefault(title, f"{path}:{first.at.line}: {first.field}: {first.text}")

    def cluster(self) -> Cluster:
        self.dump.spaces(name for _, name in self.found.get(NAMESPACES, {}))
        lacks, unserved = self.dump.lacks(_KINDS), self.dump.unserved(_KINDS)
        lists: dict[str, list[Any]] = {}
        unlisted: list[Unlisted] = []
        for kind in _KINDS:
            title = kind.title
            if title in unserved:
                continue
            why = next(iter(self.broken), "") or self.wrong.get(title, "") or lacks.get(title, "") or self._lacking(title)
            if why:
                unlisted.append(Unlisted(what=title, why=why))
            else:
                for items in self.found.get(title, {}).values():
                    lists.setdefault(READERS[title][0], []).extend(items)
        untold = "a dump does not say when the API server was asked, or its version; 'cluster snapshot' does"
        unlisted.append(Unlisted(what=VERSION, why=untold))
        unlisted.append(Unlisted(what=METRICS, why="a dump does not hold the API server's metrics"))
        return Cluster(
            identity=apart(lists),
            root=hashlib.sha256(_DOMAIN + b"".join(bytes.fromhex(one) for one in self.digests)).hexdigest(),
            served=None,
            heartbeats=None,
            version="",
            unlisted=tuple(sorted(unlisted, key=lambda one: one.what)),
            absent=tuple(sorted(unserved)),
            **{name: tuple(items) for name, items in lists.items()},
        )

    def _lacking(self, title: str) -> str:
        """Why the list of nodes is not whole though it looks so: a pod runs on a node that is not in it."""
        if title != "nodes":
            return ""
        nodes = {name for _, name in self.found.get(title, {})}
        used = {one.node for items in self.found.get("pods", {}).values() for one in items if hasattr(one, "node")}
        missing = sorted(used - nodes - {""})
        return f"this dump does not hold node {json.dumps(missing[0])}, on which a pod runs" if missing else ""


def _objects(document: Node) -> Iterator[Mapping]:
    """The objects in *document*, which take kind and version from a typed list if they have none."""
    if not isinstance(document, Mapping):
        return
    kind = document.items.get("kind")
    items = document.items.get("items")
    named = kind.value if isinstance(kind, Scalar) and isinstance(kind.value, str) else ""
    if not named.endswith("List") or items is None:
        yield document
        return
    for one in getattr(items, "items", ()) if not isinstance(items, Mapping) else ():
        if isinstance(one, Mapping):
            if named != "List" and "kind" not in one.items:
                one.items["kind"], one.lines["kind"] = Scalar(one.line, named.removesuffix("List")), one.line
            if named != "List" and "apiVersion" not in one.items and "apiVersion" in document.items:
                one.items["apiVersion"], one.lines["apiVersion"] = document.items["apiVersion"], one.line
            yield one
