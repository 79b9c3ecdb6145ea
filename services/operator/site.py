"""What a cluster can enforce, and what its operator was told: its settings, and what each namespace may be given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from foundation.egress.outside import Outside, inside
from gates.network.network.sound import ENFORCERS
from manifests.description import Site as NetworkSite


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespacePolicy:
    """What servers of a namespace may be given at most; no resource loosens it.

    ``open_network``: consent to egress to every host. ``hosts`` and ``addresses`` are the only ones that a profile may name
    (``*.example.com`` covers the hosts below it), and ``pods`` the only namespaces of whose pods it may name some; `None` for
    any. ``writes``: may a server write files that stay?
    ``api_server``: a profile may name the API server. ``rotate_secrets``: the operator may look at the Secrets here, so
    that a changed one rolls the pods.
    """

    open_network: bool = False
    hosts: tuple[str, ...] | None = None
    addresses: tuple[str, ...] | None = None
    pods: tuple[str, ...] | None = None
    writes: bool = True
    api_server: bool = False
    rotate_secrets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One cluster.

    ``network`` is what its network plugin and mesh can do; ``kubernetes`` its version. ``cluster_namespace`` is that of the
    pods of each ClusterMCPServer, ``operator_namespace`` that of the operator. ``sidecar_image`` is our image, by its digest.
    ``issuer`` is that of the cluster's own tokens. ``supported`` is the feature gate ``MCPServerSupport``. ``plain_urls``: a
    remote server may have an http URL. ``strict_reads``: refuse a profile that limits what is read, unless ``read_profile``
    names an AppArmor profile on the nodes that does. ``image_volumes``: the nodes mount images as volumes. ``egress`` are the
    networks (CIDR) that the operator itself may ask on TCP 443, for the keys of issuers and for remote servers;
    ``monitoring`` is the namespace whose pods read its metrics.
    """

    network: NetworkSite
    kubernetes: tuple[int, ...]
    sidecar_image: str
    cluster_namespace: str = "arcops-mcp"
    operator_namespace: str = "arcops-system"
    policies: Mapping[str, NamespacePolicy] = field(default_factory=dict)
    otherwise: NamespacePolicy = field(default_factory=NamespacePolicy)
    issuer: str = "https://kubernetes.default.svc"
    supported: bool = True
    plain_urls: bool = False
    strict_reads: bool = False
    read_profile: str = ""
    app_armor: bool = False
    image_volumes: bool = False
    allowed_prefixes: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    monitoring: str = ""

    def policy(self, namespace: str) -> NamespacePolicy:
        """What servers in *namespace* may be given."""
        return self.policies.get(namespace, self.otherwise)

    def digest(self, namespace: str) -> str:
        """A digest of all that these settings let servers in *namespace* have, or say of what holds them."""
        said = (
            self.policy(namespace), self.network, self.supported, self.plain_urls, self.strict_reads, self.read_profile,
            self.image_volumes, self.allowed_prefixes,
        )  # fmt: skip
        return hashlib.sha256(repr(said).encode()).hexdigest()[:32]

    @property
    def rotating(self) -> tuple[str, ...]:
        """The namespaces in which the operator may read Secrets, to see that one changed."""
        return tuple(sorted(name for name, policy in self.policies.items() if policy.rotate_secrets))

    @property
    def outside(self) -> Outside:
        """The addresses to which a resource may send the operator: public ones, and networks inside that the settings name."""
        networks = ((one, ip_network(one)) for one in self.egress)
        return Outside(named=tuple(one for one, net in networks if inside(net[0]) and inside(net[-1])))

    @property
    def enforces_policies(self) -> bool:
        """Is the network plugin known to enforce NetworkPolicy?"""
        return self.network.cni.lower() in ENFORCERS

    def enforces(self, what: str) -> bool:
        """Is the network plugin known to enforce *what*, too (``ports``, ``domains``, ``cilium``)?"""
        return what in ENFORCERS.get(self.network.cni.lower(), ())
