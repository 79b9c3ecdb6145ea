"""Situations for the gate ``cluster``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arcops.gate import Example
from arcops.seen.cluster import (
    AccountSeen,
    Amount,
    Capacity,
    Cluster,
    ClusterWorkload,
    Condition,
    CsiDriverSeen,
    DeprecatedApi,
    Endpoints,
    GatewayClassSeen,
    Lease,
    LimitLine,
    NodeSeen,
    OperatorSeen,
    PodSeen,
    QuotaLine,
    StorageClassSeen,
    Unlisted,
    WebhookSeen,
)
from arcops.verdict import Verdict
from gates.cluster.cluster.gate import ClusterPolicy
from gates.cluster.cluster.gpus import WantedMig
from gates.cluster.cluster.services import WantedMesh

SERVED = datetime(2026, 11, 21, 11, 59, 50, tzinfo=UTC)
SITE = ClusterPolicy(
    least_kernel="5.15",
    least_kubelet="1.33",
    gpus=2,
    mig=WantedMig.SINGLE,
    runtime_class="nvidia",
    free_storage="100Gi",
    gateway_class="istio",
    mesh=WantedMesh.ISTIO,
    cert_manager="cert-manager",
    namespace="models",
    asks=(Amount(resource="cpu", quantity="4"), Amount(resource="nvidia.com/gpu", quantity="1")),
    pull_secret="mirror",  # noqa: S106  # the name of a Secret, not a secret
    registries=("registry.site.example",),
)
"""A policy that requires something of every rule."""


def ready_cluster() -> Cluster:
    """A cluster of two nodes that `SITE` finds GREEN."""
    names = ("edge-1", "edge-2")
    calm = [Condition(kind=kind, status="False") for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")]

    def deployment(namespace: str, name: str, component: str = "") -> ClusterWorkload:
        return ClusterWorkload(kind="Deployment", namespace=namespace, name=name, component=component, wanted=1, available=1)

    return Cluster(
        root="0" * 64,
        served=SERVED,
        heartbeats=SERVED,
        version="v1.34.2",
        namespaces=("kube-system", "models"),
        nodes=tuple(
            NodeSeen(
                name=name,
                conditions=(Condition(kind="Ready", status="True"), *calm),
                schedulable=True,
                kernel="6.8.0-45-generic",
                kubelet="v1.34.1",
                allocatable=(Amount(resource="nvidia.com/gpu", quantity="1"),),
                mig_strategy="single",
                mig_state="success",
            )
            for name in names
        ),
        leases=tuple(Lease(node=name, renewed=SERVED - timedelta(seconds=4), duration=40) for name in names),
        pods=(PodSeen(namespace="models", name="chat-0", images=("registry.site.example/chat:1",)),),
        workloads=(
            ClusterWorkload(
                kind="DaemonSet",
                namespace="gpu-operator",
                name="nvidia-device-plugin-daemonset",
                component="",
                wanted=2,
                available=2,
            ),
            deployment("istio-system", "istiod"),
            *(deployment("cert-manager", part, part) for part in ("controller", "webhook", "cainjector")),
        ),
        operators=(OperatorSeen(name="cluster-policy", state="ready"),),
        runtime_classes=("nvidia",),
        storage_classes=(StorageClassSeen(name="fast", provisioner="csi.site.example", default=True),),
        csi_drivers=(CsiDriverSeen(name="csi.site.example", capacity=True),),
        capacities=(Capacity(storage_class="fast", free="2Ti", largest="1Ti"),),
        gateway_classes=(GatewayClassSeen(name="istio", controller="istio.io/gateway-controller", accepted="True"),),
        endpoints=(
            Endpoints(namespace="kube-system", service="kube-dns", ready=2),
            Endpoints(namespace="istio-system", service="istiod", ready=1),
        ),
        webhooks=(
            WebhookSeen(
                configuration="istio-validator",
                name="validation.istio.io",
                fails_closed=True,
                namespace="istio-system",
                service="istiod",
            ),
        ),
        quotas=(QuotaLine(namespace="models", quota="team", resource="requests.cpu", hard="32", used="8500m"),),
        limits=(LimitLine(namespace="models", limits="team", kind="Container", resource="cpu", least="100m", most="16"),),
        accounts=(AccountSeen(namespace="models", name="default", pull_secrets=("mirror",)),),
    )


def examples() -> Iterator[Example[ClusterPolicy]]:
    good = ready_cluster()
    first, second = good.nodes

    def example(name: str, verdict: Verdict, body: Cluster, policy: ClusterPolicy = SITE) -> Example[ClusterPolicy]:
        return Example(name=name, verdict=verdict, evidence=(body,), policy=policy)

    yield example("A cluster that has all that the policy requires", Verdict.GREEN, good)
    bare = replace(good, gateway_classes=(), runtime_classes=(), quotas=(), limits=(), accounts=(), workloads=(), operators=())
    yield example(
        "A cluster that lacks only things that the policy does not require", Verdict.GREEN, bare, ClusterPolicy(gpus=0)
    )
    yield example("The same cluster, under a policy that requires them", Verdict.RED, bare)
    two = (*good.storage_classes, StorageClassSeen(name="slow", provisioner="nfs.site.example", default=True))
    yield example(
        "Two default storage classes", Verdict.AMBER, replace(good, storage_classes=two), replace(SITE, free_storage="")
    )
    asked = DeprecatedApi(group="example.io", version="v1beta1", resource="things", removed="1.40")
    yield example("A deprecated API that a far release removes", Verdict.AMBER, replace(good, deprecated=(asked,)))
    cordoned = replace(second, schedulable=False)
    yield example(
        "A node is cordoned, and the other nodes are enough",
        Verdict.AMBER,
        replace(good, nodes=(first, cordoned)),
        replace(SITE, gpus=1),
    )
    refused = (Unlisted(what="nodes", why="the API server answers 403 Forbidden"),)
    yield example("ArcOps may not list nodes", Verdict.RED, replace(good, nodes=(), unlisted=refused))
    ahead = replace(good.leases[0], renewed=SERVED + timedelta(minutes=2))
    yield example("A node's clock is two minutes ahead", Verdict.RED, replace(good, leases=(ahead, good.leases[1])))
    yield example(
        "A webhook fails closed, and its Service has no endpoint", Verdict.RED, replace(good, endpoints=good.endpoints[:1])
    )
    small = (replace(good.capacities[0], free="90Gi", largest=""),)
    yield example("No volume of 100Gi fits", Verdict.RED, replace(good, capacities=small))
    full = (replace(good.quotas[0], used="29"),)
    yield example("The quota leaves three CPUs, and four are needed", Verdict.RED, replace(good, quotas=full))
