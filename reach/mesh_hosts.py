"""The hosts that a sidecar knows: Services, and the hosts of ServiceEntries, as far as its Sidecar lists them."""

from __future__ import annotations

from collections.abc import Iterable

from arcops.seen.mesh import OPAQUE, ServiceEntrySeen, SidecarSeen
from arcops.seen.network import ServiceSeen
from reach.addresses import span
from reach.sure import Sure


def host_of(service: ServiceSeen) -> str:
    """The full name of *service*, in a cluster whose domain is the usual one."""
    return f"{service.name}.{service.namespace}.svc.cluster.local"


def may_see(sidecar: SidecarSeen | None, mine: str, namespace: str, host: str) -> bool:
    """Does *sidecar*, of the namespace *mine*, list *host* of *namespace*? Without a Sidecar, or without hosts: all."""
    if sidecar is None or not sidecar.hosts:
        return True
    return any(_lists(one, mine, namespace, host) for one in sidecar.hosts)


def _lists(text: str, mine: str, namespace: str, host: str) -> bool:
    """``NAMESPACE/HOST``: the namespace a name, ``*``, ``.`` for one's own or ``~`` for none; the host may begin with ``*``."""
    where, slash, name = text.partition("/")
    if not slash or where not in ("*", namespace, *(["."] if namespace == mine else [])):
        return False
    if name == "*":
        return True
    return _names(name, host)


def _names(pattern: str, host: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else pattern == host


def registered(entries: Iterable[ServiceEntrySeen], sidecar: SidecarSeen | None, mine: str, address: str, port: int) -> Sure:
    """Is *port* of *address*, or of the host of that name, registered for the sidecars of the namespace *mine*?"""
    asked = span(address)
    found = Sure.NO
    for one in entries:
        if one.exported and not {"*", mine, *(["."] if one.namespace == mine else [])} & set(one.exported):
            continue
        if one.ports and port not in one.ports:
            continue
        if not any(may_see(sidecar, mine, one.namespace, host) for host in one.hosts):
            continue
        if any(_names(host, address) for host in one.hosts):
            return Sure.YES
        blocks = [block for block in map(span, one.addresses) if block is not None]
        inside = [
            block
            for block in blocks
            if asked is not None and block.version == asked.version and block.first <= asked.first <= block.last
        ]
        if inside:
            return Sure.YES
        if not blocks and one.any_address and one.resolution == "NONE" and (set(one.protocols) & OPAQUE or not one.protocols):
            return Sure.YES  # the sidecar passes on what comes to this port, to whatever address
        if not blocks:
            found = Sure.PERHAPS  # it registers a host by its name
    return found
