"""What Kubernetes manifests say about the network: namespaces, pods, policies, and the entries from outside.

Terms and defaults are those of the Kubernetes API (``networking.k8s.io/v1``, ``policy.networking.k8s.io/v1alpha1`` and
``v1alpha2``, ``gateway.networking.k8s.io/v1``). Every object carries its file and line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body
from arcops.finding import Location
from arcops.seen.labels import Label, Operator, Requirement, Selector
from arcops.seen.mesh import MeshSeen
from arcops.seen.ways_in import (
    Backend,
    BackendTlsSeen,
    CertificateRef,
    GatewaySeen,
    GrantSeen,
    ListenerSeen,
    ParentRef,
    RouteSeen,
)

# Exported again, because code that reads networks reads labels and routes.
__all__ = [
    "Backend",
    "BackendTlsSeen",
    "CertificateRef",
    "GatewaySeen",
    "GrantSeen",
    "Label",
    "ListenerSeen",
    "Operator",
    "ParentRef",
    "Requirement",
    "RouteSeen",
    "Selector",
]

CALICO = frozenset(("CalicoNetworkPolicy", "GlobalNetworkPolicy"))
"""Kinds of Calico's own policies; the first is its NetworkPolicy, which has the name of that of Kubernetes."""
FIREWALLS = frozenset(("EgressFirewall", "EgressNetworkPolicy"))
"""Kinds of OpenShift's own policies for what leaves the cluster, one for each namespace."""
CILIUM = frozenset(("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"))
"""Kinds of policies that are evaluated together with NetworkPolicies, by the rules of the network plugin Cilium."""

METADATA_SERVICES = ("169.254.169.254", "fd00:ec2::254", "168.63.129.16")
"""The addresses of cloud metadata services, which give a machine its secrets: most clouds, AWS by IPv6, Azure's WireServer."""

SYSTEM = "kube-system"
"""The namespace of the cluster's own pods, which lives as long as the cluster."""

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the API server puts on every namespace: its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file that was read. ``path`` is relative to the target; ``sha256`` is lower-case hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something wrong. ``about`` names the object (``Kind namespace/name``) or is empty, ``field`` is the path in it as the
    API server writes it.
    """

    at: Location
    about: str
    field: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The lines of a file that contain only one object, so that a fix can be written into them.

    ``at`` is the beginning of the object. ``text`` are whole lines, the first has the number ``first``: the object's own lines,
    and the line ``---`` before and after it. ``opens`` and ``ends``: the file begins, and ends, with these lines.
    """

    at: Location
    first: int
    text: str
    opens: bool
    ends: bool


class Direction(Enum):
    """The direction of traffic, seen from the pods that a policy selects."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class Protocol(Enum):
    """The protocols that a NetworkPolicy can name."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Addresses: a CIDR without those of ``excepts``."""

    cidr: str
    excepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The peers that a rule names: pods by namespace and pod labels, or addresses.

    ``namespaces`` is ``None`` for the policy's own namespace; ``pods`` is ``None`` for every pod. With ``nodes`` it names the
    cluster's nodes, with ``domain`` a host name (``*`` in it matches any): addresses outside that are not known.
    """

    at: Location
    namespaces: Selector | None = None
    pods: Selector | None = None
    block: Block | None = None
    nodes: Selector | None = None
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """Ports ``first`` to ``last`` of one protocol, or the port that a pod calls ``name``. ``protocol`` ``None`` is any."""

    protocol: Protocol | None = Protocol.TCP
    first: int = 1
    last: int = 65535
    name: str = ""


class Action(Enum):
    """What a rule does. Rules of a NetworkPolicy only allow, Cilium's allow or deny; ``PASS`` leaves the question to
    NetworkPolicies.
    """

    ALLOW = "Allow"
    DENY = "Deny"
    PASS = "Pass"  # noqa: S105  # an action, not a password


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One rule. ``field`` is its path, such as ``spec.egress[0]``. No peers: any peer. No ports: every port."""

    at: Location
    field: str
    action: Action = Action.ALLOW
    peers: tuple[Peer, ...] = ()
    ports: tuple[PortRange, ...] = ()


class PolicyTier(Enum):
    """The order in which policies decide: admin before the namespaces' own, late after these for the same pods (Calico's with
    an order above that of NetworkPolicies), and baseline for what none of them isolates.
    """

    ADMIN = "admin"
    NAMESPACE = "namespace"
    LATE = "late"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySeen:
    """A NetworkPolicy or one of Cilium's (tier ``NAMESPACE``), or one for the whole cluster.

    ``pods`` and, for the whole cluster, ``namespaces`` select the pods that it applies to. ``directions`` are those in which a
    NetworkPolicy isolates its pods, after the API server's defaults; ``declared`` is whether the manifest named them.
    ``priority``: the lower decides first. Within the tier ``NAMESPACE`` all policies count together: what one allows is
    allowed, and what one of Cilium's denies is denied, whatever the others say.

    Stages are Calico's tiers: within ``ADMIN`` and ``BASELINE`` the lower ``stage`` decides first, and ``Pass`` leaves the
    question to the next stage. ``beside``: the policy is in the same tier of Calico as the NetworkPolicies, so its
    ``Pass`` leaves them out, too, and it isolates like them. ``closes``: at the end of its stage, what no rule decided for its
    pods is denied, in its ``directions``.
    """

    kind: str
    namespace: str
    name: str
    at: Location
    tier: PolicyTier
    pods: Selector
    namespaces: Selector | None = None
    priority: int = 0
    directions: tuple[Direction, ...] = ()
    declared: bool = False
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()
    stage: int = 0
    beside: bool = False
    closes: bool = False

    @property
    def title(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def isolates(self) -> tuple[Direction, ...]:
        """The directions in which what no policy allows to its pods is denied, before the baseline is asked."""
        return self.directions if self.beside or self.tier is PolicyTier.NAMESPACE else ()

    @property
    def plain(self) -> bool:
        """Is it a NetworkPolicy of Kubernetes itself?"""
        return self.tier is PolicyTier.NAMESPACE and self.kind not in CILIUM | CALICO

    def counts(self, direction: Direction) -> bool:
        """Do its rules for *direction* have an effect? Those of a NetworkPolicy only in directions in which it
        isolates, all others always.
        """
        return not self.plain or direction in self.directions


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPort:
    """A port that a container declares. ``host_port`` is the node's port for it; 0: there is no such port."""

    protocol: Protocol
    number: int
    name: str = ""
    host_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSet:
    """The pods that one object makes, all equal: a bare Pod, or those of a workload's template.

    ``owner`` is ``Kind/name`` of the controller that made the object, or empty. ``account`` is their service account, empty
    if it is not known. ``bypasses`` are the annotations that keep traffic away from the mesh's sidecar, ``attached`` those that
    attach more networks than the cluster's own (Multus), to which policies do not apply.
    """

    kind: str
    namespace: str
    name: str
    at: Location
    labels: tuple[Label, ...]
    ports: tuple[ContainerPort, ...] = ()
    host_network: bool = False
    owner: str = ""
    account: str = "default"
    bypasses: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceSeen:
    """A namespace. ``declared``: a manifest defines it, so its labels are known; else only its name is known."""

    name: str
    labels: tuple[Label, ...]
    declared: bool
    at: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """``target`` is the pods' port, by number (``target``) or name (``target_name``)."""

    name: str
    protocol: Protocol
    port: int
    target: int = 0
    target_name: str = ""
    node_port: int = 0


POOL = "InferencePool"
"""Pods of one model server, among which an extension of the Gateway chooses (Gateway API Inference Extension)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSeen:
    """A Service, or an InferencePool, which is its ``kind`` then and whose pods a route reaches as those of a Service.

    ``selector`` is ``None`` if it selects no pods. ``external`` holds its external IPs or external name.

    ``waypoint`` is what its labels say of an ambient mesh's waypoint: NAMESPACE/NAME, ``none``, or nothing. ``exposed`` are
    annotations and labels by which a program of the cluster lets in clients of other networks or clusters.
    """

    namespace: str
    name: str
    at: Location
    kind: str
    selector: Selector | None
    ports: tuple[ServicePort, ...] = ()
    external: tuple[str, ...] = ()
    waypoint: str = ""
    exposed: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{POOL if self.kind == POOL else 'Service'} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherObject:
    """An object of a kind that is not part of this evidence. ``harmless``: its kind does not affect the network."""

    group: str
    kind: str
    namespace: str
    name: str
    at: Location
    harmless: bool


NO_MESH = MeshSeen()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Body):
    """The manifests as one value, each list in the order of files and lines.

    ``unread`` is what could not be read or judged, so that anything may be missing; ``refused`` is what an API server would not
    accept; ``unchecked`` are objects, or rules about them, without a definition to check against. ``root`` is SHA-256 over the
    concatenated digests of ``files``. ``passages`` hold the text of objects that a fix may change.
    """

    KIND: ClassVar[str] = "network"

    root: str
    files: tuple[ManifestFile, ...]
    unread: tuple[Complaint, ...] = ()
    refused: tuple[Complaint, ...] = ()
    unchecked: tuple[Complaint, ...] = ()
    namespaces: tuple[NamespaceSeen, ...] = ()
    pods: tuple[PodSet, ...] = ()
    policies: tuple[PolicySeen, ...] = ()
    services: tuple[ServiceSeen, ...] = ()
    routes: tuple[RouteSeen, ...] = ()
    gateways: tuple[GatewaySeen, ...] = ()
    grants: tuple[GrantSeen, ...] = ()
    backend_tls: tuple[BackendTlsSeen, ...] = ()
    others: tuple[OtherObject, ...] = ()
    mesh: MeshSeen = NO_MESH
    passages: tuple[Passage, ...] = ()
    cluster: str = ""
    """What tells the cluster that printed these manifests from others (the UID of its namespace kube-system); else empty."""

    @property
    def names_subject(self) -> str:
        return self.root
