"""GPUs as the cluster hands them out: the device plugin, what may be allocated, MIG, and the runtime class."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum

from arcops.finding import Finding
from arcops.seen.cluster import quantity
from gates import _cluster_rules as rules
from gates._cluster_nodes import status
from gates._cluster_words import DAEMON_SETS, OPERATORS, RUNTIMES, Seen, answer, unseen
from gates._words import shown


class Mig(Enum):
    """What the policy wants of MIG: any strategy, or the one that it names."""

    ANY = "any"
    NONE = "none"
    SINGLE = "single"
    MIXED = "mixed"


def allocatable(seen: Seen, resource: str, least: int) -> Iterator[Finding]:
    """What nodes that are ready and take pods may hand out of *resource*."""
    lacking = unseen(rules.GPUS, seen, "nodes")
    if not least:
        yield rules.GPUS.passes("The policy requires no GPU.", seen)
        return
    if lacking:
        yield from lacking
        return
    total = Decimal(0)
    for node in seen.body.nodes:
        for one in node.allocatable:
            if one.resource != resource:
                continue
            number = quantity(one.quantity)
            if number is None:
                text = f"Node {node.name} has {one.quantity!r} of {resource}, which is no number."
                yield rules.GPUS.unknown(shown(text), seen, about=node.name)
            elif node.schedulable and status(node, "Ready") == "True":
                total += number
    if total < least:
        yield rules.GPUS.fails(shown(f"{total} of {resource} may be given to pods; the policy expects {least}."), seen)
    else:
        yield rules.GPUS.passes(shown(f"{total} of {resource} may be given to pods."), seen)


def plugin(seen: Seen, name: str, required: bool) -> Iterator[Finding]:
    """DaemonSets whose name holds *name*, and every ClusterPolicy of the GPU operator."""
    if not required:
        yield rules.DEVICE_PLUGIN.passes("The policy requires no GPU.", seen)
        return
    lacking = unseen(rules.DEVICE_PLUGIN, seen, DAEMON_SETS, OPERATORS)
    if lacking:
        yield from lacking
        return
    found: list[Finding] = []
    plugins = [one for one in seen.body.workloads if one.kind == "DaemonSet" and name in one.name]
    for one in plugins:
        title = f"DaemonSet {one.namespace}/{one.name}"
        if one.stale or not one.wanted or one.available < one.wanted:
            text = (
                f"{title} is available on {one.available} of {one.wanted} node(s){', by an old status' if one.stale else ''}."
            )
            found.append(rules.DEVICE_PLUGIN.fails(shown(text), seen, about=title))
    for operator in seen.body.operators:
        if operator.state != "ready":
            text = (
                f"The GPU operator says that ClusterPolicy {operator.name} is {operator.state or 'in no state'!r}, not ready."
            )
            found.append(rules.DEVICE_PLUGIN.fails(shown(text), seen, about=operator.name))
    if not plugins:
        found.append(rules.DEVICE_PLUGIN.fails(shown(f"There is no DaemonSet with {name!r} in its name."), seen))
    yield from answer(rules.DEVICE_PLUGIN, seen, found, "The device plugin runs on all of its nodes.")


def mig(seen: Seen, wanted: Mig, resource: str) -> Iterator[Finding]:
    lacking = unseen(rules.MIG, seen, "nodes")
    if lacking:
        yield from lacking
        return
    family = resource.partition("/")[0]
    found: list[Finding] = []
    for node in seen.body.nodes:
        if node.mig_state and node.mig_state != "success":
            text = f"MIG on node {node.name} is {node.mig_state!r}, not success."
            found.append(rules.MIG.fails(shown(text), seen, about=f"{node.name} state"))
        if wanted is Mig.ANY or not (
            node.mig_strategy or any(one.resource.startswith(f"{family}/") for one in node.allocatable)
        ):
            continue
        if node.mig_strategy != wanted.value:
            said = (
                f"uses the MIG strategy {node.mig_strategy!r}"
                if node.mig_strategy
                else "does not say which MIG strategy it uses"
            )
            say = rules.MIG.fails if node.mig_strategy else rules.MIG.unknown
            found.append(say(shown(f"Node {node.name} {said}; the policy wants {wanted.value!r}."), seen, about=node.name))
    well = "The policy takes any MIG strategy, and no change is under way."
    yield from answer(
        rules.MIG, seen, found, well if wanted is Mig.ANY else f"Every GPU node uses the strategy {wanted.value!r}."
    )


def runtime(seen: Seen, name: str) -> Iterator[Finding]:
    lacking = unseen(rules.RUNTIME, seen, RUNTIMES)
    if not name:
        yield rules.RUNTIME.passes("The policy requires no runtime class.", seen)
    elif lacking:
        yield from lacking
    elif name in seen.body.runtime_classes:
        yield rules.RUNTIME.passes(shown(f"There is the runtime class {name!r}."), seen)
    else:
        yield rules.RUNTIME.fails(shown(f"There is no runtime class {name!r}."), seen)
