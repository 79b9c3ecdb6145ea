"""The controllers of Deployments, ReplicaSets and EndpointSlices, as far as an operator depends on them."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import math
import random
import string
import uuid
from typing import TYPE_CHECKING, Any

from tests.simulators.kube import defaults
from tests.simulators.kube.selecting import meets
from tests.simulators.kube.store import Change, Held
from tests.simulators.kube.writing import now

if TYPE_CHECKING:
    from tests.simulators.kube.api import Api

DEPLOYMENTS, SETS, PODS, SERVICES = "deployments.apps", "replicasets.apps", "pods", "services"
SLICES = "endpointslices.discovery.k8s.io"


class Workloads:
    """Keeps ReplicaSets, pods and slices. With ``instant`` there are no pods: a Deployment is ready as soon as it is there, and
    each Service leads to 127.0.0.1.
    """

    def __init__(self, api: Api, *, instant: bool = False) -> None:
        self._api, self._instant = api, instant
        self._due: set[tuple[str, str, str]] = set()
        self.rolls = 0
        api.store.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        obj = (change.after or change.before).obj
        meta = obj["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        if change.resource in (DEPLOYMENTS, SETS, SERVICES) and change.after is not None:
            self._later(change.resource, namespace, name)
        if self._instant:
            return
        if change.resource in (SETS, PODS):
            for one in meta.get("ownerReferences") or ():
                if one["kind"] in ("ReplicaSet", "Deployment"):
                    self._later(SETS if one["kind"] == "ReplicaSet" else DEPLOYMENTS, namespace, one["name"])
        if change.resource == PODS:
            for (place, service), _ in self._api.store.of(SERVICES).items():
                if place == namespace:
                    self._later(SERVICES, place, service)

    def _later(self, resource: str, namespace: str, name: str) -> None:
        key = (resource, namespace, name)
        if key not in self._due:
            self._due.add(key)
            asyncio.get_running_loop().call_soon(self._sync, key)

    def _sync(self, key: tuple[str, str, str]) -> None:
        self._due.discard(key)
        resource, namespace, name = key
        held = self._api.store.get(resource, namespace, name)
        if held is None or held.obj["metadata"].get("deletionTimestamp"):
            return
        if resource == DEPLOYMENTS:
            (self._at_once if self._instant else self._deployment)(held)
        elif resource == SETS:
            self._set(held)
        else:
            self._service(held)

    def _at_once(self, held: Held) -> None:
        meta, wanted = held.obj["metadata"], held.obj["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), wanted)
        self._status(DEPLOYMENTS, held, {"observedGeneration": meta["generation"], **counts})

    def _status(self, resource: str, held: Held, status: dict[str, Any], annotations: dict[str, str] | None = None) -> None:
        before = held.obj.get("status") or {}
        meta = held.obj["metadata"]
        more = {**(meta.get("annotations") or {}), **(annotations or {})}
        if before == status and more == (meta.get("annotations") or {}):
            return
        changed = {**meta, "annotations": more} if more else meta
        self._api.store.put(resource, {**held.obj, "metadata": changed, "status": status}, held.owners)

    def _owned(self, resource: str, owner: dict[str, Any]) -> list[Held]:
        meta = owner["metadata"]
        return [
            held
            for (namespace, _), held in self._api.store.of(resource).items()
            if namespace == meta["namespace"]
            and any(one["uid"] == meta["uid"] for one in held.obj["metadata"].get("ownerReferences") or ())
        ]

    def _create(self, resource: str, obj: dict[str, Any]) -> None:
        obj["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=now(), generation=1)
        made = copy.deepcopy(obj)
        defaults.put_in(resource, made, "")
        self._api.store.put(resource, made, [])

    def _deployment(self, held: Held) -> None:
        obj = held.obj
        spec, meta = obj["spec"], obj["metadata"]
        template = spec["template"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        sets = self._owned(SETS, obj)
        new = next((one for one in sets if one.obj["metadata"]["labels"].get("pod-template-hash") == digest), None)
        wanted = spec["replicas"]
        revision = 1 + max(
            (int(one.obj["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) for one in sets), default=0
        )
        if new is None:
            self.rolls += 1
            labelled = copy.deepcopy(template)
            labels = labelled.setdefault("metadata", {}).setdefault("labels", {})
            labels["pod-template-hash"] = digest
            selector = {"matchLabels": {**(spec["selector"].get("matchLabels") or {}), "pod-template-hash": digest}}
            self._create(
                SETS,
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "metadata": {
                        "name": f"{meta['name']}-{digest}",
                        "namespace": meta["namespace"],
                        "labels": labels,
                        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
                        "ownerReferences": [_reference(obj)],
                    },
                    "spec": {"replicas": 0 if sets else wanted, "selector": selector, "template": labelled},
                },
            )
            sets = self._owned(SETS, obj)
            new = next(one for one in sets if one.obj["metadata"]["labels"].get("pod-template-hash") == digest)
        rolling = spec["strategy"].get("rollingUpdate") or {}
        surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
        missing = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
        if not surge and not missing:
            missing = 1
        old = [one for one in sets if one is not new]
        olds = sum(one.obj["spec"]["replicas"] for one in old)
        size = (
            min(wanted, max(0, wanted + surge - olds))
            if spec["strategy"]["type"] == "RollingUpdate"
            else (0 if olds else wanted)
        )
        self._resize(new, max(size, min(new.obj["spec"]["replicas"], wanted)))
        available = sum((one.obj.get("status") or {}).get("availableReplicas", 0) for one in sets)
        spare = max(0, available - (wanted - missing)) if spec["strategy"]["type"] == "RollingUpdate" else olds
        for one in sorted(old, key=lambda each: each.obj["metadata"]["creationTimestamp"]):
            have = one.obj["spec"]["replicas"]
            unready = have - (one.obj.get("status") or {}).get("availableReplicas", 0)
            less = min(have, max(0, unready) + spare)
            spare -= max(0, less - max(0, unready))
            if less:
                self._resize(one, have - less)
        sets = self._owned(SETS, obj)
        fresh = next(one for one in sets if one.obj["metadata"]["name"] == new.obj["metadata"]["name"])
        counts = fresh.obj.get("status") or {}
        everything = [one.obj.get("status") or {} for one in sets]
        status: dict[str, Any] = {
            "observedGeneration": meta["generation"],
            "replicas": sum(one.get("replicas", 0) for one in everything),
            "updatedReplicas": counts.get("replicas", 0),
            "readyReplicas": sum(one.get("readyReplicas", 0) for one in everything),
            "availableReplicas": sum(one.get("availableReplicas", 0) for one in everything),
        }
        status["unavailableReplicas"] = max(0, wanted - status["availableReplicas"])
        good = status["availableReplicas"] >= wanted - missing
        status["conditions"] = [{"type": "Available", "status": "True" if good else "False", "reason": "MinimumReplicas"}]
        current = next(
            one.obj["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
            for one in sets
            if one.obj["metadata"]["name"] == new.obj["metadata"]["name"]
        )
        self._status(DEPLOYMENTS, self._api.store.get(DEPLOYMENTS, meta["namespace"], meta["name"]) or held,
                     {name: one for name, one in status.items() if one or name == "observedGeneration"},
                     {"deployment.kubernetes.io/revision": current})  # fmt: skip

    def _resize(self, held: Held, replicas: int) -> None:
        if held.obj["spec"]["replicas"] != replicas:
            obj = copy.deepcopy(held.obj)
            obj["spec"]["replicas"] = replicas
            obj["metadata"]["generation"] += 1
            self._api.store.put(SETS, obj, held.owners)

    def _set(self, held: Held) -> None:
        obj = held.obj
        pods = self._owned(PODS, obj)
        live = [
            one
            for one in pods
            if not one.obj["metadata"].get("deletionTimestamp")
            and one.obj["status"].get("phase") not in ("Failed", "Succeeded")
        ]
        wanted = obj["spec"]["replicas"]
        for _ in range(wanted - len(live)):
            template = copy.deepcopy(obj["spec"]["template"])
            letters = "".join(random.choices(string.ascii_lowercase, k=5))  # noqa: S311
            meta = template.setdefault("metadata", {})
            meta.update(
                name=f"{obj['metadata']['name']}-{letters}",
                namespace=obj["metadata"]["namespace"],
                ownerReferences=[_reference(obj)],
            )
            template["spec"]["nodeName"] = "node-1"
            self._create(PODS, {"apiVersion": "v1", "kind": "Pod", **template})
        if len(live) > wanted:
            kind = self._api.kinds["", "pods"]
            for one in sorted(live, key=lambda each: (is_ready(each.obj), each.obj["metadata"]["creationTimestamp"]))[
                : len(live) - wanted
            ]:
                self._api.writing.delete(kind, one.obj["metadata"]["namespace"], one.obj["metadata"]["name"])
        left = [one for one in self._owned(PODS, obj) if not one.obj["metadata"].get("deletionTimestamp")]
        ready = sum(1 for one in left if is_ready(one.obj))
        status = {
            "observedGeneration": obj["metadata"]["generation"],
            "replicas": len(left),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        fresh = self._api.store.get(SETS, obj["metadata"]["namespace"], obj["metadata"]["name"])
        if fresh is not None:
            self._status(SETS, fresh, status)

    def _service(self, held: Held) -> None:
        meta, spec = held.obj["metadata"], held.obj["spec"]
        if not spec.get("selector"):
            return
        ends: list[dict[str, Any]] = []
        if self._instant:
            ends.append({"addresses": ["127.0.0.1"], "conditions": {"ready": True, "serving": True, "terminating": False}})
        for (namespace, _), pod in sorted(self._api.store.of(PODS).items()):
            if namespace == meta["namespace"] and meets(
                pod.obj["metadata"].get("labels") or {}, {"matchLabels": spec["selector"]}
            ):
                address = pod.obj["status"].get("podIP")
                if address:
                    ending = bool(pod.obj["metadata"].get("deletionTimestamp"))
                    ready = is_ready(pod.obj)
                    ends.append(
                        {
                            "addresses": [address],
                            "conditions": {"ready": ready and not ending, "serving": ready, "terminating": ending},
                            "targetRef": {"kind": "Pod", "name": pod.obj["metadata"]["name"], "namespace": namespace},
                        }
                    )
        ports = [{"name": one.get("name", ""), "port": one["targetPort"], "protocol": one["protocol"]} for one in spec["ports"]]
        labels = {
            **(meta.get("labels") or {}),
            "kubernetes.io/service-name": meta["name"],
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        }
        before = self._api.store.get(SLICES, meta["namespace"], f"{meta['name']}-sim")
        made = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{meta['name']}-sim",
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [_reference(held.obj)],
            },
            "addressType": "IPv4",
            "endpoints": ends,
            "ports": ports,
        }
        if before is None:
            self._create(SLICES, made)
        elif (before.obj["endpoints"], before.obj["ports"], before.obj["metadata"]["labels"]) != (ends, ports, labels):
            self._api.store.put(SLICES, {**made, "metadata": {**before.obj["metadata"], "labels": labels}}, [])


def is_ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in (pod.get("status") or {}).get("conditions") or ())


def _reference(obj: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def _share(value: Any, whole: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        part = whole * int(value[:-1]) / 100
        return math.ceil(part) if up else math.floor(part)
    return int(value)
