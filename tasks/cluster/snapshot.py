"""What a cluster says about its readiness, saved as a folder: one file for each list, and an index of which were read, when.

It only lists objects, page by page, with the rights of the role ``arcops-cluster-reader``. It reads no secret, no config map.
Of other objects it keeps only the fields that are judged: no environment, no command, no annotation.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from arcops.errors import Broken, Unavailable
from foundation.egress.cluster import ApiServer, NotGiven
from tasks.kubernetes.listing import ApiResource, Object, Saved, asked, cluster_of, listed

INDEX = "cluster.json"
VERSION, METRICS = "version", "deprecated-apis"
LISTED, ABSENT, REFUSED = "listed", "absent", "refused"
NODE_LEASES = "kube-node-lease"

_ADMISSION, _STORAGE, _OPENSHIFT = "admissionregistration.k8s.io/v1", "storage.k8s.io/v1", "config.openshift.io/v1"
_DEVICES = "resource.k8s.io/v1"
RESOURCES = (
    ApiResource(version="v1", kind="Namespace", plural="namespaces"),
    ApiResource(version="v1", kind="Node", plural="nodes"),
    ApiResource(
        version="coordination.k8s.io/v1",
        kind="Lease",
        plural="leases",
        query=(("fieldSelector", f"metadata.namespace={NODE_LEASES}"),),
    ),
    ApiResource(
        version="v1",
        kind="Pod",
        plural="pods",
        query=(("fieldSelector", "status.phase!=Succeeded,status.phase!=Failed"),),
    ),
    ApiResource(version="apps/v1", kind="Deployment", plural="deployments"),
    ApiResource(version="apps/v1", kind="DaemonSet", plural="daemonsets"),
    ApiResource(version="nvidia.com/v1", kind="ClusterPolicy", plural="clusterpolicies"),
    ApiResource(version="node.k8s.io/v1", kind="RuntimeClass", plural="runtimeclasses"),
    ApiResource(version=_STORAGE, kind="StorageClass", plural="storageclasses"),
    ApiResource(version=_STORAGE, kind="CSIDriver", plural="csidrivers"),
    ApiResource(version=_STORAGE, kind="CSIStorageCapacity", plural="csistoragecapacities"),
    ApiResource(version="gateway.networking.k8s.io/v1", kind="GatewayClass", plural="gatewayclasses"),
    ApiResource(version="discovery.k8s.io/v1", kind="EndpointSlice", plural="endpointslices"),
    ApiResource(version=_ADMISSION, kind="ValidatingWebhookConfiguration", plural="validatingwebhookconfigurations"),
    ApiResource(version=_ADMISSION, kind="MutatingWebhookConfiguration", plural="mutatingwebhookconfigurations"),
    ApiResource(version="v1", kind="ResourceQuota", plural="resourcequotas"),
    ApiResource(version="v1", kind="LimitRange", plural="limitranges"),
    ApiResource(version="v1", kind="ServiceAccount", plural="serviceaccounts"),
    ApiResource(version=_DEVICES, kind="ResourceSlice", plural="resourceslices", otherwise="resource.k8s.io/v1beta1"),
    ApiResource(version=_DEVICES, kind="ResourceClaim", plural="resourceclaims", otherwise="resource.k8s.io/v1beta1"),
    ApiResource(
        version="resource.k8s.io/v1beta2",
        kind="DeviceTaintRule",
        plural="devicetaintrules",
        otherwise="resource.k8s.io/v1alpha3",
    ),
    ApiResource(version=_OPENSHIFT, kind="ImageDigestMirrorSet", plural="imagedigestmirrorsets"),
    ApiResource(version=_OPENSHIFT, kind="ImageTagMirrorSet", plural="imagetagmirrorsets"),
)
"""What is listed."""
OPTIONAL = frozenset(
    one.title
    for one in RESOURCES
    if one.group in ("nvidia.com", "gateway.networking.k8s.io", "config.openshift.io", "resource.k8s.io")
)
"""Kinds that a cluster may not serve; then it has no such object. Every API server serves the others."""

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_KEPT: dict[str, tuple[str, ...]] = {
    "Node": (
        "spec.unschedulable",
        *(f"spec.taints[].{name}" for name in ("key", "value", "effect")),
        "status.conditions[].type",
        "status.conditions[].status",
        "status.allocatable",
        "status.capacity",
        "status.nodeInfo.osImage",
        "status.nodeInfo.kernelVersion",
        "status.nodeInfo.kubeletVersion",
    ),
    "Lease": ("spec.holderIdentity", "spec.renewTime", "spec.leaseDurationSeconds"),
    "Pod": (
        "spec.nodeName",
        *(
            f"spec.{name}[].{part}"
            for name in ("containers", "initContainers")
            for part in ("image", "restartPolicy", "resources.requests", "resources.limits")
        ),
        *(f"status.{name}[].state.waiting.reason" for name in ("containerStatuses", "initContainerStatuses")),
    ),
    "Deployment": ("spec.replicas", "status.availableReplicas", "status.observedGeneration"),
    "DaemonSet": ("status.desiredNumberScheduled", "status.numberAvailable", "status.observedGeneration"),
    "ClusterPolicy": ("status.state",),
    "RuntimeClass": ("handler",),
    "StorageClass": ("provisioner",),
    "CSIDriver": ("spec.storageCapacity",),
    "CSIStorageCapacity": ("storageClassName", "capacity", "maximumVolumeSize"),
    "GatewayClass": (
        "spec.controllerName",
        *(f"status.conditions[].{name}" for name in ("type", "status", "observedGeneration")),
    ),
    "EndpointSlice": ("endpoints[].conditions.ready",),
    **dict.fromkeys(
        ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"),
        (
            "webhooks[].name",
            "webhooks[].failurePolicy",
            "webhooks[].clientConfig.service.namespace",
            "webhooks[].clientConfig.service.name",
        ),
    ),
    "ResourceQuota": ("spec.scopes", "spec.scopeSelector", "status.hard", "status.used"),
    "LimitRange": tuple(f"spec.limits[].{name}" for name in ("type", "max", "min")),
    "ServiceAccount": ("imagePullSecrets[].name",),
    "ResourceSlice": (
        "spec.driver",
        "spec.nodeName",
        "spec.pool.name",
        "spec.pool.generation",
        "spec.pool.resourceSliceCount",
        "spec.devices[].name",
        *(f"spec.devices[].{at}attributes.{name}.string" for at in ("", "basic.") for name in ("type", "uuid", "parentUUID")),
        *(f"spec.devices[].{at}taints[].effect" for at in ("", "basic.")),
    ),
    "ResourceClaim": tuple(
        f"status.allocation.devices.results[].{name}" for name in ("driver", "pool", "device", "adminAccess")
    ),
    "DeviceTaintRule": (
        *(f"spec.deviceSelector.{name}" for name in ("driver", "pool", "device")),
        "spec.taint.effect",
    ),
    "ImageDigestMirrorSet": ("spec.imageDigestMirrors[].source",),
    "ImageTagMirrorSet": ("spec.imageTagMirrors[].source",),
}
"""The fields that are judged, for each kind, in addition to name, namespace and labels."""
_LABELS = (
    "app.kubernetes.io/component",
    "kubernetes.io/service-name",
    "nvidia.com/mig.strategy",
    "nvidia.com/mig.config.state",
    "nvidia.com/gpu.product",
    "nvidia.com/gpu.count",
    "nvidia.com/gpu.replicas",
)

MOST_SECONDS = 300.0
"""The time limit for one snapshot. The index names what was not asked for by then as not seen."""

_DEPRECATED = re.compile(r"apiserver_requested_deprecated_apis\{([^}]*)\} ([0-9.e+]+)")
_PAIR = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def snapshot(client: ApiServer, tick: Callable[[], None]) -> Iterator[Saved]:
    """One file for every list that the cluster gave, and the index.

    **tick* is called before every request and may raise. Raises `Unavailable` if the API server does not answer at all. If it
    stops answering, it is not asked again: what it gave is kept, and the rest is named as not seen.
    """
    look = _Look(client=client, tick=tick)
    entries: list[Object] = []
    version, entry = look.at(VERSION, lambda: asked(client, "/version", [], "object"))
    entry["release"] = version.get("gitVersion", "") if isinstance(version, dict) else ""
    entries.append(entry)
    for resource in RESOURCES:
        items, entry = look.at(resource.title, partial(_list, client, resource, tick), optional=resource.title in OPTIONAL)
        entries.append(entry)
        if entry["state"] == LISTED:
            yield Saved(name=f"{resource.title}.json", text=_text(items))
        elif entry["state"] == REFUSED:
            yield Saved(name=f"{resource.title}.json", text=_text([]), missing=f"{resource.title}: {entry['why']}")
    metrics, entry = look.at(METRICS, lambda: asked(client, "/metrics", [], "str"))
    entries.append(entry)
    yield Saved(
        name=f"{METRICS}.json",
        text=_text(_requested(metrics if isinstance(metrics, str) else "")),
        missing="" if entry["state"] == LISTED else f"{METRICS}: {entry['why']}",
    )
    index = {"apiVersion": "arcops.dev/v1", "kind": "ClusterSnapshot", "lists": entries}
    yield Saved(name=INDEX, text=json.dumps(index, indent=1, sort_keys=True) + "\n")


@dataclass(slots=True)
class _Look:
    """One pass over a cluster. ``ended`` says why no more is asked; empty until then."""

    client: ApiServer
    tick: Callable[[], None]
    until: float = field(default_factory=lambda: time.monotonic() + MOST_SECONDS)
    answered: bool = False
    ended: str = ""

    def at(self, title: str, ask: Callable[[], tuple[Any, Mapping[str, str]]], *, optional: bool = False) -> tuple[Any, Object]:
        """What *ask* gives, and the entry of the index with its outcome."""
        self.tick()
        if not self.ended and time.monotonic() > self.until:
            self.ended = f"the snapshot took longer than {MOST_SECONDS:g} s"
        if self.ended:
            return None, {"title": title, "state": REFUSED, "why": f"it was not requested, because {self.ended}"}
        try:
            data, headers = ask()
        except NotGiven as error:
            self.answered = True
            return None, _refused(title, error.status, error.reason, optional=optional)
        except Unavailable as error:
            if not self.answered:
                raise
            self.ended = str(error)
            return None, {"title": title, "state": REFUSED, "why": self.ended}
        self.answered = True
        return data, {"title": title, "state": LISTED, "served": _date(headers)}


def _list(client: ApiServer, resource: ApiResource, tick: Callable[[], None]) -> tuple[list[Object], Mapping[str, str]]:
    """The items, and the headers of the first page of the completed list."""
    served: list[Mapping[str, str]] = []
    try:
        items = listed(client, resource, tick, pruned=_pruned, heard=served.append)
    except NotGiven as error:
        if error.status != 404 or not resource.otherwise:
            raise
        older = replace(resource, version=resource.otherwise, otherwise="")
        items = listed(client, older, tick, pruned=_pruned, heard=served.append)
    return items, served[-1]


def _refused(title: str, status: int, reason: str, *, optional: bool) -> Object:
    why = f"the API server answers {status} {reason}"
    return {"title": title, "state": ABSENT if optional and status == 404 else REFUSED, "why": why}


def _date(headers: Mapping[str, str]) -> str:
    """The server's clock; empty if it does not say. Its resolution is one second."""
    try:
        found = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return ""
    return _utc(found)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _pruned(item: Object, resource: ApiResource) -> Object:
    metadata = item.get("metadata") or {}
    kept: Object = {key: metadata[key] for key in ("name", "namespace", "generation") if metadata.get(key)}
    kept |= cluster_of(metadata, resource)
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key in _LABELS}
    annotations = metadata.get("annotations") or {}
    if labels:
        kept["labels"] = labels
    if resource.kind == "StorageClass" and _DEFAULT_CLASS in annotations:
        kept["annotations"] = {_DEFAULT_CLASS: annotations[_DEFAULT_CLASS]}
    if resource.kind not in _KEPT and resource.kind != "Namespace":
        raise Broken(f"no list says which fields of a {resource.kind} are kept")
    found: Object = {"apiVersion": resource.version, "kind": resource.kind, "metadata": kept}
    return {**found, **_picked(item, [path.split(".") for path in _KEPT.get(resource.kind, ())])}


def _picked(value: Mapping[str, Any], paths: list[list[str]]) -> Object:
    """Only those fields of *value* that *paths* name; ``name[]`` goes through a list. A field of another form is left out."""
    found: Object = {}
    for first in dict.fromkeys(path[0] for path in paths):
        name = first.removesuffix("[]")
        inner, rest = value.get(name), [path[1:] for path in paths if path[0] == first]
        if inner is None:
            continue
        if first.endswith("[]"):
            found[name] = [_picked(one, rest) for one in inner]
        elif [] in rest:
            found[name] = inner
        else:
            found[name] = _picked(inner, rest)
    return found


def _requested(metrics: str) -> list[Object]:
    """The deprecated APIs that clients requested, from the metrics; the value 1 marks one."""
    found = []
    for labels, value in _DEPRECATED.findall(metrics):
        pairs = dict(_PAIR.findall(labels))
        if float(value) > 0:
            found.append({name: pairs.get(name, "") for name in ("group", "version", "resource", "removed_release")})
    return sorted(found, key=lambda one: tuple(one.values()))


def _text(items: list[Object]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
