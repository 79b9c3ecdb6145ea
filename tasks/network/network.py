"""The network as manifests describe it: every ``.yaml``, ``.yml`` and ``.json`` file below the target, as ``kubectl apply -R``
would take them; or as a live cluster lists it.

No link is followed. What cannot be read becomes a complaint with file and line, and the rest is still read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting
from arcops.finding import Location
from arcops.request import LiveCluster, Request
from arcops.roots import ANYWHERE, Roots
from arcops.seen.network import Complaint, ManifestFile, Network
from arcops.tier import Tier
from artifacts.reading import read_at, read_open
from tasks.files.reading import opened
from tasks.files.walk import walk
from tasks.kubernetes.dumped import Dump
from tasks.kubernetes.manifests.nodes import idle
from tasks.kubernetes.manifests.objects import Objects
from tasks.network.dump import ENDINGS, MOST_BYTES, not_seen, to_read
from tasks.network.index import INDEX, SnapshotIndex, read_index

MOST_BYTES_IN_ALL = 512 * 1024 * 1024
MOST_FILES = 50_000


_DOMAIN = b"arcops.dev/digests/network/v1\n"
"""A prefix of the hashed bytes, so that a folder has one digest as manifests and another one as a model."""


@collector("network", Network, version="7", deadline=timedelta(minutes=15), takes=("network",))
def network(request: Request, seen: Seen) -> Sighting[Network]:
    """List what the request's cluster holds, or read the manifests at the target, a folder or one file.

    Raises `Refused` if there is no manifest or the tier allows no connection; `Unavailable` if no cluster answers.
    """

    def tick() -> None:
        request.progress(0, 0)

    if request.cluster is None:
        # What declared manifests are compared with is a cluster's state, in whatever form it was printed.
        live = True if request.declared is not None else None
        return Sighting(body=read_manifests(request.target, tick=tick, within=request.within, live=live))
    return Sighting(body=read_cluster(request.cluster, request.tier, tick=tick))


def read_cluster(cluster: LiveCluster, tier: Tier, *, tick: Callable[[], None] = idle) -> Network:
    """The network that *cluster* holds now; what it does not allow to list is in it as unread."""
    from tasks.kubernetes.listing import open_to, snapshot  # a client of Kubernetes, which files do not need

    client = open_to(cluster, tier, tick=tick)
    try:
        files = [(one.name, one.text.encode()) for one in snapshot(client, tick)]
        return network_of(sorted(files), tick=tick)  # in the order of a folder, so that a saved cluster has the same name
    finally:
        client.close()


def read_manifests(
    target: Path, *, tick: Callable[[], None] = idle, within: Roots = ANYWHERE, live: bool | None = None
) -> Network:
    """The network that the manifests at *target*, which lies *within* these roots, describe.

    What a dump of a cluster does not hold is in it as unread. A dump is a list that an API server printed, or a must-gather;
    if *live* is true also single objects that one printed; if it is false nothing is, because the files say how it should be.
    Raises `Refused` if there is no manifest to read.
    """
    objects = Objects()
    files: list[ManifestFile] = []
    indexes: dict[str, SnapshotIndex] = {}
    left = MOST_BYTES_IN_ALL
    with opened(target, within) as (root, folder):
        for path in _paths(root, objects, tick) if folder else [target.name]:
            tick()
            try:
                data = (read_at if folder else read_open)(root, path, min(MOST_BYTES, left))
            except ArcOpsError as error:
                objects.unread.append(_complaint(path, f"the file{str(error).removeprefix(path)}"))
                continue
            left -= len(data)
            if path.rpartition("/")[2] == INDEX and _index(path, data, objects, indexes):
                continue
            files.append(ManifestFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest()))
            objects.read(path, data, tick)
    for place, index in indexes.items():
        beside = {one.path.removeprefix(place): one.sha256 for one in files if one.path.startswith(place)}
        objects.unread.extend(_complaint(f"{place}{path}", text) for path, text in index.complaints(beside, _titles()))
    if live is not False and not indexes and objects.dump.is_one(alone=live is True):
        objects.without_ended()
        objects.unread.extend(not_seen(objects))
    if not files and not objects.unread:
        raise Refused(f"{target} holds no manifest: there is no file with the extension {', '.join(ENDINGS)}")
    return _network(objects, files, tick)


def _titles() -> tuple[str, ...]:
    """What a snapshot lists today."""
    from tasks.kubernetes.listing import TITLES  # a client of Kubernetes, which files do not need

    return TITLES


def _index(path: str, data: bytes, objects: Objects, indexes: dict[str, SnapshotIndex]) -> bool:
    """Is *data* the index of a saved cluster? It holds no object, and is not part of the network's digest."""
    try:
        found = read_index(data)
    except Refused as error:
        objects.unread.append(_complaint(path, str(error)))
        return True
    if found is not None:
        indexes[path.removesuffix(INDEX)] = found
    return found is not None


def network_of(files: Iterable[tuple[str, bytes]], *, tick: Callable[[], None] = idle) -> Network:
    """The network that manifests in memory describe: each a name and its content."""
    objects = Objects()
    read: list[ManifestFile] = []
    for name, data in files:
        read.append(ManifestFile(path=name, size=len(data), sha256=hashlib.sha256(data).hexdigest()))
        objects.read(name, data, tick)
    return _network(objects, read, tick)


def _network(objects: Objects, files: list[ManifestFile], tick: Callable[[], None]) -> Network:
    objects.complete(tick)
    return Network(
        root=hashlib.sha256(_DOMAIN + b"".join(bytes.fromhex(file.sha256) for file in files)).hexdigest(),
        files=tuple(files),
        unread=tuple(objects.unread),
        refused=tuple(objects.refused),
        unchecked=tuple(objects.custom.unchecked),
        namespaces=tuple(objects.namespaces[name] for name in sorted(objects.namespaces)),
        pods=tuple(objects.pods),
        policies=tuple(objects.policies),
        services=tuple(objects.services),
        routes=tuple(objects.routes),
        gateways=tuple(objects.gateways),
        grants=tuple(objects.grants),
        backend_tls=tuple(objects.backend_tls),
        others=tuple(objects.others),
        mesh=objects.mesh.seen(),
        passages=tuple(objects.passages.found),
        cluster=objects.cluster,
    )


def _paths(root: int, objects: Objects, tick: Callable[[], None]) -> list[str]:
    """Every manifest's path below the folder *root*, sorted; a link or an unreadable entry becomes a complaint."""
    found = walk(root, tick)
    for link in found.links:
        objects.unread.append(_complaint(link.path, "it is a link, and links are not followed; put the file itself here"))
    for trouble in found.troubles:
        objects.unread.append(_complaint(trouble.path, trouble.reason))
    paths = [entry.path for entry in found.files]
    objects.dump = Dump.of(paths)
    names = to_read(sorted(path for path in paths if path.lower().endswith(ENDINGS)))
    for path in names:
        if not path.endswith(ENDINGS):
            objects.unread.append(_complaint(path, "kubectl leaves files with such an ending out; write it in small letters"))
    if len(names) > MOST_FILES:
        objects.unread.append(_complaint("", f"there are {len(names):,} manifests, but only {MOST_FILES:,} were read"))
    return names[:MOST_FILES]


def _complaint(path: str, text: str) -> Complaint:
    return Complaint(at=Location(path=path or "."), about="", field="", text=text)
