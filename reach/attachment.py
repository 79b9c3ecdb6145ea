"""Which listeners of which Gateways a route of the Gateway API attaches to, and for which host names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.seen.network import GatewaySeen, ListenerSeen, NamespaceSeen, Network, ParentRef, RouteSeen, Selector
from reach.selectors import Labelled

LISTENER_SET, MESH_GATEWAY = "ListenerSet", "Gateway.networking.istio.io"
_KINDS = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute", "TCPRoute"),
    "TCP": ("TCPRoute",),
    "UDP": ("UDPRoute",),
}
"""The kinds of routes for each protocol of a listener that names no kinds (Gateway API, ``allowedRoutes``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """The result for one parent that a route names: the ``listeners`` that accept it, with the hosts there; else why not.

    ``unknown``: the Gateway is in no manifest.
    """

    route: RouteSeen
    parent: ParentRef
    gateway: GatewaySeen | None
    listeners: tuple[tuple[ListenerSeen, tuple[str, ...]], ...] = ()
    refusal: str = ""
    unknown: bool = False


def attachments(network: Network) -> Iterator[Attachment]:
    """Every parent of every route of the Gateway API. Parents that are Services belong to a mesh and are left out."""
    gateways = {(one.kind, one.namespace, one.name): one for one in network.gateways}
    namespaces = {one.name: one for one in network.namespaces}
    for route in network.routes:
        for parent in route.parents:
            if parent.kind not in ("Gateway", LISTENER_SET, MESH_GATEWAY):
                continue
            gateway = gateways.get((parent.kind, parent.namespace, parent.name))
            above = gateway.parent if gateway is not None else None
            over = gateways.get(("Gateway", above.namespace, above.name)) if above is not None else None
            if gateway is None or (above is not None and over is None):
                lacking = parent if gateway is None or above is None else above
                why = f"no manifest has the {lacking.kind} {lacking.namespace}/{lacking.name}"
                yield Attachment(route=route, parent=parent, gateway=None, refusal=why, unknown=True)
            elif over is not None and not _takes(over, gateway, namespaces[gateway.namespace]):
                why = f"{over.title} takes no ListenerSet from namespace {gateway.namespace}"
                yield Attachment(route=route, parent=parent, gateway=gateway, refusal=why)
            else:
                yield _attach(route, parent, gateway, namespaces[route.namespace])


def _takes(gateway: GatewaySeen, added: GatewaySeen, namespace: NamespaceSeen) -> bool:
    """Does *gateway* take the listeners of the ListenerSet *added*, which is in *namespace*?"""
    if gateway.sets_from == "Selector":
        return bool(Labelled([namespace.labels]).select(gateway.sets or Selector())[0])
    return gateway.sets_from == "All" or (gateway.sets_from == "Same" and added.namespace == gateway.namespace)


def _attach(route: RouteSeen, parent: ParentRef, gateway: GatewaySeen, namespace: NamespaceSeen) -> Attachment:
    named = [one for one in gateway.listeners if parent.section in ("", one.name) and parent.port in (0, one.port)]
    if not named:
        return Attachment(
            route=route, parent=parent, gateway=gateway, refusal=f"{gateway.title} has no listener that the route names"
        )
    permitting = [one for one in named if _permits(one, gateway, namespace)]
    if not permitting:
        why = f"{gateway.title} accepts no routes from namespace {route.namespace}"
        return Attachment(route=route, parent=parent, gateway=gateway, refusal=why)
    fitting = [one for one in permitting if route.kind in (one.kinds or _kinds(gateway, one))]
    if not fitting:
        why = f"{gateway.title} accepts no {route.kind} on that listener"
        return Attachment(route=route, parent=parent, gateway=gateway, refusal=why)
    taken = [(one, hosts) for one in fitting if (hosts := tuple(_common(one.hostname, route.hosts)))]
    if not taken:
        why = f"its host names match no host name of {gateway.title}"
        return Attachment(route=route, parent=parent, gateway=gateway, refusal=why)
    return Attachment(route=route, parent=parent, gateway=gateway, listeners=tuple(taken))


def _kinds(gateway: GatewaySeen, listener: ListenerSeen) -> tuple[str, ...]:
    return ("VirtualService",) if gateway.kind == MESH_GATEWAY else _KINDS.get(listener.protocol, ())


def _permits(listener: ListenerSeen, gateway: GatewaySeen, namespace: NamespaceSeen) -> bool:
    if listener.routes_from == "All":
        return True
    if listener.routes_from == "Same":
        return namespace.name == gateway.namespace
    if listener.routes_from not in ("All", "Same", "Selector", "None"):
        return namespace.name == listener.routes_from  # Istio's own Gateways name one namespace
    if listener.routes_from == "Selector":
        return bool(Labelled([namespace.labels]).select(listener.namespaces or Selector())[0])
    return False


def _common(listener: str, hosts: tuple[str, ...]) -> Iterator[str]:
    """The host names that match both: an exact name wins over a wildcard, and a longer wildcard over a shorter one."""
    for host in hosts:
        if host == "*" or _covers(host, listener):
            yield listener
        elif listener == "*" or _covers(listener, host):
            yield host


def _covers(wide: str, narrow: str) -> bool:
    return wide == narrow or (wide.startswith("*.") and narrow.endswith(wide[1:]) and narrow != wide[1:])
