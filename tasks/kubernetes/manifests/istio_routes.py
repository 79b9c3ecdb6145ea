"""Istio's Gateway and VirtualService, as far as an egress gateway needs them. Other fields are reported as unclear."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.labels import Selector
from arcops.seen.mesh import Leads, MeshGatewaySeen, VirtualServiceSeen
from tasks.kubernetes.manifests.fields import Field, text_at
from tasks.kubernetes.manifests.names import labels
from tasks.kubernetes.manifests.nodes import Mapping

_SERVER = frozenset(("port", "hosts", "tls", "name"))
_SPEC = frozenset(("hosts", "gateways", "tls", "tcp", "exportTo"))
_ROUTE = frozenset(("match", "route"))
_MATCH = frozenset(("gateways", "port", "sniHosts"))
_TARGET = frozenset(("destination", "weight"))


def mesh_gateway(found: Field, namespace: str, name: str) -> MeshGatewaySeen | None:
    """The Gateway at *found*; `None` if it allows more than exact hosts for clients with the mesh's certificates."""
    spec = found.get("spec")
    if spec is None or _names(spec) - {"selector", "servers"}:
        return None
    chosen = labels(spec.get("selector"))
    hosts: list[str] = []
    for server in spec.items("servers"):
        tls = server.get("tls")
        if _names(server) - _SERVER or tls is None or _names(tls) != {"mode"} or text_at(tls.get("mode")) != "ISTIO_MUTUAL":
            return None
        hosts += [one.text().rpartition("/")[2] for one in server.items("hosts")]
    if not chosen or not hosts or any("*" in one for one in hosts):
        return None
    return MeshGatewaySeen(
        namespace=namespace, name=name, at=found.at, selector=Selector(labels=chosen), hosts=tuple(dict.fromkeys(hosts))
    )


def virtual_service(found: Field, namespace: str, name: str) -> VirtualServiceSeen:
    """The VirtualService at *found*."""
    spec = found.get("spec")
    if spec is None:
        return VirtualServiceSeen(namespace=namespace, name=name, at=found.at, hosts=(), gateways=("mesh",))
    gateways = _gateways(spec, namespace) or ("mesh",)
    unclear = sorted(_names(spec) - _SPEC)
    routes = []
    for kind in ("tls", "tcp"):
        for item in spec.items(kind):
            unclear += [f"{kind}: {one}" for one in _not_understood(item)]
            routes.append(
                Leads(
                    at=item.at,
                    gateways=_matched(item, namespace) or gateways,
                    hosts=tuple(text_at(one.within("destination", "host")) for one in item.items("route")),
                )
            )
    return VirtualServiceSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        hosts=tuple(one.text() for one in spec.items("hosts")),
        gateways=gateways,
        routes=tuple(routes),
        unclear=", ".join(unclear[:3]),
    )


def _matched(item: Field, namespace: str) -> tuple[str, ...]:
    """The gateways that the conditions of a route name; empty if one condition names no gateway, which means any gateway."""
    said = [_gateways(one, namespace) for one in item.items("match")]
    return tuple(dict.fromkeys(gateway for gateways in said for gateway in gateways)) if all(said) else ()


def _not_understood(item: Field) -> Iterator[str]:
    yield from sorted(_names(item) - _ROUTE)
    for one in item.items("match"):
        yield from sorted(_names(one) - _MATCH)
    for one in item.items("route"):
        yield from sorted(_names(one) - _TARGET)


def _gateways(found: Field, namespace: str) -> tuple[str, ...]:
    named = [one.text() for one in found.items("gateways")]
    return tuple(one if "/" in one or one == "mesh" else f"{namespace}/{one}" for one in named)


def _names(found: Field) -> set[str]:
    return set(found.node.items) if isinstance(found.node, Mapping) else {"?"}
