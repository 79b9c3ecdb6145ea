"""Who may reach a server's pods, and what they may reach: everything else is denied."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from arcops.seen.network import METADATA_SERVICES
from manifests.objects import Json
from manifests.server.names import HEALTH_PORT, RELAY_PORT, labels, metadata, selector
from manifests.server.plan import ServerPlan

_NAMESPACE = "kubernetes.io/metadata.name"
_ALL = ("0.0.0.0/0", "::/0")


def network_policy(plan: ServerPlan) -> dict[str, Json]:
    """The NetworkPolicy of the pods: it names both directions, so what it does not allow is denied."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(plan.name, plan.namespace, labels(plan.name, plan.owner.kind)),
        "spec": {
            "podSelector": {"matchLabels": selector(plan.name, plan.owner.kind)},
            "policyTypes": ["Egress", "Ingress"],
            "ingress": list(_ingress(plan)),
            "egress": list(_egress(plan)),
        },
    }


def never(plan: ServerPlan) -> list[str]:
    """The addresses that no server reaches by an open profile or by a name: metadata services, and the API server."""
    found = {
        ipaddress.ip_network(one, strict=False) for one in (*METADATA_SERVICES, *plan.site.metadata, *plan.site.api_server)
    }
    return [str(one) for one in sorted(found, key=lambda one: (one.version, int(one.network_address), one.prefixlen))]


def _ingress(plan: ServerPlan) -> Iterator[Json]:
    if plan.callers is None:
        peers: list[Json] = [{"namespaceSelector": {}}]
    else:
        peers = [{"namespaceSelector": {"matchLabels": {_NAMESPACE: one}}} for one in plan.callers]
    yield {"from": peers, "ports": [_port(RELAY_PORT)]}
    operator: Json = {"namespaceSelector": {"matchLabels": {_NAMESPACE: plan.operator_namespace}}}
    yield {"from": [operator], "ports": [_port(HEALTH_PORT)]}


def _egress(plan: ServerPlan) -> Iterator[Json]:
    egress = plan.egress
    if egress.everything:
        ports: Json = [_port(one) for one in egress.ports]
        kept = never(plan)
        blocks: list[Json] = []
        for block in _ALL:
            version = ipaddress.ip_network(block).version
            inside: list[Json] = [one for one in kept if ipaddress.ip_network(one).version == version]
            blocks.append({"ipBlock": {"cidr": block, "except": inside} if inside else {"cidr": block}})
        rule: dict[str, Json] = {"to": [{"namespaceSelector": {}}, *blocks]}
        yield {**rule, "ports": ports} if egress.ports else rule


def _port(number: int, protocol: str = "TCP") -> Json:
    return {"port": number, "protocol": protocol}
