"""What a dump of a cluster shows of each kind, and what it does not: the output of ``kubectl get -o json`` (or ``yaml``), or
the folder of a must-gather, of Sonobuoy, or of ``kubectl cluster-info dump``.

A dump has no index, so what it lacks was not seen; it is never an empty list. One call of kubectl asks for one namespace or for
all of them. So a list with objects of two namespaces was asked for in all of them, with every kind in it; a list of one
namespace shows that namespace alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tasks.kubernetes.manifests import nodes
from tasks.kubernetes.manifests.kinds import CLUSTER_WIDE
from tasks.kubernetes.manifests.nodes import Mapping, Node, Scalar

_GATHERED = re.compile(
    r"(?P<root>(?:.*/)?)(?:cluster-scoped-resources|namespaces/(?P<namespace>[^/]+))/(?P<group>[^/]+)/(?P<plural>[^/]+?)"
    r"(?P<one>/[^/]+)?\.(?:yaml|yml|json)\Z"
)
"""The places to which ``oc adm inspect`` writes: a list of a namespace, or one object; the group of ``v1`` is ``core``."""
_SPACE = re.compile(r"(?P<root>(?:.*/)?)namespaces/(?P<namespace>[^/]+)/(?P=namespace)\.(?:yaml|yml|json)\Z")
NAMESPACES, DEFINITIONS = "namespaces", "customresourcedefinitions.apiextensions.k8s.io"
_DEFINITION = "CustomResourceDefinition"
_WITHOUT_SPACE = CLUSTER_WIDE | {
    "ClusterPolicy",
    "DeviceTaintRule",
    "ResourceSlice",
    "ImageDigestMirrorSet",
    "ImageTagMirrorSet",
}
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind that a reader asks for: ``title`` as in its snapshots, ``versions`` the apiVersions that it reads (none: any).

    ``extension``: a cluster may not serve it. ``only`` is the one namespace that is asked for, if not all are.
    """

    title: str
    group: str
    kind: str
    versions: tuple[str, ...] = ()
    extension: bool = False
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one document shows of one kind. ``alone``: an object and no list. ``cut``: a page that another one follows.

    ``wide``: the list was asked for in all namespaces. ``made``: an API server wrote it. ``defines`` are the names of its
    definitions of kinds.
    """

    version: str
    kind: str
    namespaces: frozenset[str]
    alone: bool
    cut: bool
    wide: bool = False
    made: bool = False
    defines: frozenset[str] = frozenset()


def shown(document: Node) -> tuple[Shown, ...]:
    """What *document*, an object or a list, shows of each kind in it."""
    if not isinstance(document, Mapping):
        return ()
    kind, version, items = _text(document, "kind"), _text(document, "apiVersion"), document.items.get("items")
    metadata = document.items.get("metadata")
    if not kind.endswith("List") or not isinstance(items, nodes.Sequence):
        made = isinstance(metadata, Mapping) and "uid" in metadata.items
        return _alone(version, kind, _of(document, "namespace"), _of(document, "name") if kind == _DEFINITION else "", made)
    of_list = metadata.items if isinstance(metadata, Mapping) else {}
    cut = bool(_text(metadata, "continue")) if isinstance(metadata, Mapping) else False
    found: dict[tuple[str, str], set[str]] = {} if kind == "List" else {(version, kind.removesuffix("List")): set()}
    made = "resourceVersion" in of_list
    defined: set[str] = set()
    for one in items.items:
        if isinstance(one, Mapping):
            own = one.items.get("metadata")
            made = made or (isinstance(own, Mapping) and "uid" in own.items)
            own_version, own_kind = _text(one, "apiVersion") or version, _text(one, "kind") or kind.removesuffix("List")
            found.setdefault((own_version, own_kind), set()).add(_of(one, "namespace"))
            if own_kind == _DEFINITION:
                defined.add(_of(one, "name"))
    wide = len(set().union(*found.values()) - {""}) > 1
    return tuple(
        Shown(
            version=of,
            kind=name,
            namespaces=frozenset(spaces - {""}),
            alone=False,
            cut=cut,
            wide=wide,
            made=made,
            defines=frozenset(defined) if name == _DEFINITION else frozenset(),
        )
        for (of, name), spaces in found.items()
    )


@lru_cache(maxsize=10_000)
def _alone(version: str, kind: str, namespace: str, defines: str, made: bool) -> tuple[Shown, ...]:
    """What a single object shows; kept, because manifests are thousands of objects of few kinds and namespaces."""
    spaces, names = frozenset(filter(None, [namespace])), frozenset(filter(None, [defines]))
    return (Shown(version=version, kind=kind, namespaces=spaces, alone=True, cut=False, made=made, defines=names),)


@dataclass(slots=True)
class Dump:
    """What the documents read so far show; ``roots`` are folders with the whole of a must-gather (they name its version)."""

    roots: frozenset[str] = frozenset()
    gathers: bool = False
    _found: list[tuple[str, Shown]] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, paths: Iterable[str]) -> Dump:
        """A dump with the files *paths*, of which none has been read yet."""
        names = list(paths)
        gathers = any(_place(one) is not None for one in names)
        roots = frozenset(one.removesuffix("version") for one in names if one.rpartition("/")[2] == "version")
        return cls(roots=roots if gathers else frozenset(), gathers=gathers)

    def take(self, path: str, found: Sequence[Shown]) -> None:
        """Add what a document in the file *path* shows."""
        self._found += [(path, one) for one in found]

    def spaces(self, names: Iterable[str]) -> None:
        """Add the *names* of namespaces of which there is an object."""
        self._names.update(names)

    def is_one(self, *, alone: bool = False) -> bool:
        """Did an API server write a list in these files, or, if *alone* is said, any object in them?"""
        return self.gathers or any(one.made and (alone or not one.alone) for _, one in self._found)

    def holds(self, kind: Kind) -> bool:
        """Is there any object or list of *kind*?"""
        return bool(self._shown(kind))

    def lacks(self, kinds: Sequence[Kind]) -> dict[str, str]:
        """By title, why a kind was not seen, or not whole; a kind that was seen whole has no entry."""
        found = {one.title: self._shown(one) for one in kinds}
        every = self._names if self._whole(found.get(NAMESPACES, [])) else None
        return {one.title: why for one in kinds if (why := self._why(one, found[one.title], every))}

    def unserved(self, kinds: Sequence[Kind]) -> frozenset[str]:
        """Titles of extensions that the cluster does not serve, as the whole list of its definitions says."""
        listed = self._shown(Kind(title=DEFINITIONS, group="apiextensions.k8s.io", kind=_DEFINITION))
        if not self._whole(listed):
            return frozenset()
        defined = set().union(*(one.defines for _, one in listed))
        openshift = any(one.endswith(".openshift.io") for one in defined)
        # Routes are served by a server of OpenShift's own, without a definition; resource.k8s.io is part of Kubernetes.
        return frozenset(
            one.title
            for one in kinds
            if one.extension
            and one.title not in defined
            and not self._shown(one)
            and one.group != "resource.k8s.io"
            and not (one.group == "route.openshift.io" and openshift)
        )

    def _shown(self, kind: Kind) -> list[tuple[str, Shown]]:
        named = [(path, one) for path, one in self._found if one.kind == kind.kind]
        return [(path, one) for path, one in named if one.version.rpartition("/")[0] == kind.group]

    def _whole(self, found: Sequence[tuple[str, Shown]]) -> bool:
        """Is one of *found* the whole list of objects that have no namespace?"""
        return any(not one.cut and not one.namespaces and (not one.alone or self._in_whole(path)) for path, one in found)

    def _in_whole(self, path: str) -> bool:
        place = _place(path)
        return place is not None and place["root"] in self.roots

    def _why(self, kind: Kind, found: list[tuple[str, Shown]], every: set[str] | None) -> str:
        if not found:
            return "this dump holds none of them; perhaps they were not asked for"
        other = sorted({one.version for _, one in found} - set(kind.versions)) if kind.versions else []
        if other:
            return f"this dump has version {', '.join(other)}, but the version that is read is {' or '.join(kind.versions)}"
        if any(one.cut for _, one in found):
            return "this dump holds a page of the list, and another page follows"
        if any(one.wide and one.namespaces for _, one in found):
            return ""
        covered: set[str] = set()
        for path, one in found:
            if not one.alone or self._in_whole(path):
                covered |= {*one.namespaces, *_namespace_of(path), *_folder_of(path, one, every or set())}
        if covered:
            if kind.only in covered or (every and every <= covered):
                return ""
            missing = f", and not of {_few(every - covered)}" if every else ""
            return f"this dump holds only a part: that of {_few(covered)}{missing}"
        if all(one.alone and not self._in_whole(path) for path, one in found):
            return "this dump holds single objects and no list, so there may be others"
        if kind.kind not in _WITHOUT_SPACE:
            return "this dump holds an empty list, and does not say of which namespace"
        return "" if self._whole(found) else "this dump does not say whether it holds all of them"


def wanted(paths: Sequence[str], titles: Iterable[str]) -> list[str]:
    """Of *paths* those to read: in a must-gather the files of *titles*, each object once; else all."""
    if not any(_place(one) is not None for one in paths):
        return list(paths)
    known, present = set(titles), set(paths)
    kept = []
    spaces = any((place := _place(one)) is not None and _title(place) == NAMESPACES for one in paths)
    for path in paths:
        place = _place(path)
        if place is None:
            if _SPACE.match(path) and not spaces and NAMESPACES in known:
                kept.append(path)
            continue
        listed = [path[: -len(path.rpartition("/")[2]) - 1] + end for end in (".yaml", ".yml", ".json")]
        if _title(place) in known and not (place["one"] and present.intersection(listed)):
            kept.append(path)
    return kept


def _place(path: str) -> re.Match[str] | None:
    return _GATHERED.match(path)


def _title(place: re.Match[str]) -> str:
    return place["plural"] if place["group"] == "core" else f"{place['plural']}.{place['group']}"


def _namespace_of(path: str) -> tuple[str, ...]:
    place = _place(path)
    return (place["namespace"],) if place is not None and place["namespace"] else ()


def _folder_of(path: str, found: Shown, every: set[str]) -> tuple[str, ...]:
    """The namespace whose list is in a folder of its name, as Sonobuoy and ``kubectl cluster-info dump`` write them: an empty
    list does not say it.
    """
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return (folder,) if folder in every and not found.namespaces - {folder} else ()


def _few(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{', '.join(listed[:_SHOWN])}{more}"


def _text(node: Mapping, name: str) -> str:
    found = node.items.get(name)
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else ""


def _of(node: Mapping, name: str) -> str:
    metadata = node.items.get("metadata")
    return _text(metadata, name) if isinstance(metadata, Mapping) else ""
