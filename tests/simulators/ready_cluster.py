"""A cluster that is ready, as the lists of its API server: what the in-test Kubernetes API serves for cluster readiness."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.cluster.snapshot import RESOURCES
from tests.simulators.kubernetes_api import Cluster

Objects = dict[str, list[dict[str, Any]]]

METRICS = """# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_request_total{code="200",verb="LIST"} 12
"""
DEPRECATED = (
    'apiserver_requested_deprecated_apis{group="example.io",removed_release="1.35",resource="things",subresource="",'
    'version="v1beta1"} 1\n'
)
POLICY = """
name: site
validFor: P1D
gates:
  cluster:
    nodes: 2
    leastKernel: "5.15"
    leastKubelet: "1.33"
    gpus: 2
    mig: single
    runtimeClass: nvidia
    freeStorage: 100Gi
    gatewayClass: istio
    mesh: istio
    certManager: cert-manager
    namespace: models
    asks: [{resource: cpu, quantity: "4"}, {resource: memory, quantity: 16Gi}, {resource: nvidia.com/gpu, quantity: "1"}]
    pullSecret: mirror
    registries: [registry.site.example]
"""


def at(title: str) -> str:
    """The path under which the kind of this title is listed, such as ``nodes`` or ``daemonsets.apps``."""
    return next(one.path for one in RESOURCES if one.title == title)


@contextmanager
def beating(cluster: Cluster) -> Iterator[None]:
    """Inside this block the nodes of *cluster* renew their leases, as kubelets do, however long a command takes."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.is_set():
            cluster.objects[at("leases.coordination.k8s.io")] = [lease("edge-1"), lease("edge-2")]
            ended.wait(1)

    kubelets = threading.Thread(target=beat, name="kubelets", daemon=True)
    kubelets.start()
    try:
        yield
    finally:
        ended.set()
        kubelets.join()


def ready_cluster() -> Cluster:
    """Two GPU nodes, and everything that `POLICY` requires; with words in it that must not be kept."""
    listed: Objects = {one.path: [] for one in RESOURCES if "openshift" not in one.version}
    listed[at("namespaces")] = [named("kube-system"), named("models")]
    listed[at("nodes")] = [node("edge-1"), node("edge-2")]
    listed[at("leases.coordination.k8s.io")] = [lease("edge-1"), lease("edge-2")]
    container = {"name": "chat", "image": "registry.site.example/chat:1", "env": [{"name": "PASSWORD", "value": "hunter2"}]}
    listed[at("pods")] = [
        {
            **named("chat-0", "models"),
            "spec": {"containers": [container]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "chat", "state": {"running": {}}}]},
        }
    ]
    listed[at("daemonsets.apps")] = [
        {
            **named("nvidia-device-plugin-daemonset", "gpu-operator", generation=3),
            "status": {"desiredNumberScheduled": 2, "numberAvailable": 2, "observedGeneration": 3},
        }
    ]
    listed[at("deployments.apps")] = [
        deployment("istio-system", "istiod"),
        deployment("cert-manager", "cert-manager", "controller"),
        deployment("cert-manager", "cert-manager-webhook", "webhook"),
        deployment("cert-manager", "cert-manager-cainjector", "cainjector"),
    ]
    listed[at("clusterpolicies.nvidia.com")] = [{**named("cluster-policy"), "status": {"state": "ready"}}]
    listed[at("runtimeclasses.node.k8s.io")] = [{**named("nvidia"), "handler": "nvidia"}]
    fast = named("fast")
    fast["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true", "notes": "hunter2"}
    listed[at("storageclasses.storage.k8s.io")] = [{**fast, "provisioner": "csi.site.example"}]
    listed[at("csidrivers.storage.k8s.io")] = [{**named("csi.site.example"), "spec": {"storageCapacity": True}}]
    listed[at("csistoragecapacities.storage.k8s.io")] = [
        {**named("csisc-1", "kube-system"), "storageClassName": "fast", "capacity": "2Ti", "maximumVolumeSize": "1Ti"}
    ]
    accepted = [{"type": "Accepted", "status": "True", "observedGeneration": 1}]
    listed[at("gatewayclasses.gateway.networking.k8s.io")] = [
        {
            **named("istio", generation=1),
            "spec": {"controllerName": "istio.io/gateway-controller"},
            "status": {"conditions": accepted},
        }
    ]
    listed[at("endpointslices.discovery.k8s.io")] = [slice_of("kube-system", "kube-dns"), slice_of("istio-system", "istiod")]
    called = {"service": {"namespace": "istio-system", "name": "istiod"}, "caBundle": "aHVudGVyMg=="}
    listed[at("validatingwebhookconfigurations.admissionregistration.k8s.io")] = [
        {
            **named("istio-validator"),
            "webhooks": [{"name": "validation.istio.io", "failurePolicy": "Fail", "clientConfig": called}],
        }
    ]
    listed[at("resourcequotas")] = [
        {
            **named("team", "models"),
            "status": {"hard": {"requests.cpu": "32", "pods": "50"}, "used": {"requests.cpu": "8500m", "pods": "3"}},
        }
    ]
    listed[at("limitranges")] = [
        {**named("team", "models"), "spec": {"limits": [{"type": "Container", "min": {"cpu": "100m"}, "max": {"cpu": "16"}}]}}
    ]
    listed[at("serviceaccounts")] = [{**named("default", "models"), "imagePullSecrets": [{"name": "mirror"}]}]
    return Cluster(objects=listed, texts={"/metrics": METRICS}, documents={"/version": {"gitVersion": "v1.34.2"}})


def named(name: str, namespace: str = "", *, generation: int = 0, labels: dict[str, str] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "managedFields": [{"manager": "kubectl"}]}
    if namespace:
        metadata["namespace"] = namespace
    if generation:
        metadata["generation"] = generation
    if labels:
        metadata["labels"] = labels
    return {"metadata": metadata}


def node(name: str) -> dict[str, Any]:
    calm = [{"type": kind, "status": "False"} for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")]
    return {
        **named(name, labels={"nvidia.com/mig.strategy": "single", "nvidia.com/mig.config.state": "success"}),
        "spec": {},
        "status": {
            "conditions": [*calm, {"type": "Ready", "status": "True"}],
            "allocatable": {"cpu": "15500m", "memory": "64Gi", "nvidia.com/gpu": "1"},
            "nodeInfo": {"kernelVersion": "6.8.0-45-generic", "kubeletVersion": "v1.34.1"},
        },
    }


def lease(name: str, *, off: timedelta = timedelta(0)) -> dict[str, Any]:
    """A heartbeat of now, by a clock that differs by *off*."""
    renewed = datetime.now(UTC) + off
    return {
        **named(name, "kube-node-lease"),
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": f"{renewed:%Y-%m-%dT%H:%M:%S.%fZ}"},
    }


def deployment(namespace: str, name: str, component: str = "") -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": component} if component else None
    return {
        **named(name, namespace, generation=2, labels=labels),
        "spec": {"replicas": 1},
        "status": {"availableReplicas": 1, "observedGeneration": 2},
    }


def slice_of(namespace: str, service: str) -> dict[str, Any]:
    return {
        **named(f"{service}-x", namespace, labels={"kubernetes.io/service-name": service}),
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
    }
