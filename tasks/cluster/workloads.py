"""Workloads in a manifest or in an AdmissionReview (Kubernetes ``admission.k8s.io/v1``), and the models that they name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.workloads import ANNOTATION, Workloads, WorkloadSeen
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from foundation.strict_yaml import JSON, load_all

_MOST_BYTES = 16 * 1024 * 1024
_MOST_JSON = 3 * 1024 * 1024
"""The most bytes of JSON that are parsed at once: what an API server may send. Larger input is parsed value by value."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
# The path of the pod's metadata in each kind that runs pods (Kubernetes API reference, workload resources), by API group.
POD_AT: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}
# Kinds of Kubernetes itself that run nothing, by API group (Kubernetes API reference 1.34). A kind that is in neither list
# may run pods in a way that is not known here: operators create pods from objects of their own kinds.
_INERT: dict[str, frozenset[str]] = {
    "": frozenset(
        [
            "Namespace",
            "Service",
            "ConfigMap",
            "Secret",
            "ServiceAccount",
            "Endpoints",
            "LimitRange",
            "ResourceQuota",
            "Event",
            "PersistentVolume",
            "PersistentVolumeClaim",
        ]
    ),
    "apps": frozenset({"ControllerRevision"}),
    "autoscaling": frozenset({"HorizontalPodAutoscaler"}),
    "coordination.k8s.io": frozenset({"Lease"}),
    "discovery.k8s.io": frozenset({"EndpointSlice"}),
    "gateway.networking.k8s.io": frozenset(
        [
            "GatewayClass",
            "Gateway",
            "HTTPRoute",
            "GRPCRoute",
            "TLSRoute",
            "TCPRoute",
            "UDPRoute",
            "ReferenceGrant",
            "BackendTLSPolicy",
        ]
    ),
    "networking.k8s.io": frozenset(["NetworkPolicy", "Ingress", "IngressClass"]),
    "node.k8s.io": frozenset({"RuntimeClass"}),
    "policy": frozenset({"PodDisruptionBudget"}),
    "rbac.authorization.k8s.io": frozenset(["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]),
    "scheduling.k8s.io": frozenset({"PriorityClass"}),
    "storage.k8s.io": frozenset(["StorageClass", "CSIDriver", "CSINode", "VolumeAttachment"]),
}
_DOMAIN = b"arcops.dev/digests/workload/v1\n"
"""A prefix of the hashed bytes, so that no manifest has the digest of a model."""


@collector("workloads", Workloads, version="2")
def workloads(request: Request, seen: Seen) -> Sighting[Workloads]:
    """Read the manifest at the target. Raises `Refused` if it is not a manifest or holds nothing that runs."""
    data = read_file(request.target, _MOST_BYTES, within=request.within)
    running: list[WorkloadSeen] = []
    others: list[str] = []
    for found in _objects(_documents(data, str(request.target)), str(request.target)):
        group, kind = _group(found), str(found["kind"])
        if (group, kind) in POD_AT:
            running.append(_workload(group, kind, found))
        elif kind in _INERT.get(group, ()):
            others.append(_name(kind, found))
        else:
            running.append(WorkloadSeen(name=_name(kind, found), problem=_unknown(group, kind)))
    if not running:
        raise Refused(f"{request.target} holds no object that runs pods, so there is nothing to admit or refuse")
    sha256 = hashlib.sha256(_DOMAIN + data).hexdigest()
    return Sighting(body=Workloads(sha256=sha256, workloads=tuple(running), others=tuple(others)))


def _documents(data: bytes, where: str) -> list[JSON]:
    """Every document in *data*. What API servers send is JSON, which is read two hundred times faster than the same as YAML."""
    if len(data) <= _MOST_JSON and data.lstrip()[:1] == b"{":
        with suppress(Refused):
            return [cast(JSON, strict_json(data, where))]
    return load_all(data, what=where)


def _objects(documents: list[JSON], where: str) -> Iterator[dict[str, JSON]]:
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
            raise Refused(f"{where} holds a document that is not a Kubernetes object: it has no kind")
        kind = str(document["kind"])
        if kind == "AdmissionReview":
            asked = document.get("request")
            yield from _objects([asked.get("object") if isinstance(asked, dict) else {}], where)
        elif _lists(document):
            items = document.get("items")
            yield from _objects(items if isinstance(items, list) else [], where)
        else:
            yield document


def _group(found: dict[str, JSON]) -> str:
    """The API group of an object; the core group is empty."""
    version = found.get("apiVersion")
    return version.rpartition("/")[0] if isinstance(version, str) else ""


def _lists(found: dict[str, JSON]) -> bool:
    """Is this one of Kubernetes' own lists, whose items are the objects? The name of another kind may end in List, too."""
    group, kind = _group(found), str(found["kind"])
    item = kind.removesuffix("List")
    return (kind == "List" and not group) or (item != kind and ((group, item) in POD_AT or item in _INERT.get(group, ())))


def _unknown(group: str, kind: str) -> str:
    full = f"{kind}.{group}" if group else kind
    return (
        f"ArcOps does not know which pods an object of kind {full[:100]} runs, so their models are unknown; put the object"
        " into another manifest; its pods are judged when they are created"
    )


def _workload(group: str, kind: str, found: dict[str, JSON]) -> WorkloadSeen:
    pod: JSON = found
    for step in POD_AT[group, kind]:
        pod = pod.get(step) if isinstance(pod, dict) else None
    name = _name(kind, found)
    metadata = pod.get("metadata") if isinstance(pod, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    if not isinstance(text, str) or not text.strip():
        return WorkloadSeen(name=name, problem=f"its pods have no annotation {ANNOTATION}")
    models = tuple(part.strip() for part in text.split(","))
    wrong = next((model for model in models if not _DIGEST.match(model)), None)
    if wrong is not None:
        return WorkloadSeen(name=name, problem=f"its annotation {ANNOTATION} is {wrong[:80]!r}, which is not a sha256 digest")
    return WorkloadSeen(name=name, models=models)


def _name(kind: str, found: dict[str, JSON]) -> str:
    metadata = found.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    name = str(named.get("name") or named.get("generateName") or "?")
    return f"{kind} {named.get('namespace') or 'default'}/{name}"
