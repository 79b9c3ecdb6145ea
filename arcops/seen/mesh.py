"""What manifests tell a service mesh about security (Istio: ``networking.istio.io``, ``security.istio.io``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from arcops.finding import Location
from arcops.seen.labels import Selector

INJECT = "sidecar.istio.io/inject"
"""The label of pods, and the annotation if they have no such label, that asks for a sidecar or for none (Istio)."""


class MeshAction(Enum):
    """What an AuthorizationPolicy does with requests that match."""

    ALLOW = "ALLOW"
    DENY = "DENY"
    AUDIT = "AUDIT"
    CUSTOM = "CUSTOM"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshMatch:
    """One condition that a rule sets for a request: ``attribute`` (such as ``principals``, ``ports``, or the key of a
    condition) has one of ``values``. With ``but_not`` it has none of them.
    """

    attribute: str
    values: tuple[str, ...]
    but_not: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshTerms:
    """Conditions that are combined: each of ``of`` must be true."""

    of: tuple[MeshMatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshRule:
    """One rule of an AuthorizationPolicy. ``named``: it names callers. ``identities`` are the principals, namespaces and
    service accounts that it names. ``limited``: it names an operation or a condition.

    It matches a request if one of ``sources`` is true (empty: for any caller), one of ``operations`` (empty: for any
    operation), and all of ``conditions``.
    """

    at: Location
    field: str
    named: bool
    identities: tuple[str, ...] = ()
    limited: bool = False
    sources: tuple[MeshTerms, ...] = ()
    operations: tuple[MeshTerms, ...] = ()
    conditions: tuple[MeshMatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshTarget:
    """An object that a policy names by reference, in the policy's own namespace: a Gateway (a waypoint), a Service, …"""

    at: Location
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationSeen:
    """An AuthorizationPolicy. ``selector`` is `None` for the whole namespace; ``targeted``: it names ``targets`` instead."""

    namespace: str
    name: str
    at: Location
    action: MeshAction
    selector: Selector | None
    targeted: bool
    rules: tuple[MeshRule, ...]
    targets: tuple[MeshTarget, ...] = ()

    @property
    def title(self) -> str:
        return f"AuthorizationPolicy {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAuthenticationSeen:
    """A PeerAuthentication. ``mode`` is ``STRICT``, ``PERMISSIVE``, ``DISABLE`` or ``UNSET``; ``ports`` are the modes by port,
    for the ports ``numbers``.
    """

    namespace: str
    name: str
    at: Location
    mode: str
    selector: Selector | None
    ports: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        return f"PeerAuthentication {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarSeen:
    """A Sidecar. ``outbound`` is its ``outboundTrafficPolicy.mode``, empty if it has none. ``hosts`` are those of all its
    ``egress``; ``by_port``: one of these is for one port only. ``listens``: it has its own ``ingress`` listeners.
    """

    namespace: str
    name: str
    at: Location
    outbound: str
    selector: Selector | None
    hosts: tuple[str, ...] = ()
    by_port: bool = False
    listens: bool = False

    @property
    def title(self) -> str:
        return f"Sidecar {self.namespace}/{self.name}"


OPAQUE = frozenset(("TCP", "MONGO", "MYSQL", "REDIS"))
"""Protocols of a ServiceEntry whose packets do not name the host (Istio, protocol selection): only an address can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntrySeen:
    """A ServiceEntry: hosts that become part of the mesh's registry, for the namespaces of ``exported`` (empty: for all), on
    ``ports`` (empty: on any), each with its protocol. ``resolution`` is how the sidecar finds the host's addresses; with
    ``NONE`` the caller chooses them. Empty: it is not known. ``endpoints`` are addresses that it gives the host by itself.
    """

    namespace: str
    name: str
    at: Location
    hosts: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    exported: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    protocols: tuple[str, ...] = ()
    resolution: str = ""
    endpoints: tuple[str, ...] = ()

    @property
    def any_address(self) -> bool:
        """May callers choose the address, because nothing in it says which addresses are meant?"""
        return not self.addresses and (self.resolution == "NONE" or any(one in OPAQUE for one in self.protocols))

    @property
    def title(self) -> str:
        return f"ServiceEntry {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRuleSeen:
    """A DestinationRule and the TLS modes of its traffic policies, in their order. ``unverified`` are those modes that do not
    check the server's certificate, because they name no authority or are told not to.
    """

    namespace: str
    name: str
    at: Location
    host: str
    modes: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"DestinationRule {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshGatewaySeen:
    """Istio's own Gateway, in the one form that ArcOps reads: every server requires a certificate of the mesh, and names its
    hosts.

    ``selector`` selects its pods, in its own namespace.
    """

    namespace: str
    name: str
    at: Location
    selector: Selector
    hosts: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"Gateway.networking.istio.io {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leads:
    """One route of a VirtualService: for requests through ``gateways`` (``mesh`` means the sidecars), to ``hosts``."""

    at: Location
    gateways: tuple[str, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualServiceSeen:
    """A VirtualService and its routes. Gateways are ``namespace/name``. ``unclear`` names a part that ArcOps cannot judge."""

    namespace: str
    name: str
    at: Location
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    routes: tuple[Leads, ...] = ()
    unclear: str = ""

    @property
    def title(self) -> str:
        return f"VirtualService {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshConfigSeen:
    """The mesh's own settings, from the ConfigMap ``istio`` or an IstioOperator. A setting that is missing is empty."""

    at: Location
    about: str
    outbound: str
    root_namespace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSeen:
    """An EnvoyFilter. ``selector`` is `None` for all pods of its namespace. ``gateways`` are the names of what its
    ``targetRefs`` name, `None` if it has none. ``contexts`` are those of its patches (``ANY``, ``SIDECAR_INBOUND``,
    ``SIDECAR_OUTBOUND``, ``GATEWAY``).
    """

    namespace: str
    name: str
    at: Location
    selector: Selector | None
    contexts: tuple[str, ...]
    gateways: tuple[str, ...] | None = None

    @property
    def title(self) -> str:
        return f"EnvoyFilter {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensSeen:
    """A RequestAuthentication. ``selector`` is `None` for all pods of its namespace. ``issuers`` are those whose tokens it
    takes, each with the place of its keys, in words.
    """

    namespace: str
    name: str
    at: Location
    selector: Selector | None
    issuers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSeen:
    """All mesh objects of the manifests, in the order of files and lines."""

    authorizations: tuple[AuthorizationSeen, ...] = ()
    peer_authentications: tuple[PeerAuthenticationSeen, ...] = ()
    sidecars: tuple[SidecarSeen, ...] = ()
    service_entries: tuple[ServiceEntrySeen, ...] = ()
    destination_rules: tuple[DestinationRuleSeen, ...] = ()
    configs: tuple[MeshConfigSeen, ...] = ()
    gateways: tuple[MeshGatewaySeen, ...] = ()
    virtual_services: tuple[VirtualServiceSeen, ...] = ()
    filters: tuple[FilterSeen, ...] = ()
    tokens: tuple[TokensSeen, ...] = ()

    @property
    def widest_outbound(self) -> MeshConfigSeen | None:
        """Of the mesh's own settings (of revisions, of parts of an installation) those that let sidecars reach most hosts."""
        said = (one for one in self.configs if one.outbound)
        return min(said, key=lambda one: one.outbound == "REGISTRY_ONLY", default=None)
