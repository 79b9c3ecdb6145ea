"""Reads a cluster, saved or live: every list that its index names as complete, and the reason for each other list."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting
from arcops.request import LiveCluster, Request
from arcops.roots import ANYWHERE, Roots
from arcops.seen.cluster import Cluster, Unlisted
from arcops.tier import Tier
from artifacts.reading import read_at
from tasks.cluster.dump import read_dump
from tasks.cluster.objects import READERS, Item, apart, moment
from tasks.cluster.snapshot import ABSENT, INDEX, LISTED, OPTIONAL, VERSION, snapshot
from tasks.files.reading import opened
from tasks.kubernetes.listing import open_to
from tasks.kubernetes.manifests.fields import Complaints, Field, text_at
from tasks.kubernetes.manifests.nodes import Unreadable, documents, idle

MOST_BYTES = 256 * 1024 * 1024
"""In one list. A cluster of 5,000 nodes with 100,000 pods takes some 60 MiB."""
_MOST_INDEX = 1024 * 1024
_DOMAIN = b"arcops.dev/digests/cluster/v1\n"
"""A prefix of the hashed bytes, so that no other subject can have the same digest."""


@collector("cluster", Cluster, version="6", deadline=timedelta(minutes=15))
def cluster(request: Request, seen: Seen) -> Sighting[Cluster]:
    """Ask the request's cluster, or read the snapshot at the target, a folder.

    Raises `Refused` if that is not a snapshot or if the tier allows no connection; `Unavailable` if no cluster answers.
    """

    def tick() -> None:
        request.progress(0, 0)

    if request.cluster is None:
        return Sighting(body=read_cluster(request.target, tick=tick, within=request.within))
    return Sighting(body=ask_cluster(request.cluster, request.tier, tick=tick))


def ask_cluster(live: LiveCluster, tier: Tier, *, tick: Callable[[], None] = idle) -> Cluster:
    """What *live* answers now, read through the same files that a snapshot of it would have."""
    client = open_to(live, tier, tick=tick)
    try:
        with TemporaryDirectory(prefix="arcops-cluster-") as folder:
            for one in snapshot(client, tick):
                (Path(folder) / one.name).write_text(one.text, encoding="utf-8")
            return read_cluster(Path(folder), tick=tick)
    finally:
        client.close()


def read_cluster(target: Path, *, tick: Callable[[], None] = idle, within: Roots = ANYWHERE) -> Cluster:
    """The cluster that *target*, which lies *within* these roots, describes: a folder with a snapshot, or a dump.

    Raises `Refused` if it is neither.
    """
    with opened(target, within) as (root, folder):
        if not folder or not _is_file(root, INDEX):
            found = read_dump(root, "" if folder else target.name, tick)
            if found is None:
                raise Refused(
                    f"{target} is not a snapshot of a cluster: it has no file {INDEX}, and no list that 'kubectl get -o json' "
                    "printed; make a snapshot with 'cluster snapshot'"
                )
            return found
        index = _Index()
        index.read(read_at(root, INDEX, _MOST_INDEX))
        lists = _Lists(index=index)
        for title in sorted(READERS):
            tick()
            lists.read(root, title, tick)
    if index.entries.get(VERSION, _NOTHING).state != LISTED:
        lists.missing(VERSION, index.entries.get(VERSION, _NOTHING).why)
    served = index.entries.get(VERSION, _NOTHING).served
    identity = apart(lists.found)
    return Cluster(
        identity=identity,
        root=hashlib.sha256(_DOMAIN + b"".join(bytes.fromhex(digest) for digest in (index.digest, *lists.digests))).hexdigest(),
        served=served,
        heartbeats=index.entries.get("leases.coordination.k8s.io", _NOTHING).served,
        version=index.release,
        unlisted=tuple(lists.unlisted),
        absent=tuple(lists.absent),
        **{name: tuple(items) for name, items in lists.found.items()},
    )


def _is_file(folder: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    state: str
    why: str
    served: datetime | None


_NOTHING = _Entry(state="", why="the snapshot's index does not name it", served=None)


@dataclass(slots=True)
class _Index:
    digest: str = ""
    release: str = ""
    entries: dict[str, _Entry] = field(default_factory=dict)

    def read(self, data: bytes) -> None:
        self.digest = hashlib.sha256(data).hexdigest()
        complaints = Complaints(path=INDEX, about="")
        for root in _fields(data, complaints):
            if text_at(root.get("kind")) != "ClusterSnapshot" or text_at(root.get("apiVersion")) != "arcops.dev/v1":
                raise Refused(
                    f"{INDEX} is not the index of a snapshot: its apiVersion and kind are not arcops.dev/v1 and ClusterSnapshot"
                )
            for one in root.items("lists"):
                title = text_at(one.get("title"))
                if title in self.entries:
                    raise Refused(f"{INDEX}:{one.line} names {title} twice")
                self.entries[title] = _Entry(
                    state=text_at(one.get("state")),
                    why=text_at(one.get("why")),
                    served=moment(text_at(one.get("served"))),
                )
                if title == VERSION:
                    self.release = text_at(one.get("release"))
        if complaints.found:
            first = complaints.found[0]
            raise Refused(f"{INDEX}:{first.at.line}: {first.field}: {first.text}")


@dataclass(slots=True)
class _Lists:
    """What was read so far. ``found`` is by field of `Cluster`."""

    index: _Index
    found: dict[str, list[Any]] = field(default_factory=dict)
    unlisted: list[Unlisted] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def missing(self, title: str, why: str) -> None:
        self.unlisted.append(Unlisted(what=title, why=why or "the snapshot does not say why"))

    def read(self, root: int, title: str, tick: Callable[[], None]) -> None:
        entry = self.index.entries.get(title, _NOTHING)
        if entry.state == ABSENT and title in OPTIONAL:
            self.absent.append(title)
            return
        if entry.state != LISTED:
            self.missing(title, entry.why)
            return
        name = f"{title}.json"
        try:
            data = read_at(root, name, MOST_BYTES)
            items = _read(data, title, tick)
        except Unreadable as error:
            self.missing(title, f"{name}:{error.line}: {error}")
            return
        except ArcOpsError as error:
            self.missing(title, str(error))
            return
        self.digests.append(hashlib.sha256(data).hexdigest())
        self.found.setdefault(READERS[title][0], []).extend(items)


def _read(data: bytes, title: str, tick: Callable[[], None]) -> list[Item]:
    complaints = Complaints(path=f"{title}.json", about=title)
    _, reader = READERS[title]
    found: list[Item] = []
    documents_read = 0
    for root in _fields(data, complaints, tick):
        documents_read += 1
        if root.get("items") is None:
            raise Refused(f"{title}.json:{root.line} has no 'items', so it is not a list")
        for one in root.items("items"):
            found += reader(one)
    if complaints.found:
        first = complaints.found[0]
        raise Refused(f"{title}.json:{first.at.line}: {first.field}: {first.text}")
    if documents_read != 1:
        raise Refused(f"{title}.json holds {documents_read} documents, but must hold exactly one list")
    return found


def _fields(data: bytes, complaints: Complaints, tick: Callable[[], None] = idle) -> list[Field]:
    return [Field(node, "", complaints, node.line) for node in documents(data, tick)]
