"""From the lists of a saved cluster to evidence: one function for each kind. A wrong field is reported with file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from arcops.seen.cluster import (
    AccountSeen,
    Amount,
    Capacity,
    ClusterId,
    ClusterWorkload,
    Condition,
    CsiDriverSeen,
    DeprecatedApi,
    DeviceClaim,
    DeviceSlice,
    DeviceTaint,
    Endpoints,
    GatewayClassSeen,
    Lease,
    LimitLine,
    NodeSeen,
    OperatorSeen,
    PodSeen,
    QuotaLine,
    StorageClassSeen,
    Taint,
    WebhookSeen,
    quantity,
)
from arcops.seen.network import SYSTEM
from tasks.cluster.devices import device_claim, device_slice, device_taint
from tasks.cluster.places import items_of, name_of, namespace_of
from tasks.cluster.snapshot import METRICS, NODE_LEASES
from tasks.kubernetes.manifests.fields import Field, text_at, true_at, whole_at

Item = (
    str
    | AccountSeen
    | ClusterId
    | Capacity
    | CsiDriverSeen
    | DeprecatedApi
    | DeviceClaim
    | DeviceSlice
    | DeviceTaint
    | Endpoints
    | GatewayClassSeen
    | Lease
    | LimitLine
    | NodeSeen
    | OperatorSeen
    | PodSeen
    | QuotaLine
    | StorageClassSeen
    | WebhookSeen
    | ClusterWorkload
)


def _label(one: Field, key: str) -> str:
    return text_at(one.within("metadata", "labels", key))


def _amounts(found: Field | None) -> tuple[Amount, ...]:
    return () if found is None else tuple(Amount(resource=key, quantity=value.text()) for key, value in found.members())


def _stale(one: Field, observed: Field | None) -> bool:
    generation = whole_at(one.within("metadata", "generation"))
    return whole_at(observed) < generation


def moment(text: str) -> datetime | None:
    """A time as Kubernetes writes it; `None` if it is not a time or has no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _named(one: Field) -> Iterator[Item]:
    yield name_of(one)


def _space(one: Field) -> Iterator[Item]:
    yield name_of(one)
    uid = text_at(one.within("metadata", "uid"))
    if uid and name_of(one) == SYSTEM:
        yield ClusterId(uid=uid)


def apart(found: dict[str, list[Any]]) -> str:
    """The identity of the cluster among its namespaces in *found*, from which it is taken; empty if they do not say it."""
    spaces = found.get("namespaces", [])
    found["namespaces"] = [one for one in spaces if not isinstance(one, ClusterId)]
    return next((one.uid for one in spaces if isinstance(one, ClusterId)), "")


def _node(one: Field) -> Iterator[Item]:
    yield NodeSeen(
        name=name_of(one),
        conditions=tuple(
            Condition(kind=text_at(found.get("type")), status=text_at(found.get("status")))
            for found in items_of(one, "status", "conditions")
        ),
        schedulable=not true_at(one.within("spec", "unschedulable")),
        kernel=text_at(one.within("status", "nodeInfo", "kernelVersion")),
        kubelet=text_at(one.within("status", "nodeInfo", "kubeletVersion")),
        allocatable=_amounts(one.within("status", "allocatable")),
        mig_strategy=_label(one, "nvidia.com/mig.strategy"),
        mig_state=_label(one, "nvidia.com/mig.config.state"),
        gpu_product=_label(one, "nvidia.com/gpu.product"),
        capacity=_amounts(one.within("status", "capacity")),
        taints=tuple(
            Taint(key=text_at(found.get("key")), value=text_at(found.get("value")), effect=text_at(found.get("effect")))
            for found in items_of(one, "spec", "taints")
        ),
        os=text_at(one.within("status", "nodeInfo", "osImage")),
        gpu_count=_number(_label(one, "nvidia.com/gpu.count")),
        gpu_replicas=_number(_label(one, "nvidia.com/gpu.replicas")),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _lease(one: Field) -> Iterator[Item]:
    if namespace_of(one) == NODE_LEASES:
        yield Lease(
            node=name_of(one),
            renewed=moment(text_at(one.within("spec", "renewTime"))),
            duration=whole_at(one.within("spec", "leaseDurationSeconds")),
        )


def _pod(one: Field) -> Iterator[Item]:
    waiting = [
        text_at(found.within("state", "waiting", "reason"))
        for name in ("containerStatuses", "initContainerStatuses")
        for found in items_of(one, "status", name)
    ]
    images = [text_at(found.get("image")) for name in ("initContainers", "containers") for found in items_of(one, "spec", name)]
    yield PodSeen(
        namespace=namespace_of(one),
        name=name_of(one),
        images=tuple(dict.fromkeys(images)),
        waiting=tuple(sorted(set(filter(None, waiting)))),
        node=text_at(one.within("spec", "nodeName")),
        asks=tuple(_taken(one)),
    )


def _taken(one: Field) -> Iterator[Amount]:
    """The extended resources that a pod takes: of its containers and sidecars together, or of one init container if that is
    more (kubernetes.io, "Init containers", resource sharing).
    """
    running: dict[str, Decimal] = {}
    starting: dict[str, Decimal] = {}
    for name in ("containers", "initContainers"):
        for found in items_of(one, "spec", name):
            stays = name == "containers" or text_at(found.get("restartPolicy")) == "Always"
            asked = {**_asked(found, "limits"), **_asked(found, "requests")}
            for resource, amount in asked.items():
                if stays:
                    running[resource] = running.get(resource, Decimal(0)) + amount
                else:
                    starting[resource] = max(starting.get(resource, Decimal(0)), amount)
    for resource in sorted({*running, *starting}):
        most = max(running.get(resource, Decimal(0)), starting.get(resource, Decimal(0)))
        yield Amount(resource=resource, quantity=f"{most.normalize():f}")


def _asked(found: Field, name: str) -> dict[str, Decimal]:
    return {
        one.resource: quantity(one.quantity) or Decimal(0)
        for one in _amounts(found.within("resources", name))
        if "/" in one.resource
    }


def _deployment(one: Field) -> Iterator[Item]:
    yield ClusterWorkload(
        kind="Deployment",
        namespace=namespace_of(one),
        name=name_of(one),
        component=_label(one, "app.kubernetes.io/component"),
        wanted=whole_at(one.within("spec", "replicas"), 1),
        available=whole_at(one.within("status", "availableReplicas")),
        stale=_stale(one, one.within("status", "observedGeneration")),
    )


def _daemon_set(one: Field) -> Iterator[Item]:
    yield ClusterWorkload(
        kind="DaemonSet",
        namespace=namespace_of(one),
        name=name_of(one),
        component=_label(one, "app.kubernetes.io/component"),
        wanted=whole_at(one.within("status", "desiredNumberScheduled")),
        available=whole_at(one.within("status", "numberAvailable")),
        stale=_stale(one, one.within("status", "observedGeneration")),
    )


def _operator(one: Field) -> Iterator[Item]:
    yield OperatorSeen(name=name_of(one), state=text_at(one.within("status", "state")))


def _storage_class(one: Field) -> Iterator[Item]:
    default = text_at(one.within("metadata", "annotations", "storageclass.kubernetes.io/is-default-class"))
    yield StorageClassSeen(name=name_of(one), provisioner=text_at(one.get("provisioner")), default=default == "true")


def _csi_driver(one: Field) -> Iterator[Item]:
    yield CsiDriverSeen(name=name_of(one), capacity=true_at(one.within("spec", "storageCapacity")))


def _capacity(one: Field) -> Iterator[Item]:
    yield Capacity(
        storage_class=text_at(one.get("storageClassName")),
        free=text_at(one.get("capacity")),
        largest=text_at(one.get("maximumVolumeSize")),
    )


def _gateway_class(one: Field) -> Iterator[Item]:
    accepted, stale = "", False
    for found in items_of(one, "status", "conditions"):
        if text_at(found.get("type")) == "Accepted":
            accepted, stale = text_at(found.get("status")), _stale(one, found.get("observedGeneration"))
    controller = text_at(one.within("spec", "controllerName"))
    yield GatewayClassSeen(name=name_of(one), controller=controller, accepted=accepted, stale=stale)


def _endpoints(one: Field) -> Iterator[Item]:
    # An endpoint without the condition 'ready' counts as ready (discovery.k8s.io/v1, EndpointConditions).
    ready = sum(
        found.within("conditions", "ready") is None or true_at(found.within("conditions", "ready"))
        for found in one.items("endpoints")
    )
    yield Endpoints(namespace=namespace_of(one), service=_label(one, "kubernetes.io/service-name"), ready=ready)


def _webhooks(one: Field) -> Iterator[Item]:
    for found in one.items("webhooks"):
        yield WebhookSeen(
            configuration=name_of(one),
            name=text_at(found.get("name")),
            fails_closed=text_at(found.get("failurePolicy"), "Fail") != "Ignore",
            namespace=text_at(found.within("clientConfig", "service", "namespace")),
            service=text_at(found.within("clientConfig", "service", "name")),
        )


def _quota(one: Field) -> Iterator[Item]:
    used = {amount.resource: amount.quantity for amount in _amounts(one.within("status", "used"))}
    scoped = any(True for _ in items_of(one, "spec", "scopes")) or one.within("spec", "scopeSelector") is not None
    for hard in _amounts(one.within("status", "hard")):
        yield QuotaLine(
            namespace=namespace_of(one),
            quota=name_of(one),
            resource=hard.resource,
            hard=hard.quantity,
            used=used.get(hard.resource, ""),
            scoped=scoped,
        )


def _limits(one: Field) -> Iterator[Item]:
    for found in items_of(one, "spec", "limits"):
        least = {amount.resource: amount.quantity for amount in _amounts(found.get("min"))}
        most = {amount.resource: amount.quantity for amount in _amounts(found.get("max"))}
        for resource in sorted({*least, *most}):
            yield LimitLine(
                namespace=namespace_of(one),
                limits=name_of(one),
                kind=text_at(found.get("type")),
                resource=resource,
                least=least.get(resource, ""),
                most=most.get(resource, ""),
            )


def _account(one: Field) -> Iterator[Item]:
    secrets = tuple(text_at(found.get("name")) for found in one.items("imagePullSecrets"))
    yield AccountSeen(namespace=namespace_of(one), name=name_of(one), pull_secrets=secrets)


def _mirrored(one: Field) -> Iterator[Item]:
    for name in ("imageDigestMirrors", "imageTagMirrors"):
        for found in items_of(one, "spec", name):
            yield text_at(found.get("source"))


def _deprecated(one: Field) -> Iterator[Item]:
    yield DeprecatedApi(
        group=text_at(one.get("group")),
        version=text_at(one.get("version")),
        resource=text_at(one.get("resource")),
        removed=text_at(one.get("removed_release")),
    )


READERS: dict[str, tuple[str, Callable[[Field], Iterator[Item]]]] = {
    "namespaces": ("namespaces", _space),
    "nodes": ("nodes", _node),
    "leases.coordination.k8s.io": ("leases", _lease),
    "pods": ("pods", _pod),
    "deployments.apps": ("workloads", _deployment),
    "daemonsets.apps": ("workloads", _daemon_set),
    "clusterpolicies.nvidia.com": ("operators", _operator),
    "runtimeclasses.node.k8s.io": ("runtime_classes", _named),
    "storageclasses.storage.k8s.io": ("storage_classes", _storage_class),
    "csidrivers.storage.k8s.io": ("csi_drivers", _csi_driver),
    "csistoragecapacities.storage.k8s.io": ("capacities", _capacity),
    "gatewayclasses.gateway.networking.k8s.io": ("gateway_classes", _gateway_class),
    "endpointslices.discovery.k8s.io": ("endpoints", _endpoints),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": ("webhooks", _webhooks),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": ("webhooks", _webhooks),
    "resourcequotas": ("quotas", _quota),
    "limitranges": ("limits", _limits),
    "serviceaccounts": ("accounts", _account),
    "resourceslices.resource.k8s.io": ("slices", device_slice),
    "resourceclaims.resource.k8s.io": ("claims", device_claim),
    "devicetaintrules.resource.k8s.io": ("taint_rules", device_taint),
    "imagedigestmirrorsets.config.openshift.io": ("mirrored", _mirrored),
    "imagetagmirrorsets.config.openshift.io": ("mirrored", _mirrored),
    METRICS: ("deprecated", _deprecated),
}
"""For every list: the field of `arcops.seen.cluster.Cluster` that it fills, and how an item is read."""
