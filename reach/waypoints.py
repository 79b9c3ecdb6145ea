"""Waypoints of an ambient mesh: which one a connection passes, and what is known of it.

Source: Istio, ambient mode: labels ``istio.io/use-waypoint`` of a Service, a pod or their namespace, and
``istio.io/waypoint-for`` of the Gateway (without it, it carries what is sent to Services alone).
"""

from __future__ import annotations

from dataclasses import dataclass

from arcops.finding import Location
from arcops.seen.mesh import AuthorizationSeen
from arcops.seen.network import GatewaySeen, Network, PodSet, ServiceSeen
from reach.mesh_parts import place

CLASS = "istio-waypoint"
_USE, _SPACE = "istio.io/use-waypoint", "istio.io/use-waypoint-namespace"
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_FOR = {"service": ("service", "all"), "workload": ("workload", "all")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waypoint:
    """A waypoint: the ``gateway`` is `None` if no manifest shows it. ``pods`` are its own, as far as shown.

    ``at`` is where it is asked for.
    """

    namespace: str
    name: str
    at: Location
    gateway: GatewaySeen | None
    pods: tuple[PodSet, ...]

    @property
    def title(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def account(self) -> str:
        """The service account with which it calls: that of its pods, or the one that Istio makes for it."""
        return next((one.account for one in self.pods if one.account), self.name)

    def enforces(self, one: AuthorizationSeen, service: ServiceSeen | None) -> bool:
        """Does it enforce *one* for what is sent to *service* (`None`: to a pod itself)?"""
        called = (service.namespace, service.name) if service is not None else ("", "")
        known = {"Gateway": (self.namespace, self.name), "Service": called}
        return any(known.get(target.kind) == (one.namespace, target.name) for target in one.targets)


class Waypoints:
    """The waypoints of a network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._spaces = {one.name: ({label.key: label.value for label in one.labels}, one.at) for one in network.namespaces}
        self._gateways = {(one.namespace, one.name): one for one in network.gateways if one.class_name == CLASS}
        self._pods: dict[tuple[str, str], list[PodSet]] = {}
        for pods in network.pods:
            name = {label.key: label.value for label in pods.labels}.get(_GATEWAY_NAME)
            if name:
                self._pods.setdefault((pods.namespace, name), []).append(pods)

    def before(self, target: PodSet, service: ServiceSeen | None) -> Waypoint | None:
        """The waypoint that ambient pods pass on their way to *target*, which they call by *service*, if that is not `None`."""
        if service is not None and service.waypoint:
            asked, at = service.waypoint, service.at
        else:
            own = {label.key: label.value for label in target.labels}
            asked, at = (_named(own, target.namespace), target.at) if service is None else ("", target.at)
            if not asked:
                around, at = self._spaces.get(target.namespace, ({}, target.at))
                asked = _named(around, target.namespace)
        if asked in ("", "none"):
            return None
        namespace, _, name = asked.partition("/")
        gateway = self._gateways.get((namespace, name))
        if gateway is not None and gateway.carries not in _FOR["service" if service is not None else "workload"]:
            return None
        pods = tuple(self._pods.get((namespace, name), ()))
        return Waypoint(namespace=namespace, name=name, at=at, gateway=gateway, pods=pods)

    def of_service(self, service: ServiceSeen) -> bool:
        """Is a waypoint asked for, for what is sent to *service*? One that is shown must be for Services."""
        around, _ = self._spaces.get(service.namespace, ({}, service.at))
        asked = service.waypoint or _named(around, service.namespace)
        if asked in ("", "none"):
            return False
        namespace, _, name = asked.partition("/")
        gateway = self._gateways.get((namespace, name))
        return gateway is None or gateway.carries in _FOR["service"]

    def asked(self) -> tuple[Waypoint, ...]:
        """Every waypoint that a namespace, a Service or a pod asks for, once each."""
        found: dict[str, Waypoint] = {}
        wanted = [(_named(labels, name), at) for name, (labels, at) in self._spaces.items()]
        wanted += [(one.waypoint, one.at) for one in self._network.services]
        wanted += [(_named({la.key: la.value for la in one.labels}, one.namespace), one.at) for one in self._network.pods]
        for asked, at in wanted:
            if asked not in ("", "none", *found):
                namespace, _, name = asked.partition("/")
                pods = tuple(self._pods.get((namespace, name), ()))
                gateway = self._gateways.get((namespace, name))
                found[asked] = Waypoint(namespace=namespace, name=name, at=at, gateway=gateway, pods=pods)
        return tuple(found.values())


def missing(way: Waypoint) -> str:
    """That no manifest shows the Gateway of *way*, in words."""
    return f"{place(way.at)}: the waypoint {way.title} is asked for, but no manifest shows its Gateway (class {CLASS})"


def _named(labels: dict[str, str], namespace: str) -> str:
    name = labels.get(_USE, "")
    return name if name in ("", "none") else f"{labels.get(_SPACE, namespace)}/{name}"
