"""Is this Kubernetes cluster ready for the model that will be deployed?

Why: a model that is ready still fails if no GPU can be allocated, a quota refuses it, no volume fits, a clock is wrong, or a
webhook without an endpoint refuses every request. Such faults are found by the first deployment, or before it.

Judged: one snapshot of the cluster, by listing. Nodes, their versions and clocks; GPUs, device plugin, MIG and runtime class;
storage, gateway class, mesh, DNS and cert-manager; quotas, limit ranges, pull secrets and registries for the workload that the
policy describes; webhooks that fail closed; deprecated APIs. If a list could not be read, every rule that needs it is UNKNOWN.
What the policy does not require passes, and the finding says that it was not required.

Fix: each rule has its own. If lists could not be read, give ArcOps's account the role in
deployments/kubernetes/cluster-reader.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from arcops.control import nist
from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.finding import Finding
from arcops.gate import gate
from arcops.seen.cluster import Amount, Cluster, quantity
from arcops.subjects.cluster import NamedCluster
from gates.cluster.cluster import gpus, nodes, services, workload
from gates.cluster.cluster.gpus import WantedMig
from gates.cluster.cluster.services import WantedMesh
from gates.cluster.cluster.words import version


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPolicy:
    """What the workload needs from a cluster; empty, zero or ``none`` requires nothing.

    ``most_age`` is how old the snapshot may be. ``nodes`` and ``gpus`` are minimum numbers, ``gpu_resource`` is the resource
    that pods ask for, and ``device_plugin`` is part of its DaemonSet's name; if no node offers that resource, the devices of
    ``device_driver`` (Dynamic Resource Allocation) count. ``most_skew`` is how far a node's clock may be off.
    ``free_storage`` is the size of one volume in ``storage_class``, or in the default class. ``dns`` is the DNS Service as
    ``namespace/name``; empty: that of Kubernetes, OpenShift or RKE2. ``tolerates`` are the taints that the workload
    tolerates, by key or as ``key=value``. ``cert_manager`` is the namespace of cert-manager. ``asks`` is what one pod of the
    workload asks for in ``namespace``, as its request and its limit. ``registries`` are those of the site.
    ``webhooks_by_url`` are configurations that are known to answer at a URL. ``shared``: GPUs that pods share with others
    (time-slicing, MPS) count, each share as one. ``conditions`` are conditions of nodes that are well, as ``Kind=True`` or
    ``Kind=False``; needed for kinds whose name does not say it.

    Raises `Refused` if an amount or a version is not valid.
    """

    most_age: timedelta = timedelta(hours=1)
    nodes: int = 1
    least_kernel: str = ""
    least_kubelet: str = ""
    most_skew: timedelta = timedelta(seconds=5)
    gpus: int = 1
    gpu_resource: str = "nvidia.com/gpu"
    device_plugin: str = "nvidia-device-plugin"
    device_driver: str = "gpu.nvidia.com"
    mig: WantedMig = WantedMig.ANY
    runtime_class: str = ""
    storage_class: str = ""
    free_storage: str = ""
    gateway_class: str = ""
    mesh: WantedMesh = WantedMesh.NONE
    dns: str = ""
    cert_manager: str = ""
    namespace: str = ""
    service_account: str = "default"
    asks: tuple[Amount, ...] = ()
    pull_secret: str = ""
    registries: tuple[str, ...] = ()
    webhooks_by_url: tuple[str, ...] = ()
    tolerates: tuple[str, ...] = ()
    shared: bool = False
    conditions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in self.conditions:
            if text.partition("=")[2] not in ("True", "False") or not text.partition("=")[0]:
                raise Refused(f"gate 'cluster': {text[:50]!r} under 'conditions' is not written as Kind=True or Kind=False")
        if self.nodes < 1 or self.gpus < 0:
            raise Refused("gate 'cluster': 'nodes' must be at least 1, and 'gpus' at least 0")
        if self.most_age <= timedelta(0) or self.most_skew <= timedelta(0):
            raise Refused("gate 'cluster': 'mostAge' and 'mostSkew' must be durations above zero, such as PT5S")
        for text in (self.free_storage, *(one.quantity for one in self.asks)):
            if text and (quantity(text) or 0) <= 0:
                raise Refused(f"gate 'cluster': {text[:50]!r} is not an amount; write it as Kubernetes does, such as 4 or 40Gi")
        for text in (self.least_kernel, self.least_kubelet):
            if text and version(text) is None:
                raise Refused(f"gate 'cluster': {text[:50]!r} is not a version; write it as 1.34 or 6.8.0")
        if (self.dns and not all(self.dns.partition("/"))) or not self.device_plugin or not self.gpu_resource:
            raise Refused("gate 'cluster': write 'dns' as namespace/name; 'devicePlugin' and 'gpuResource' must not be empty")
        for value, name in ((self.asks, "asks"), (self.pull_secret, "pullSecret")):
            if value and not self.namespace:
                raise Refused(f"gate 'cluster': {name!r} needs 'namespace': the namespace in which the workload will run")


@gate(
    "cluster",
    judges=(NamedCluster,),
    needs=(Cluster,),
    policy=ClusterPolicy,
    rules=(
        nodes.RECENT,
        nodes.NODES,
        nodes.PRESSURE,
        nodes.KERNEL,
        nodes.KUBELET,
        nodes.CLOCKS,
        gpus.GPUS,
        gpus.DEVICE_PLUGIN,
        gpus.MIG,
        gpus.RUNTIME,
        services.STORAGE,
        services.FREE,
        services.GATEWAY,
        services.MESH,
        services.DNS,
        services.CERTIFICATES,
        workload.QUOTAS,
        workload.LIMITS,
        workload.PULL_SECRET,
        workload.PULLS,
        workload.MIRROR,
        services.WEBHOOKS,
        services.DEPRECATED,
    ),
    speaks_to=nist("CM-6", "CP-2(2)"),
)
def cluster(seen: Seen, policy: ClusterPolicy) -> Iterator[Finding]:
    """The findings on one snapshot of a cluster."""
    found = seen[Cluster]
    wanted = workload.needs(policy.asks)
    yield from nodes.recent(found, seen.at, policy.most_age)
    yield from nodes.ready(found, policy.nodes, policy.tolerates)
    yield from nodes.unpressured(found, policy.conditions)
    yield from nodes.kernels(found, policy.least_kernel)
    yield from nodes.kubelets(found, policy.least_kubelet)
    yield from nodes.clocks(found, policy.most_skew)
    one_pod = next((quantity(one.quantity) for one in policy.asks if one.resource == policy.gpu_resource), None)
    yield from gpus.allocatable(
        found,
        policy.gpu_resource,
        policy.gpus,
        driver=policy.device_driver,
        one_pod=one_pod or Decimal(0),
        tolerated=policy.tolerates,
        shared=policy.shared,
    )
    yield from gpus.plugin(found, policy.device_plugin, policy.gpus > 0, policy.device_driver)
    yield from gpus.mig(found, policy.mig, policy.gpu_resource)
    yield from gpus.runtime(found, policy.runtime_class)
    yield from services.storage_class(found, policy.storage_class)
    yield from services.free_storage(found, policy.storage_class, policy.free_storage)
    yield from services.gateway_class(found, policy.gateway_class)
    yield from services.mesh(found, policy.mesh)
    yield from services.dns(found, policy.dns)
    yield from services.certificates(found, policy.cert_manager)
    yield from services.webhooks(found, policy.webhooks_by_url)
    yield from services.deprecated(found)
    yield from workload.quotas(found, policy.namespace, wanted)
    yield from workload.limits(found, policy.namespace, wanted)
    yield from workload.pull_secret(found, policy.namespace, policy.service_account, policy.pull_secret)
    yield from workload.pulls(found, policy.namespace)
    yield from workload.mirror(found, policy.registries)
