"""Which volumes reach the server and which the relay, by what the profile says of files.

Kubernetes cannot forbid that a program reads files of its own image. So what a profile allows to read limits volumes only; a
profile of AppArmor on the nodes can do more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from arcops.errors import Refused
from manifests.objects import Json, inner
from manifests.server.names import OUR_FOLDERS
from manifests.server.plan import Scratch
from manifests.server.spec import IssuerTokens, ServerSpec
from services.operator.profile_document import ProfileDocument, is_below
from services.operator.site import NamespacePolicy, Site

_FIXED = ("configMap", "secret", "projected", "downwardAPI", "image")
"""Kinds of volumes that no pod can write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where the volumes go. ``scratch`` are folders that the profile lets the server write and no volume is mounted at."""

    mounts: tuple[Mapping[str, Json], ...]
    relay_mounts: tuple[Mapping[str, Json], ...]
    scratch: tuple[Scratch, ...]
    enforcement: tuple[str, ...]


def place(spec: ServerSpec, document: ProfileDocument | None, policy: NamespacePolicy, site: Site) -> Placed:
    """The volumes of *spec*, by the *document* of its profile, `None` for a builtin one. Raises `Refused`."""
    kinds = {str(one["name"]): next(name for name in one if name != "name") for one in spec.volumes}
    _refuse_kinds(spec, kinds, policy, site)
    for secret in spec.secrets:
        if secret.path:
            _refuse_path(secret.path, {})
    relay = _for_relay(spec)
    server: list[Mapping[str, Json]] = []
    beside: list[Mapping[str, Json]] = []
    for one in spec.volume_mounts:
        path = str(one["mountPath"])
        _refuse_path(path, one)
        needed = any(is_below(file, path) for file in relay)
        if needed:
            beside.append({**one, "readOnly": True})
        if document is None or _named(path, document) or not needed:
            server.append(_allowed(one, path, kinds[str(one["name"])], document))
    scratch = tuple(Scratch(path=one) for one in (document.writes if document else ()) if not _mounted(one, server))
    for folder in scratch:
        _refuse_hidden(folder.path, server)
    files = (one.path for one in spec.secrets if one.path)
    _refuse_twice([str(one["mountPath"]) for one in server], files, (one.path for one in scratch))
    return Placed(
        mounts=tuple(server),
        relay_mounts=tuple(beside),
        scratch=scratch,
        enforcement=tuple(_said(document, scratch, server, site)),
    )


def _refuse_kinds(spec: ServerSpec, kinds: Mapping[str, str], policy: NamespacePolicy, site: Site) -> None:
    for name, kind in kinds.items():
        if name.startswith("arcops-"):
            raise Refused(f"the volume {name} has a name of ours; give it one that does not begin with 'arcops-'")
        if kind == "image" and not site.image_volumes:
            raise Refused(
                f"the volume {name} is an image, and the nodes of this site are not known to mount images (imageVolumes)"
            )
        if kind == "persistentVolumeClaim" and not policy.writes:
            raise Refused(f"the volume {name} would keep files, which the operator's settings for this namespace do not allow")
        if kind == "projected" and any(name == inner(one, "name") and _has_token(one) for one in spec.volumes):
            raise Refused(f"the volume {name} has a token of the service account, which no server is given")


def _has_token(volume: Mapping[str, Json]) -> bool:
    sources = inner(volume, "projected", "sources")
    return isinstance(sources, list | tuple) and any(
        isinstance(one, Mapping) and "serviceAccountToken" in one for one in sources
    )


def _refuse_path(path: str, mount: Mapping[str, Json]) -> None:
    parts = path.removesuffix("/").split("/")[1:]
    if not path.startswith("/") or any(one in ("", ".", "..") for one in parts) or ":" in path or path == "/":
        raise Refused(f"{path!r} is no path to mount at; write an absolute one, without '//', '.', '..' and ':'")
    if ours := next((one for one in OUR_FOLDERS if is_below(path, one) or is_below(one, path)), ""):
        raise Refused(f"{path} is or holds {ours}, which belongs to the relay; choose another path")
    if any(is_below(path, one) for one in ("/proc", "/sys", "/dev")):
        raise Refused(f"nothing is mounted at {path}, which belongs to the system")
    if mount.get("mountPropagation", "None") != "None":
        raise Refused(f"mountPropagation at {path} would open the pod to mounts of the node")


def _refuse_twice(*paths: Iterable[str]) -> None:
    found = [one.rstrip("/") for some in paths for one in some]
    if twice := next((one for one in found if found.count(one) > 1), ""):
        raise Refused(f"two things are mounted at {twice}; give each a path of its own")


def _for_relay(spec: ServerSpec) -> tuple[str, ...]:
    """The files of the pod that the relay reads to check tokens."""
    if not isinstance(spec.oidc, IssuerTokens):
        return ()
    one = spec.oidc
    found = (one.ca_bundle_path, one.jwks_auth_token_path, one.client_certificate_path, one.client_key_path)
    return tuple(path for path in found if path)


def _named(path: str, document: ProfileDocument) -> bool:
    return any(is_below(path, one) for one in (*document.reads, *document.writes))


def _allowed(mount: Mapping[str, Json], path: str, kind: str, document: ProfileDocument | None) -> Mapping[str, Json]:
    """*mount* as the profile allows it."""
    writes = document.writes if document is not None else ()
    if any(is_below(path, one) for one in writes):
        return mount
    if document is not None and not _named(path, document):
        raise Refused(f"a volume is mounted at {path}, which the profile names neither under read nor under write")
    if kind not in _FIXED and mount.get("readOnly") is not True:
        raise Refused(f"the volume at {path} could be written, which the profile does not allow; set readOnly: true there")
    return {**mount, "readOnly": True}


def _mounted(path: str, mounts: list[Mapping[str, Json]]) -> bool:
    return any(path == str(one["mountPath"]).rstrip("/") for one in mounts)


def _refuse_hidden(path: str, mounts: list[Mapping[str, Json]]) -> None:
    for one in mounts:
        if one.get("readOnly") is True and is_below(path, str(one["mountPath"])):
            raise Refused(f"the profile lets {path} be written, but the volume at {one['mountPath']} cannot be")


def _said(
    document: ProfileDocument | None, scratch: tuple[Scratch, ...], mounts: list[Mapping[str, Json]], site: Site
) -> Iterator[str]:
    yield "no file outside of named folders can be written: read-only root file system, by the kubelet"
    for one in scratch:
        yield f"{one.path} is an empty folder of at most {one.size}, gone with the pod; it hides what the image has there"
    for mount in mounts:
        yield f"{mount['mountPath']} is {'read-only' if mount.get('readOnly') is True else 'writable'}: by the kubelet"
    if document is not None:
        held = f"the AppArmor profile {site.read_profile}" if site.read_profile else ""
        yield f"reading is limited: by {held}" if held else "reading files of the image itself is not limited (ReadsLimited)"
