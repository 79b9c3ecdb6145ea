"""The workload that pods come from in the end: pods and what made them are one and the same to whoever declared them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from arcops.seen.network import Network, PodSet

_MOST_ABOVE = 5


def roots(network: Network) -> tuple[str, ...]:
    """For each of the network's pods the title of its workload: Pods and ReplicaSets are made by what their owners name."""
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
    """The owner that is not among the objects; a ReplicaSet named by a template's hash is its Deployment's."""
    hashed = next((label.value for label in pods.labels if label.key == "pod-template-hash"), "")
    if kind == "ReplicaSet" and hashed and name.endswith(f"-{hashed}"):
        return f"Deployment {pods.namespace}/{name.removesuffix(f'-{hashed}')}"
    if kind == "Job" and re.fullmatch(r".+-[0-9]{8}", name):
        return f"CronJob {pods.namespace}/{name.rpartition('-')[0]}"
    return f"{kind} {pods.namespace}/{name}"
