"""A workload's network in one short description: who may call it, what it calls, and what the site can enforce."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

from arcops.errors import Refused

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\Z")
_HOST = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)+\Z")
_ADDRESS = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\Z")
"""What a resolver reads as an IPv4 address: the last part is a number (WHATWG URL, "ends in a number")."""
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?)\Z")


class DescribedMesh(Enum):
    """The service mesh at the site."""

    NONE = "none"
    ISTIO = "istio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port by number."""

    port: int
    protocol: str = "TCP"

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535 or self.protocol not in ("TCP", "UDP", "SCTP"):
            raise Refused(f"{self.protocol} {self.port} is not a port; give 1 to 65535, and TCP, UDP or SCTP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Pods by namespace and labels. ``service_account`` is their identity in a mesh."""

    namespace: str
    labels: Mapping[str, str]
    ports: tuple[Port, ...]
    service_account: str = ""

    def __post_init__(self) -> None:
        _named(self.namespace, "a namespace")
        _labelled(self.labels)
        if not self.ports:
            raise Refused(f"the ports of {self.namespace} are missing; give 'ports'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Addresses outside of the cluster."""

    cidr: str
    ports: tuple[Port, ...]

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_network(self.cidr)
        except ValueError as error:
            raise Refused(f"{self.cidr!r} is not a CIDR: {error}") from error
        if not self.ports:
            raise Refused(f"the ports of {self.cidr} are missing; give 'ports'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host outside by its name. ``wildcard``: ``name`` begins with ``*.`` on purpose and not by mistake."""

    name: str
    ports: tuple[Port, ...]
    wildcard: bool = False

    @classmethod
    def at(cls, url: str) -> Host:
        """The host of *url*, with its port. Raises `Refused` if that is an address, or no URL."""
        try:
            parts = urlsplit(url)
            port = Port(port=parts.port or (443 if parts.scheme == "https" else 80))
        except ValueError as error:
            raise Refused(f"{url[:200]!r} is no URL: {error}") from None
        return cls(name=(parts.hostname or "").rstrip("."), ports=(port,))

    def __post_init__(self) -> None:
        exact = self.name.removeprefix("*.") if self.wildcard else self.name
        if self.wildcard and exact == self.name:
            raise Refused(f"{self.name!r} is not a wildcard; write it as '*.example.com', or remove 'wildcard'")
        if _ADDRESS.match(exact):
            raise Refused(f"{self.name!r} is an address and not a host name; give it under 'addresses', as {self.name}/32")
        if not _HOST.match(exact) or len(exact) > 253:
            more = "; for every host of a domain, add 'wildcard: true'" if self.name.startswith("*.") else ""
            raise Refused(f"{self.name!r} is not an exact host name{more}")
        if not self.ports:
            raise Refused(f"the ports of {self.name} are missing; give 'ports'")


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedEntry:
    """How clients outside connect: by a Gateway of its own for exact ``hosts``, to ``port`` of the Service ``service``.

    ``certificate`` is the Secret with the Gateway's certificate; ``gateway_pods`` are the pods that carry its traffic;
    ``backend_name`` is the name in the workload's own certificate, checked against the CA in the ConfigMap ``backend_ca``.
    """

    hosts: tuple[str, ...]
    service: str
    port: int
    certificate: str
    gateway_pods: Pods
    backend_name: str
    backend_ca: str

    def __post_init__(self) -> None:
        if not self.hosts:
            raise Refused("an entry needs at least one host; give 'hosts'")
        for host in (*self.hosts, self.backend_name):
            if not _HOST.match(host):
                raise Refused(f"{host!r} is not an exact host name")
        for name in (self.service, self.certificate, self.backend_ca):
            _named(name, "a name")
        Port(port=self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressGateway:
    """Istio's gateway for traffic that leaves the mesh: its pods, its Service, and the port of each."""

    namespace: str
    labels: Mapping[str, str]
    service: str
    port: int = 443
    target_port: int = 8443

    def __post_init__(self) -> None:
        _named(self.namespace, "a namespace")
        _named(self.service, "a name")
        _labelled(self.labels)
        Port(port=self.port)
        Port(port=self.target_port)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainNames:
    """The site's network plugin supports host names in ClusterNetworkPolicy (experimental there).

    ``version`` of ``policy.networking.k8s.io`` is the one that is served; ``priority`` is this workload's own, 0 to 1000.
    """

    version: str
    priority: int

    def __post_init__(self) -> None:
        if self.version not in ("v1alpha2", "v1beta1"):
            raise Refused(f"{self.version!r} of policy.networking.k8s.io is not supported; use v1alpha2 or v1beta1")
        if not 0 <= self.priority <= 1000:
            raise Refused(f"{self.priority} is not a priority; use 0 to 1000 (the lower one decides first)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """The pods of Istio's control plane, from which every sidecar gets its certificate and settings."""

    namespace: str = "istio-system"
    labels: Mapping[str, str] = field(default_factory=lambda: {"app": "istiod"})
    port: int = 15012


class Names(Enum):
    """What enforces host names for pods at a site."""

    EGRESS_GATEWAY = "an egress gateway of the mesh"
    CILIUM = "Cilium"
    CLUSTER_POLICY = "domain names in ClusterNetworkPolicy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where it runs.

    ``cni`` is the network plugin; ``gateway_class`` is needed for an entry; ``api_server`` are addresses, and
    ``metadata`` are those of metadata services besides the well-known ones.
    """

    cni: str
    mesh: DescribedMesh = DescribedMesh.NONE
    gateway_class: str = ""
    trust_domain: str = "cluster.local"
    cluster_domain: str = "cluster.local"
    api_server: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    dns_labels: Mapping[str, str] = field(default_factory=lambda: {"k8s-app": "kube-dns"})
    control_plane: ControlPlane = field(default_factory=ControlPlane)
    egress_gateway: EgressGateway | None = None
    domain_names: DomainNames | None = None

    def __post_init__(self) -> None:
        for text in (*self.api_server, *self.metadata):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError as error:
                raise Refused(f"{text!r} is neither an address nor a CIDR: {error}") from error
        if self.egress_gateway is not None and self.mesh is not DescribedMesh.ISTIO:
            raise Refused("an egress gateway needs a mesh; set 'mesh: istio', or remove 'egressGateway'")

    @property
    def is_cilium(self) -> bool:
        """Is the network plugin Cilium, which has policies of its own?"""
        return self.cni.lower() == "cilium"

    @property
    def names(self) -> Names | None:
        """What enforces host names for pods here; `None` if nothing does."""
        if self.egress_gateway is not None:
            return Names.EGRESS_GATEWAY
        if self.is_cilium:
            return Names.CILIUM
        return Names.CLUSTER_POLICY if self.domain_names is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The whole description. ``labels`` select the workload's own pods; ``service_account`` is their identity in a mesh."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    site: Site
    callers: tuple[Pods, ...] = ()
    calls: tuple[Pods, ...] = ()
    addresses: tuple[Addresses, ...] = ()
    hosts: tuple[Host, ...] = ()
    entry: DescribedEntry | None = None
    service_account: str = ""

    def __post_init__(self) -> None:
        _named(self.name, "a name")
        _named(self.namespace, "a namespace")
        _labelled(self.labels)
        for host in self.hosts:
            self._is_outside(host.name)
        if self.hosts:
            self._hosts_can_be_held()
        if self.entry is not None and not self.site.gateway_class:
            raise Refused("an entry needs a Gateway; give the 'gatewayClass' of the site")
        if self.site.mesh is DescribedMesh.ISTIO:
            lacking = [one.namespace for one in self._peers() if not one.service_account]
            if lacking:
                raise Refused(
                    f"in a mesh callers are identified by service account; give the 'serviceAccount' of the one in {lacking[0]}"
                )

    def _is_outside(self, name: str) -> None:
        """Raises `Refused` for a name that means a Service of the cluster, such as that of the API server."""
        exact = name.removeprefix("*.").rstrip(".")
        inside = exact.removesuffix(f".{self.site.cluster_domain}")
        if inside in ("kubernetes", "kubernetes.default", "kubernetes.default.svc"):
            raise Refused(
                f"{name!r} is the API server of the cluster, which these manifests close; remove it from 'hosts', and let only "
                "pods that need the API server reach it, by a policy of their own"
            )
        if inside != exact or exact.endswith(".svc") or exact == self.site.cluster_domain or exact == "svc":
            raise Refused(f"{name!r} is a Service of the cluster; give its pods under 'calls', by namespace and labels")

    def _hosts_can_be_held(self) -> None:
        site, names = self.site, ", ".join(host.name for host in self.hosts[:5])
        if site.names is None:
            raise Refused(
                f"{names}: this site declares nothing that can enforce host names (its network plugin is "
                f"{site.cni or 'not named'}); use Cilium, a plugin with domain names in ClusterNetworkPolicy "
                "('domainNames'), or an egress gateway of Istio ('egressGateway'); or give 'addresses' instead"
            )
        if site.mesh is not DescribedMesh.ISTIO:
            return
        wild = [host.name for host in self.hosts if host.wildcard]
        if wild:
            raise Refused(f"{wild[0]}: in a mesh hosts are registered one by one; give their exact names")
        lacking = [host.name for host in self.hosts for port in host.ports if port.protocol != "TCP"]
        if lacking:
            raise Refused(
                f"{lacking[0]}: a mesh takes host names from TLS, so only on TCP; give its 'addresses' for other protocols"
            )
        if site.names is Names.EGRESS_GATEWAY:
            if not _NAME.match(self.service_account):
                raise Refused(
                    "the egress gateway identifies callers by service account; give the workload's own 'serviceAccount'"
                )
            several = [host.name for host in self.hosts if len({port.port for port in host.ports}) > 1]
            several += [one.name for one in self.hosts if sum(one.name == host.name for host in self.hosts) > 1]
            if several:
                raise Refused(
                    f"{several[0]}: the egress gateway serves one port per host name; give only one, or its 'addresses'"
                )

    def _peers(self) -> tuple[Pods, ...]:
        return (*self.callers, *((self.entry.gateway_pods,) if self.entry is not None else ()))


def _named(text: str, what: str) -> None:
    if not _NAME.match(text):
        raise Refused(f"{text!r} cannot be {what}: lower-case letters, digits and '-', at most 63")


def _labelled(labels: Mapping[str, str]) -> None:
    if not labels:
        raise Refused("give at least one label; without labels, all pods of the namespace would match")
    for text in (*labels, *labels.values()):
        if not _LABEL.match(text):
            raise Refused(f"{text!r} is not allowed in a label")
