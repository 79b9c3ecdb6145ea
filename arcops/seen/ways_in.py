"""Routes, gateways and what permits them, as Ingress, OpenShift, the Gateway API and Istio describe them."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.finding import Location
from arcops.seen.labels import Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The target of an Ingress or a route: a port of a Service, by number or name, or by the number ``target`` that it has at
    the pods. ``first``: without any of these, it is the first port of the Service. ``asked`` is what the route asks of requests
    (paths, headers), each in words; empty: it takes every request.
    """

    at: Location
    field: str
    namespace: str
    name: str
    port: int = 0
    port_name: str = ""
    kind: str = "Service"
    target: int = 0
    first: bool = False
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRef:
    """The Gateway (or other object) that a route attaches to."""

    at: Location
    kind: str
    namespace: str
    name: str
    section: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSeen:
    """An Ingress, a Route of OpenShift, a route of the Gateway API, or a VirtualService of a gateway. ``tls`` are the host
    names for which an Ingress or a Route has a certificate; ``*`` is any. ``encrypts``: it uses TLS to its backends by itself.
    ``plain`` says why requests come in plain text though there is a certificate. ``altered`` are parts that may send requests
    elsewhere, in the words of its controller: filters of other kinds (``Kind.group``), and annotations with text of its
    configuration.
    """

    kind: str
    namespace: str
    name: str
    at: Location
    hosts: tuple[str, ...] = ()
    parents: tuple[ParentRef, ...] = ()
    backends: tuple[Backend, ...] = ()
    tls: tuple[str, ...] = ()
    encrypts: bool = False
    plain: str = ""
    altered: tuple[str, ...] = ()

    @property
    def inside(self) -> bool:
        """Is it for callers in the cluster alone: does it attach to Services, and to no Gateway (Gateway API, mesh)?"""
        return bool(self.parents) and all(one.kind in ("Service", "ServiceEntry") for one in self.parents)

    @property
    def alone(self) -> bool:
        """Does it let clients in by itself, without a Gateway that it attaches to?"""
        return self.kind in ("Ingress", "Route")

    @property
    def title(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRef:
    """An object that holds the certificate of a listener: a Secret, mostly."""

    at: Location
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSeen:
    """One listener. ``routes_from`` is ``Same``, ``All``, ``Selector`` (by ``namespaces``) or ``None``.

    ``passes``: TLS goes through it to the backends. ``bare``: it ends TLS and names no certificate.
    """

    at: Location
    name: str
    hostname: str
    port: int
    protocol: str
    routes_from: str
    namespaces: Selector | None = None
    kinds: tuple[str, ...] = ()
    certificates: tuple[CertificateRef, ...] = ()
    passes: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySeen:
    """A Gateway of the Gateway API, one of Istio's own, or a ListenerSet, which adds listeners to the Gateway ``parent``.

    ``sets_from`` says from which namespaces a Gateway takes ListenerSets: ``None``, ``Same``, ``All``, or ``Selector`` (by
    ``sets``). ``class_name`` is that of its GatewayClass; ``carries`` is, of a waypoint of an ambient mesh, what it is for:
    ``service``, ``workload``, ``all`` or ``none``.
    """

    namespace: str
    name: str
    at: Location
    listeners: tuple[ListenerSeen, ...] = ()
    kind: str = "Gateway"
    parent: ParentRef | None = None
    sets_from: str = "None"
    sets: Selector | None = None
    class_name: str = ""
    carries: str = "service"

    @property
    def title(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSeen:
    """One pair of a ReferenceGrant: objects of kind ``from_kind`` in ``from_namespace`` may refer to ``to_kind`` here.

    ``to_name`` empty: to every object of that kind.
    """

    namespace: str
    name: str
    at: Location
    from_kind: str
    from_namespace: str
    to_kind: str
    to_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendTlsSeen:
    """One target of a BackendTLSPolicy: TLS is used to the Service ``service`` of its namespace, or only to its port of the
    name ``section``. ``unverified``: it names no authority, so it is refused. ``checks`` says which name and authorities the
    server's certificate must have.
    """

    namespace: str
    name: str
    at: Location
    service: str
    section: str = ""
    unverified: bool = False
    checks: str = ""
