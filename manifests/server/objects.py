"""All objects of a server, in the order in which they are applied: what limits the pods before the pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from manifests.objects import Json, KubeObject, inner, kube_object, text_of
from manifests.server.names import (
    DIGEST_ANNOTATION,
    OWNER_ANNOTATION,
    RELAY_PORT,
    SAME_SECRETS_ANNOTATION,
    SETTINGS_ANNOTATION,
    labels,
    metadata,
    selector,
)
from manifests.server.network import network_objects
from manifests.server.plan import ServerPlan
from manifests.server.pods import digest_of, pod_template

_AFFINITY_SECONDS = 10_800


def server_objects(plan: ServerPlan) -> tuple[KubeObject, ...]:
    """The objects of *plan*. Equal plans give equal bytes."""
    return tuple(_owned(one, plan) for one in _objects(plan))


def _objects(plan: ServerPlan) -> Iterator[Mapping[str, Json]]:
    yield from network_objects(plan)
    if not plan.spec.service_account:
        yield {**_named(plan, "v1", "ServiceAccount"), "automountServiceAccountToken": False}
    yield {**_named(plan, "v1", "ConfigMap"), "data": {"sidecar.json": plan.config, "keys.json": plan.keys}}
    yield _service(plan)
    if replicas(plan) > 1:
        spec: Json = {"maxUnavailable": 1, "selector": _selected(plan), "unhealthyPodEvictionPolicy": "AlwaysAllow"}
        yield {**_named(plan, "policy/v1", "PodDisruptionBudget"), "spec": spec}
    yield _deployment(plan)
    if plan.scale_to:
        yield _autoscaler(plan)


def replicas(plan: ServerPlan) -> int:
    """How many replicas there are at least."""
    return 1 if plan.spec.replicas is None else plan.spec.replicas


def _named(plan: ServerPlan, api_version: str, kind: str) -> dict[str, Json]:
    of = metadata(plan.name, plan.namespace, labels(plan.name, plan.owner.kind))
    return {"apiVersion": api_version, "kind": kind, "metadata": of}


def _selected(plan: ServerPlan) -> Json:
    return {"matchLabels": selector(plan.name, plan.owner.kind)}


def _service(plan: ServerPlan) -> dict[str, Json]:
    spec: dict[str, Json] = {
        "selector": selector(plan.name, plan.owner.kind),
        "ports": [{"name": "mcp", "port": plan.spec.port, "targetPort": RELAY_PORT, "protocol": "TCP"}],
        "type": "ClusterIP",
    }
    if (replicas(plan) > 1 or plan.scale_to) and not plan.stateless:
        spec["sessionAffinity"] = "ClientIP"
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _AFFINITY_SECONDS}}
    return {**_named(plan, "v1", "Service"), "spec": spec}


def _deployment(plan: ServerPlan) -> dict[str, Json]:
    spec: dict[str, Json] = {
        "selector": _selected(plan),
        "template": pod_template(plan),
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "minReadySeconds": 2,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 300,
    }
    if not plan.scale_to:
        spec["replicas"] = replicas(plan)
    return {**_named(plan, "apps/v1", "Deployment"), "spec": spec}


def _autoscaler(plan: ServerPlan) -> dict[str, Json]:
    target: Json = {"type": "Utilization", "averageUtilization": 70}
    spec: Json = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": plan.name},
        "minReplicas": max(1, replicas(plan)),
        "maxReplicas": plan.scale_to,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return {**_named(plan, "autoscaling/v2", "HorizontalPodAutoscaler"), "spec": spec}


def _owned(value: Mapping[str, Json], plan: ServerPlan) -> KubeObject:
    """*value* with its labels, its owner, and the digest of what is applied.

    An object in another namespace, or of the whole cluster, cannot have an owner in a namespace: it is marked instead.
    """
    owner = plan.owner
    reference: Json = {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    marked = _with_metadata(value, labels=labels(plan.name, owner.kind))
    notes: dict[str, Json] = {}
    if inner(value, "metadata", "namespace") == plan.namespace:
        marked = _with_metadata(marked, ownerReferences=[reference])
    else:
        notes[OWNER_ANNOTATION] = owner.uid
    if value["kind"] == "Deployment":
        notes[SETTINGS_ANNOTATION] = plan.settings
        if plan.same_secrets:
            notes[SAME_SECRETS_ANNOTATION] = plan.same_secrets
    noted = {**notes, DIGEST_ANNOTATION: digest_of(text_of({**marked, "annotations": notes}))}
    return kube_object(_with_metadata(marked, annotations=noted))


def _with_metadata(value: Mapping[str, Json], **more: Json) -> dict[str, Json]:
    of = value.get("metadata")
    return {**value, "metadata": {**(of if isinstance(of, Mapping) else {}), **more}}
