"""What a dump of a cluster does not show of its network, as complaints: so no check that needs it is GREEN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from arcops.errors import ArcOpsError
from arcops.finding import Location
from arcops.roots import ANYWHERE, Roots
from arcops.seen.network import Complaint
from artifacts.reading import read_at, read_open
from tasks.files.reading import opened
from tasks.files.walk import walk
from tasks.kubernetes.dumped import DEFINITIONS, Dump, Kind, shown, wanted
from tasks.kubernetes.manifests.nodes import Unreadable, documents, idle
from tasks.kubernetes.manifests.objects import Objects

ENDINGS = (".yaml", ".yml", ".json")
MOST_BYTES = 64 * 1024 * 1024
"""In one file."""
_MESH_SPACE = "istio-system"
ABOUT = "what a cluster printed"


def kinds() -> tuple[Kind, ...]:
    """What a snapshot of a live cluster lists, so what a dump must hold to be as good."""
    from tasks.kubernetes.listing import ALWAYS_SERVED, RESOURCES  # a client of Kubernetes, which most files do not need

    return tuple(
        Kind(title=one.title, group=one.group, kind=one.kind, extension=one.group not in ALWAYS_SERVED) for one in RESOURCES
    )


def to_read(paths: list[str]) -> list[str]:
    """Of *paths* those to read: in a must-gather, the files of what a snapshot lists; else all."""
    if not Dump.of(paths).gathers:
        return paths
    return [
        one
        for one in wanted(paths, {"configmaps", *(kind.title for kind in kinds())})
        if not one.rpartition("/")[2].startswith("configmaps.") or f"namespaces/{_MESH_SPACE}/" in f"/{one}"
    ]


def not_seen(objects: Objects) -> Iterator[Complaint]:
    """What the dump in *objects* lacks, in one complaint, because it has one cause; and the mesh's settings in another."""
    objects.dump.spaces(one.name for one in objects.namespaces.values() if one.declared)
    asked = kinds()
    lacks, unserved = objects.dump.lacks(asked), objects.dump.unserved(asked)
    silent, partly = [], []
    causes: dict[str, list[str]] = {}
    for one in asked:
        why = lacks.get(one.title)
        if why is None or one.title in unserved:
            continue
        if one.extension and not objects.dump.holds(one):
            silent.append(one.title)
        else:
            causes.setdefault(why, []).append(one.title)
            partly.append(one.title)
    parts = [f"{', '.join(titles)}: {why}" for why, titles in causes.items()]
    if silent:
        more = f"{', '.join(silent[:3])}{f' and {len(silent) - 3} more' if len(silent) > 3 else ''}"
        parts.append(f"{len(silent)} kind(s) of extensions: this dump holds none of them ({more})")
    if parts:
        ask = [f"'kubectl get {','.join(partly)} -A -o json' prints the lists"] if partly else []
        ask += [f"'kubectl get {DEFINITIONS} -o json' says which extensions the cluster serves"] if silent else []
        text = f"a cluster printed these objects, and not all that it holds was seen. {'; '.join(parts)}. {'; '.join(ask)}"
        single = "To have the objects judged as manifests, write each without the list around it"
        yield _complaint(ABOUT, f"{text}. {single}")
    istio = [one.title for one in asked if one.group.endswith("istio.io") and one.title not in unserved]
    if istio and _MESH_SPACE in objects.namespaces and not objects.mesh.configs:
        name = f"configmaps.{_MESH_SPACE}.istio"
        yield _complaint(
            name, f"the mesh's own settings were not seen: the ConfigMap istio in {_MESH_SPACE} is not in this dump"
        )


def is_dump(target: Path, within: Roots = ANYWHERE) -> bool:
    """Do the files at *target* hold a list that an API server wrote, or a must-gather? Reading ends at the first one."""
    with opened(target, within) as (root, folder):
        names = sorted(one.path for one in walk(root, idle).files) if folder else [target.name]
        if Dump.of(names).gathers:
            return True
        for name in names:
            if not name.lower().endswith(ENDINGS):
                continue
            found = Dump()
            try:
                data = (read_at if folder else read_open)(root, name, MOST_BYTES)
                for document in documents(data):
                    found.take(name, shown(document))
            except (ArcOpsError, Unreadable):
                continue
            if found.is_one():
                return True
    return False


def _complaint(about: str, text: str) -> Complaint:
    return Complaint(at=Location(path="."), about=about, field="", text=text)
