"""Ways in from outside: the pods that Services, Ingresses and Gateway API routes open to clients outside the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.finding import Location
from arcops.seen.network import POOL, Backend, ContainerPort, Network, PodSet, Protocol, RouteSeen, ServicePort, ServiceSeen
from reach.arrays import np
from reach.selectors import Labelled


@dataclass(frozen=True, slots=True, kw_only=True)
class WayIn:
    """One way in: by a route to a service's port, by the service itself (``route`` is `None`), or by a port of the node
    (``service`` is `None`, too). ``how`` says it in words. ``lost`` says why it is not known where it leads; empty if it is.
    """

    how: str
    at: Location
    protocol: Protocol
    pods: tuple[PodSet, ...]
    port: int = 0
    port_name: str = ""
    service: ServiceSeen | None = None
    route: RouteSeen | None = None
    lost: str = ""

    @property
    def where(self) -> str:
        """What it leads to, in words, if no pods of the manifests are behind it."""
        if self.service is not None:
            return f"{self.service.title} ({leads_elsewhere(self.service) or 'it selects no pods'})"
        return "a target that no manifest shows"

    def port_of(self, pods: PodSet) -> int:
        """The port of *pods* that this way leads to; 0 if they have no port of its name."""
        if self.port:
            return self.port
        return next((one.number for one in pods.ports if one.name == self.port_name and one.protocol is self.protocol), 0)


def leads_elsewhere(service: ServiceSeen) -> str:
    """Why it is not known which pods *service* leads to, in words; empty if its selector says it."""
    if service.selector is not None:
        return ""
    if service.kind == "ExternalName":
        return f"it is another name for {', '.join(service.external)}"
    return "it has no selector, so its EndpointSlices, which anyone may write by hand, decide where it leads"


class Services:
    """The services of a network, and the pods behind them."""

    def __init__(self, network: Network) -> None:
        self._pods = network.pods
        self._labelled = Labelled(pod.labels for pod in network.pods)
        self._by_name = {(one.kind == POOL, one.namespace, one.name): one for one in network.services}
        inside: dict[str, list[int]] = {}
        for position, pod in enumerate(network.pods):
            inside.setdefault(pod.namespace, []).append(position)
        self._inside = {name: np.array(found, dtype=np.intp) for name, found in inside.items()}

    def find(self, backend: Backend) -> ServiceSeen | None:
        """The service that *backend* names."""
        if backend.kind not in ("Service", POOL):
            return None
        return self._by_name.get((backend.kind == POOL, backend.namespace, backend.name))

    @staticmethod
    def port(service: ServiceSeen, backend: Backend) -> ServicePort | None:
        """The port of *service* that *backend* names."""
        if backend.target or (backend.first and not (backend.port or backend.port_name)):
            ports = (one for one in service.ports if not backend.target or backend.target in (one.target, one.port))
            return next(ports, None)
        for one in service.ports:
            if one.port == backend.port if backend.port else one.name == backend.port_name:
                return one
        return None

    def behind(self, service: ServiceSeen) -> tuple[PodSet, ...]:
        """The pods that *service* selects."""
        if service.selector is None:
            return ()
        here = self._inside.get(service.namespace)
        if here is None:
            return ()
        return tuple(self._pods[one] for one in here[self._labelled.select(service.selector)[here]].tolist())


def entries(network: Network) -> Iterator[WayIn]:
    """Every way in that *network* declares, in the order of the manifests."""
    services = Services(network)
    for service in network.services:
        yield from _by_service(service, services)
    for route in (one for one in network.routes if not one.inside):
        yield from _by_route(route, services)
    for pod in network.pods:
        for port in pod.ports:
            if port.host_port:
                yield _by_node(pod, port)


def _by_service(service: ServiceSeen, services: Services) -> Iterator[WayIn]:
    outside = service.kind in ("NodePort", "LoadBalancer") or (service.external and service.kind != "ExternalName")
    if not outside and not service.exposed:
        return
    pods = services.behind(service)
    word = service.kind if service.kind != "ClusterIP" else "external IP" if service.external else service.exposed[0]
    for port in service.ports:
        yield WayIn(
            how=f"{service.title} ({word}) port {port.port}",
            at=service.at,
            protocol=port.protocol,
            pods=pods,
            port=port.target,
            port_name=port.target_name,
            service=service,
        )


def _by_route(route: RouteSeen, services: Services) -> Iterator[WayIn]:
    for backend in route.backends:
        service = services.find(backend)
        port = services.port(service, backend) if service is not None else None
        if service is None or port is None:
            yield _lost(route, backend, service)
            continue
        yield WayIn(
            how=f"{route.title} to {service.title} port {port.port}",
            at=backend.at,
            protocol=port.protocol,
            pods=services.behind(service),
            port=port.target,
            port_name=port.target_name,
            service=service,
            route=route,
        )


def _lost(route: RouteSeen, backend: Backend, service: ServiceSeen | None) -> WayIn:
    """A way whose target no manifest shows. Controllers differ in what they do with it, so it counts as a way in."""
    port = backend.port or backend.port_name
    target = f"{backend.kind} {backend.namespace}/{backend.name}"
    if service is not None:
        lost = f"{target} has no port {port or '(none is named)'}, so the controller decides where requests go"
    elif backend.kind == "Service":
        lost = f"{target} is not among these manifests"
    else:
        lost = f"it is not known what {target} leads to"
    how = f"{route.title} to {target}{f' port {port}' if port else ''}"
    return WayIn(
        how=how, at=backend.at, protocol=Protocol.TCP, pods=(), port=backend.port, route=route, service=service, lost=lost
    )


def _by_node(pod: PodSet, port: ContainerPort) -> WayIn:
    return WayIn(
        how=f"{pod.title} port {port.host_port} of its node",
        at=pod.at,
        protocol=port.protocol,
        pods=(pod,),
        port=port.number,
    )
