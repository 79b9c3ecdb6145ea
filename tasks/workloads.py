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
"""Bytes of JSON that are read at once: what an API server may send. More goes the slow way, which counts values."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
# Where the pod's metadata lies in each kind that runs pods (Kubernetes API reference, workload resources).
_POD_AT: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@collector(Workloads, version="1")
def workloads(request: Request, seen: Seen) -> Sighting[Workloads]:
    """Read the manifest at the target. Raises `Refused` where it is no manifest or holds nothing that runs."""
    data = read_file(request.target, _MOST_BYTES, within=request.within)
    running: list[WorkloadSeen] = []
    others: list[str] = []
    for found in _objects(_documents(data, str(request.target)), str(request.target)):
        kind = str(found.get("kind", ""))
        if kind in _POD_AT:
            running.append(_workload(kind, found))
        else:
            others.append(_name(kind, found))
    if not running:
        raise Refused(f"{request.target} holds no object that runs pods, so there is nothing to admit or refuse")
    sha256 = hashlib.sha256(data).hexdigest()
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
            raise Refused(f"{where} holds a document that is no Kubernetes object: it has no kind")
        kind = str(document["kind"])
        if kind == "AdmissionReview":
            asked = document.get("request")
            yield from _objects([asked.get("object") if isinstance(asked, dict) else {}], where)
        elif kind.endswith("List") and isinstance(items := document.get("items"), list):
            yield from _objects(items, where)
        else:
            yield document


def _workload(kind: str, found: dict[str, JSON]) -> WorkloadSeen:
    pod: JSON = found
    for step in _POD_AT[kind]:
        pod = pod.get(step) if isinstance(pod, dict) else None
    name = _name(kind, found)
    metadata = pod.get("metadata") if isinstance(pod, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    if not isinstance(text, str) or not text.strip():
        return WorkloadSeen(name=name, problem=f"its pods carry no annotation {ANNOTATION}")
    models = tuple(part.strip() for part in text.split(","))
    wrong = next((model for model in models if not _DIGEST.match(model)), None)
    if wrong is not None:
        return WorkloadSeen(name=name, problem=f"its annotation {ANNOTATION} holds {wrong[:80]!r}, which is no sha256 digest")
    return WorkloadSeen(name=name, models=models)


def _name(kind: str, found: dict[str, JSON]) -> str:
    metadata = found.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    name = str(named.get("name") or named.get("generateName") or "?")
    return f"{kind} {named.get('namespace') or 'default'}/{name}"
