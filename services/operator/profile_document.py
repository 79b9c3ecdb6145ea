"""A permission profile as a ConfigMap holds it: JSON, read strictly. What it does not name is not allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from arcops.errors import Refused
from foundation.messages import one_reading
from manifests.objects import Json

_MOST_TEXT = 64 * 1024
_MOST = 100
_KEYS = {
    "": ("name", "description", "read", "write", "network"),
    "network": ("outbound",),
    "network.outbound": ("insecureAllowAll", "allowHost", "allowPort", "allowPods"),
    "network.outbound.allowPods": ("namespace", "labels"),
}
_NO_PATH = ":,\0\n*?[]{}"
"""Letters of lists and patterns, which no mount has."""
_FORBIDDEN = ("/etc", "/proc", "/sys", "/dev", "/var/run/secrets", "/run/secrets", "/arcops", "/arcops-run")
"""Folders that no server may write: the system's, those of secrets, and our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedPods:
    """Pods of this cluster that may be reached."""

    namespace: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDocument:
    """What a profile allows: paths to read and to write, and what may be reached, on which TCP ports."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    everything: bool = False
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    pods: tuple[AllowedPods, ...] = ()


def read_profile(text: str) -> ProfileDocument:
    """The profile in *text*. Raises `Refused` for a key that is unknown or given twice, and for what no profile can mean."""
    if len(text) > _MOST_TEXT:
        raise Refused(f"the profile is longer than {_MOST_TEXT} characters")
    whole = _record(one_reading(text.encode(), "the profile"), "")
    outbound = _record(_record(whole.get("network"), "network").get("outbound"), "network.outbound")
    for name in ("name", "description"):
        if not isinstance(whole.get(name, ""), str):
            raise Refused(f"{name} of the profile is not a text")
    found = ProfileDocument(
        reads=tuple(_paths(whole.get("read"), "read")),
        writes=tuple(_paths(whole.get("write"), "write")),
        everything=_flag(outbound.get("insecureAllowAll"), "network.outbound.insecureAllowAll"),
        hosts=_texts(outbound.get("allowHost"), "network.outbound.allowHost"),
        ports=tuple(_ports(outbound.get("allowPort"))),
        pods=tuple(_pods(outbound.get("allowPods"))),
    )
    named = found.hosts or found.pods
    if found.everything and named:
        raise Refused("the profile allows every host (insecureAllowAll) and names some, too; remove one of them")
    if named and not found.ports:
        raise Refused("the profile names hosts and no ports; give the ports as allowPort, because no port is allowed otherwise")
    if found.ports and not (named or found.everything):
        raise Refused("the profile names ports and no host; give hosts as allowHost, because no host is allowed otherwise")
    for path in found.writes:
        inside = next((one for one in _FORBIDDEN if is_below(path, one)), "")
        if path == "/" or inside:
            raise Refused(
                f"no server may write {path}; {f'everything below {inside} is closed' if inside else 'name a folder'}"
            )
    return found


def is_below(path: str, folder: str) -> bool:
    """Is *path* the *folder*, or in it?"""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def is_block(text: str) -> bool:
    """Is *text* an address or a CIDR, and no host name?"""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _record(value: object, at: str) -> dict[str, Json]:
    if value is None and at:
        return {}
    if not isinstance(value, dict):
        raise Refused(f"{at or 'the profile'} is not an object")
    known = _KEYS[at]
    for name in value:
        if name not in known:
            where = f"{at}.{name}" if at else str(name)
            raise Refused(f"the profile has the unknown key {where[:100]!r}; known here: {', '.join(known)}")
    return value


def _list(value: Json, at: str) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > _MOST:
        raise Refused(f"{at} of the profile is not a list of at most {_MOST}")
    return value


def _texts(value: Json, at: str) -> tuple[str, ...]:
    found = _list(value, at)
    texts = tuple(one for one in found if isinstance(one, str) and one)
    if len(texts) != len(found):
        raise Refused(f"{at} of the profile holds something that is not a text")
    return texts


def _paths(value: Json, at: str) -> Iterator[str]:
    for path in _texts(value, at):
        parts = path.split("/")
        if not path.startswith("/") or ".." in parts or "." in parts or any(char in path for char in _NO_PATH):
            raise Refused(
                f"{path[:200]!r} of the profile is no path that can be enforced; write a whole one, without '..' and '*'"
            )
        yield "/" + "/".join(part for part in parts if part)


def _flag(value: Json, at: str) -> bool:
    if not isinstance(value, bool | None):
        raise Refused(f"{at} of the profile is not true or false")
    return value is True


def _ports(value: Json) -> Iterator[int]:
    for one in _list(value, "network.outbound.allowPort"):
        if not isinstance(one, int) or isinstance(one, bool) or not 1 <= one <= 65535:
            raise Refused(f"{str(one)[:50]!r} of the profile is not a port; write a number from 1 to 65535")
        yield one


def _pods(value: Json) -> Iterator[AllowedPods]:
    for one in _list(value, "network.outbound.allowPods"):
        found = _record(one, "network.outbound.allowPods")
        namespace, labels = found.get("namespace"), found.get("labels")
        if not isinstance(namespace, str) or not namespace or not isinstance(labels, dict) or not labels:
            raise Refused("each of allowPods has a namespace, and labels")
        texts = {key: each for key, each in labels.items() if isinstance(each, str)}
        if len(texts) != len(labels):
            raise Refused(f"labels of allowPods are texts; write the one of {namespace[:63]} with quotation marks")
        yield AllowedPods(namespace=namespace, labels=texts)
