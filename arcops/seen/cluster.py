"""What a Kubernetes cluster reported about itself, list by list, at one moment of its API server's clock.

A list that could not be read is named in ``unlisted`` with the reason, and none of its items are here. Code that does not check
``unlisted`` finds nothing, which must never count as "nothing is wrong". A kind that the cluster does not serve is in
``absent``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_pattern import late

_QUANTITY = late(r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))(?:([eE][+-]?[0-9]{1,2})|([KMGTPE]i|[numkMGTPE]))?\Z")
_SUFFIX = {
    **{
        suffix: Decimal(1000) ** power
        for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), start=-3)
    },
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}


def quantity(text: str) -> Decimal | None:
    """The number that a Kubernetes quantity stands for, such as ``1500m`` or ``40Gi``; `None` if it is not a quantity.

    Source: the grammar in ``k8s.io/apimachinery/pkg/api/resource/quantity.go``.
    """
    found = _QUANTITY.match(text)
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    return Decimal(number + exponent) if exponent else Decimal(number) * _SUFFIX[suffix or ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount of a resource, as a quantity as the API server writes it."""

    resource: str
    quantity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A list that could not be fetched or read, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of an object. ``status`` is ``True``, ``False``, or anything else."""

    kind: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """A taint of a node; ``effect`` is ``NoSchedule``, ``PreferNoSchedule`` or ``NoExecute``."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """A node. ``capacity`` is what it has, ``allocatable`` what pods can be given of it; ``os`` is the name of its operating
    system's image. ``mig_strategy``, ``mig_state`` and ``gpu_product`` are its labels ``nvidia.com/mig.strategy``,
    ``…/mig.config.state`` and ``…/gpu.product``; ``gpu_count`` and ``gpu_replicas`` are ``…/gpu.count`` (the GPUs that its
    driver sees) and ``…/gpu.replicas`` (into how many shares each is divided), 0 if the label is missing.
    """

    name: str
    conditions: tuple[Condition, ...]
    schedulable: bool
    kernel: str
    kubelet: str
    allocatable: tuple[Amount, ...] = ()
    mig_strategy: str = ""
    mig_state: str = ""
    gpu_product: str = ""
    capacity: tuple[Amount, ...] = ()
    taints: tuple[Taint, ...] = ()
    os: str = ""
    gpu_count: int = 0
    gpu_replicas: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A node's heartbeat. ``renewed`` is by the node's own clock; ``duration`` are the seconds that it is valid for."""

    node: str
    renewed: datetime | None
    duration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """A pod that has not ended: its images, and what its containers wait for (``ImagePullBackOff``). ``node`` is where it runs,
    empty if it waits for a node; ``asks`` are the extended resources, such as GPUs, that it takes there.
    """

    namespace: str
    name: str
    images: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    node: str = ""
    asks: tuple[Amount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterId:
    """The UID of the namespace kube-system."""

    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device that a driver of Dynamic Resource Allocation offers: its names for the pool and the device."""

    driver: str
    pool: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePart:
    """The device ``name`` is a part of the device ``of`` of its pool; empty: it is not known of which."""

    name: str
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTaint:
    """A DeviceTaintRule that keeps new claims from devices: those of ``driver``, ``pool`` and ``device``; empty: of any.
    What else it asks of devices is not read, so it counts for all of these.
    """

    name: str
    driver: str = ""
    pool: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSlice:
    """A ResourceSlice: devices of ``node`` (empty: of several nodes). Only the slices of a pool's newest generation count, and
    only if there are as many as ``slices`` says (0: it does not say).

    ``parts`` are its devices that are parts of others (MIG).
    ``tainted`` are names of devices that are given to no new claim.
    """

    node: str
    generation: int
    devices: tuple[Device, ...]
    slices: int = 0
    parts: tuple[DevicePart, ...] = ()
    tainted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceClaim:
    """A ResourceClaim, and the devices that it was given."""

    namespace: str
    name: str
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWorkload:
    """A Deployment or DaemonSet: how many pods it should have, and how many are available. ``stale``: its controller has not
    yet seen the newest version, so the numbers are about an older one.
    """

    kind: str
    namespace: str
    name: str
    component: str
    wanted: int
    available: int
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSeen:
    """A ClusterPolicy of NVIDIA's GPU operator, and the state that the operator says it is in."""

    name: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageClassSeen:
    name: str
    provisioner: str
    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CsiDriverSeen:
    """``capacity``: does it publish its free space?"""

    name: str
    capacity: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Free space of a storage class in one part of the cluster, and the largest volume that fits; empty if not published."""

    storage_class: str
    free: str
    largest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayClassSeen:
    """``accepted`` is the status of the condition ``Accepted``; ``stale`` says that it is about an older version."""

    name: str
    controller: str
    accepted: str
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """How many endpoints of a Service are ready, in one slice."""

    namespace: str
    service: str
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSeen:
    """An admission webhook; ``service`` is empty if it is called by URL."""

    configuration: str
    name: str
    fails_closed: bool
    namespace: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLine:
    """One line of a ResourceQuota. ``scoped``: it counts only some pods."""

    namespace: str
    quota: str
    resource: str
    hard: str
    used: str
    scoped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """The limits of a LimitRange for one resource of a ``Container`` or ``Pod``; empty if it sets none."""

    namespace: str
    limits: str
    kind: str
    resource: str
    least: str = ""
    most: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """A service account, and the secrets that its pods' images are pulled with, by name."""

    namespace: str
    name: str
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprecatedApi:
    """A deprecated API that was requested from this API server since it started. ``removed`` is the release without it."""

    group: str
    version: str
    resource: str
    removed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster(Body):
    """The whole cluster. ``root`` is the SHA-256 over the snapshot's files; ``served`` is the API server's clock,
    ``heartbeats`` the same when it listed the leases; ``version`` is its release.
    """

    KIND: ClassVar[str] = "cluster"

    root: str
    served: datetime | None
    heartbeats: datetime | None
    version: str
    unlisted: tuple[Unlisted, ...] = ()
    absent: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    nodes: tuple[NodeSeen, ...] = ()
    leases: tuple[Lease, ...] = ()
    pods: tuple[PodSeen, ...] = ()
    workloads: tuple[ClusterWorkload, ...] = ()
    operators: tuple[OperatorSeen, ...] = ()
    runtime_classes: tuple[str, ...] = ()
    storage_classes: tuple[StorageClassSeen, ...] = ()
    csi_drivers: tuple[CsiDriverSeen, ...] = ()
    capacities: tuple[Capacity, ...] = ()
    gateway_classes: tuple[GatewayClassSeen, ...] = ()
    endpoints: tuple[Endpoints, ...] = ()
    webhooks: tuple[WebhookSeen, ...] = ()
    quotas: tuple[QuotaLine, ...] = ()
    limits: tuple[LimitLine, ...] = ()
    accounts: tuple[AccountSeen, ...] = ()
    mirrored: tuple[str, ...] = ()
    """The registries, or parts of them, for which the cluster is configured to pull from a mirror."""
    deprecated: tuple[DeprecatedApi, ...] = ()
    slices: tuple[DeviceSlice, ...] = ()
    claims: tuple[DeviceClaim, ...] = ()
    taint_rules: tuple[DeviceTaint, ...] = ()
    identity: str = ""
    """What tells this cluster from others: the UID of its namespace kube-system, which lives as long as the cluster."""

    @property
    def names_subject(self) -> str:
        return self.root
