"""The workload that pods finally come from: for the author of a workload, its pods and its owner objects are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping

from arcops.seen.network import Network, PodSet

_MOST_ABOVE = 5
_HASHES = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
"""The label with the hash of a template, and what makes ReplicaSets with it."""
_RAY_KIND = "ray.io/originated-from-crd"
_MAKERS = (
    ("ReplicationController", "deploymentconfig", "DeploymentConfig"),
    ("Job", "jobset.sigs.k8s.io/jobset-name", "JobSet"),
    ("StatefulSet", "leaderworkerset.sigs.k8s.io/name", "LeaderWorkerSet"),
    ("RayCluster", "ray.io/originated-from-cr-name", "RayCluster"),
)
"""Objects between a pod and its workload, which a snapshot does not list: their kind, the label with the workload's name, and
the workload's kind.
"""


def roots(network: Network) -> tuple[str, ...]:
    """For each of the network's pods the title of its workload, found by the owners of Pods and ReplicaSets."""
    by_name = {f"{one.kind}/{one.namespace}/{one.name}": one for one in network.pods}
    return tuple(_root(one, by_name) for one in network.pods)


def _root(pods: PodSet, by_name: Mapping[str, PodSet]) -> str:
    found, seen = pods, 0
    while found.owner and seen < _MOST_ABOVE:
        kind, _, name = found.owner.partition("/")
        above = by_name.get(f"{kind}/{pods.namespace}/{name}")
        if above is None:
            return _without_hash(found, kind, name)
        found, seen = above, seen + 1
    return found.title


def _without_hash(pods: PodSet, kind: str, name: str) -> str:
    """An owner that is not among the objects; a ReplicaSet whose name ends in a template's hash belongs to a Deployment."""
    labels = {label.key: label.value for label in pods.labels}
    for label, maker in _HASHES.items():
        hashed = labels.get(label, "")
        if kind == "ReplicaSet" and hashed and name.endswith(f"-{hashed}"):
            return f"{maker} {pods.namespace}/{name.removesuffix(f'-{hashed}')}"
    for between, label, maker in _MAKERS:
        if kind == between and labels.get(label):
            return f"{labels.get(_RAY_KIND, maker)} {pods.namespace}/{labels[label]}"
    if kind == "Job" and re.fullmatch(r".+-[0-9]{8}", name):
        return f"CronJob {pods.namespace}/{name.rpartition('-')[0]}"
    return f"{kind} {pods.namespace}/{name}"
