"""Who may reach a server's pods, and what they may reach: everything else is denied."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace

from manifests.description import DescribedMesh, Description, EgressGateway, Names, Pods, Port
from manifests.egress_gateway import through_gateway
from manifests.hosts import by_cilium, by_cluster_policy, hosts_policy
from manifests.objects import Json
from manifests.server.names import HEALTH_PORT, RELAY_PORT, labels, metadata, selector
from manifests.server.plan import ServerPlan
from manifests.shapes import NAMESPACE, never, pods

_ALL = ("0.0.0.0/0", "::/0")
_DNS = (Port(port=53, protocol="TCP"), Port(port=53, protocol="UDP"))


def network_objects(plan: ServerPlan) -> Iterator[Mapping[str, Json]]:
    """The policies of the pods: a NetworkPolicy, and what else enforces host names at the site."""
    yield _network_policy(plan)
    described, site = _described(plan), plan.site
    if plan.egress.api_server and plan.site.is_cilium:
        yield _to_api_server(plan)
    if not plan.egress.hosts:
        return
    if site.egress_gateway is not None:
        yield _sidecar(plan, site.egress_gateway)
        yield from (value for _, value in through_gateway(described, site.egress_gateway))
    elif site.names is Names.CILIUM:
        yield from (value for _, value in by_cilium(described))
    elif site.domain_names is not None:
        yield from (value for _, value in by_cluster_policy(described, site.domain_names))


def policy_names(server: str) -> frozenset[tuple[str, str]]:
    """Kind and name of each policy of a namespace that a *server* can ever have."""
    cilium = (_api_policy(server), hosts_policy(server))
    return frozenset((("NetworkPolicy", server), *(("CiliumNetworkPolicy", one) for one in cilium)))


def _api_policy(server: str) -> str:
    return f"{server}-api"


def by_gateway(plan: ServerPlan) -> bool:
    """Do the pods reach host names through a gateway of the mesh, so that they are part of it?"""
    return bool(plan.egress.hosts) and plan.site.egress_gateway is not None


def _described(plan: ServerPlan) -> Description:
    # A rule that denies the API server's addresses would win over the grant, so it leaves them out.
    site = replace(plan.site, api_server=()) if plan.egress.api_server else plan.site
    return Description(
        name=plan.name,
        namespace=plan.namespace,
        labels=selector(plan.name, plan.owner.kind),
        site=site,
        hosts=plan.egress.hosts,
        service_account=plan.spec.service_account or plan.name,
    )


def _network_policy(plan: ServerPlan) -> dict[str, Json]:
    """It names both directions, so what it does not allow is denied."""
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


def _ingress(plan: ServerPlan) -> Iterator[Json]:
    if plan.callers is None:
        peers: list[Json] = [{"namespaceSelector": {}}]
    else:
        peers = [{"namespaceSelector": {"matchLabels": {NAMESPACE: one}}} for one in plan.callers]
    yield {"from": peers, "ports": [_port(RELAY_PORT)]}
    operator: Json = {"namespaceSelector": {"matchLabels": {NAMESPACE: plan.operator_namespace}}}
    yield {"from": [operator], "ports": [_port(HEALTH_PORT)]}


def _egress(plan: ServerPlan) -> Iterator[Json]:
    egress, described = plan.egress, _described(plan)
    if egress.everything:
        yield _everything(plan, described)
        return
    if egress.names and not (egress.hosts and plan.site.names is Names.CILIUM):
        dns = Pods(namespace="kube-system", labels=plan.site.dns_labels, ports=_DNS)
        yield {"to": [pods(dns, described)], "ports": [_port(one.port, one.protocol) for one in _DNS]}
    for block in egress.addresses:
        yield {"to": [{"ipBlock": {"cidr": block.cidr}}], "ports": [_port(one.port) for one in block.ports]}
    for one in egress.pods:
        yield {"to": [pods(one, described)], "ports": [_port(each.port) for each in one.ports]}
    if egress.api_server and not plan.site.is_cilium:
        blocks: list[Json] = [{"ipBlock": {"cidr": str(ipaddress.ip_network(one))}} for one in plan.site.api_server]
        yield {"to": blocks, "ports": [_port(one) for one in egress.api_server]}
    gateway = plan.site.egress_gateway
    if egress.hosts and gateway is not None:
        plane = plan.site.control_plane
        istiod = Pods(namespace=plane.namespace, labels=plane.labels, ports=(Port(port=plane.port),))
        yield {"to": [pods(istiod, described)], "ports": [_port(plane.port)]}
        through = Pods(namespace=gateway.namespace, labels=gateway.labels, ports=(Port(port=gateway.target_port),))
        yield {"to": [pods(through, described)], "ports": [_port(gateway.target_port)]}


def _everything(plan: ServerPlan, described: Description) -> Json:
    kept = [str(one) for one in never(described)]
    blocks: list[Json] = []
    for block in _ALL:
        version = ipaddress.ip_network(block).version
        inside: list[Json] = [one for one in kept if ipaddress.ip_network(one).version == version]
        blocks.append({"ipBlock": {"cidr": block, "except": inside} if inside else {"cidr": block}})
    rule: dict[str, Json] = {"to": [{"namespaceSelector": {}}, *blocks]}
    ports: list[Json] = [_port(one) for one in plan.egress.ports]
    # Names are resolved on a port of their own, which a list of ports would close.
    return {**rule, "ports": [*ports, _port(53), _port(53, "UDP")]} if ports else rule


def _port(number: int, protocol: str = "TCP") -> Json:
    return {"port": number, "protocol": protocol}


def _to_api_server(plan: ServerPlan) -> dict[str, Json]:
    """Cilium knows the API server by what it is, and a block of addresses never means it."""
    ports: list[Json] = [{"port": str(one), "protocol": "TCP"} for one in plan.egress.api_server]
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": metadata(_api_policy(plan.name), plan.namespace, labels(plan.name, plan.owner.kind)),
        "spec": {
            "endpointSelector": {"matchLabels": selector(plan.name, plan.owner.kind)},
            "egress": [{"toEntities": ["kube-apiserver"], "toPorts": [{"ports": ports}]}],
        },
    }


def _sidecar(plan: ServerPlan, gateway: EgressGateway) -> dict[str, Json]:
    """The proxy of these pods knows its own namespace and the gateway, and sends nothing to hosts that no one registered."""
    host = f"{gateway.namespace}/{gateway.service}.{gateway.namespace}.svc.{plan.site.cluster_domain}"
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": metadata(plan.name, plan.namespace, labels(plan.name, plan.owner.kind)),
        "spec": {
            "workloadSelector": {"labels": selector(plan.name, plan.owner.kind)},
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            "egress": [{"hosts": ["./*", host]}],
        },
    }


def in_mesh(plan: ServerPlan) -> bool:
    """Is there a mesh at the site, which pods must say that they are in or out of?"""
    return plan.site.mesh is DescribedMesh.ISTIO
