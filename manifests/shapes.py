"""Shapes that several parts of a bundle share: objects, rules and peers of NetworkPolicies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from arcops.seen.network import METADATA_SERVICES
from manifests.description import Description, Pods, Port
from manifests.text import Value

NAMESPACE = "kubernetes.io/metadata.name"
Explained = tuple[str, dict[str, Value]]
"""A sentence for people, and the object."""
LONGEST = 50
"""The most characters of a workload's name in the names of its objects."""


def made(api: str, kind: str, name: str, namespace: str, spec: Value) -> dict[str, Value]:
    """An object; without a *namespace* it is cluster-wide."""
    metadata: dict[str, Value] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def labelled(labels: Iterable[tuple[str, str]]) -> dict[str, Value]:
    return {"matchLabels": dict(sorted(labels))}


def rule(side: str, peer: dict[str, Value], ports: Iterable[Port]) -> Value:
    return {side: [peer], "ports": [{"protocol": protocol, "port": port} for protocol, port in ordered(ports)]}


def ordered(ports: Iterable[Port]) -> list[tuple[str, int]]:
    return sorted({(one.protocol, one.port) for one in ports})


def pods(of: Pods, description: Description) -> dict[str, Value]:
    peer: dict[str, Value] = {"podSelector": labelled(of.labels.items())}
    if of.namespace != description.namespace:
        peer = {"namespaceSelector": {"matchLabels": {NAMESPACE: of.namespace}}, **peer}
    return peer


def never(description: Description) -> list[Value]:
    """The addresses that no host name may resolve to, as CIDRs: those of metadata services and of the API server."""
    site = description.site
    found = {ipaddress.ip_network(one, strict=False) for one in (*METADATA_SERVICES, *site.metadata, *site.api_server)}
    return [str(one) for one in sorted(found, key=lambda one: (one.version, int(one.network_address), one.prefixlen))]
