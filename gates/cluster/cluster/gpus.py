"""GPUs as the cluster allocates them: the device plugin, what can be allocated, MIG, and the runtime class."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum

from arcops.finding import Finding, Rule
from arcops.seen.cluster import Amount, NodeSeen, quantity
from gates.cluster.cluster import devices
from gates.cluster.cluster.nodes import barring, status
from gates.cluster.cluster.words import (
    DAEMON_SETS,
    DEVICE_CLAIMS,
    DEVICE_SLICES,
    DEVICE_TAINTS,
    OPERATORS,
    RUNTIMES,
    Seen,
    answer,
    unseen,
)
from gates.words import shown

_GPU = "nvidia.com/gpu"
_CUT_UNLIKE = "-MIG-INVALID"
"""GPU feature discovery ends the product's name so if, under the strategy single, the GPUs are divided in different ways."""


class WantedMig(Enum):
    """What the policy wants of MIG: any strategy, or the one that it names."""

    ANY = "any"
    NONE = "none"
    SINGLE = "single"
    MIXED = "mixed"


GPUS = Rule(
    id="cluster/gpus",
    asks="Can pods be given as many GPUs as the policy expects?",
    fix="Read the device plugin's log on the node that has fewer; 'arcops gpu check' checks the GPUs themselves.",
)


def allocatable(
    seen: Seen,
    resource: str,
    least: int,
    *,
    driver: str = "",
    one_pod: Decimal = Decimal(0),
    tolerated: tuple[str, ...] = (),
    shared: bool = False,
) -> Iterator[Finding]:
    """How much of *resource* pods can still be given, by nodes that are ready and take pods; *one_pod* must fit on one node.
    Shares of one GPU (time-slicing, MPS) count only if *shared* are accepted.

    If no node offers any of it, the devices of *driver* (Dynamic Resource Allocation) are counted instead.
    """
    lacking = unseen(GPUS, seen, "nodes", "pods", DEVICE_SLICES, DEVICE_CLAIMS, DEVICE_TAINTS)
    if not least:
        yield GPUS.passes("The policy requires no GPU.", seen)
        return
    if lacking:
        yield from lacking
        return
    found = [finding for node in seen.body.nodes for finding in _odd(seen, node, resource)]
    taken = _taken(seen, resource)
    offered = {node.name: _amount(node.allocatable, resource) or Decimal(0) for node in seen.body.nodes}
    given = devices.offered(seen.body, driver) if not any(offered.values()) else {}
    divided = [] if shared or resource.endswith(".shared") else [one.name for one in seen.body.nodes if _divided(one)]
    shares = {name: offered[name] for name in divided}
    offered |= dict.fromkeys(shares, Decimal(0))
    if given:
        resource, taken = f"devices of {driver}", devices.taken(seen.body, given)
        offered = {node.name: Decimal(sum(one == node.name for one in given.values())) for node in seen.body.nodes}
    usable = [node for node in seen.body.nodes if node.schedulable and status(node, "Ready") == "True"]
    barred = {node.name: barring(node, tolerated) for node in usable if offered[node.name]}
    free = {
        node.name: max(offered[node.name] - taken.get(node.name, Decimal(0)), Decimal(0))
        for node in usable
        if not barred.get(node.name)
    }
    left = max(sum(free.values(), Decimal(0)) - taken.get("", Decimal(0)), Decimal(0))
    total = sum((offered[name] for name in free), Decimal(0))
    if total < least:
        keys = sorted({one.key for taints in barred.values() for one in taints})
        text = f"{total} of {resource} can be given to pods; the policy expects {least}."
        fix = ""
        if any(shares.values()):
            text += f" {sum(shares.values(), Decimal(0))} others ({', '.join(sorted(shares)[:5])}) are shares of GPUs."
            fix = "If the workload may share its GPUs with others, set 'shared: true' under gate 'cluster'; else divide none."
        if keys:
            text += f" Nodes with others have taints ({', '.join(keys[:5])})."
            fix = "If the workload tolerates these taints, name them under 'tolerates' of gate 'cluster'; else remove them."
        found.append(GPUS.fails(shown(text), seen, fix=shown(fix)) if fix else GPUS.fails(shown(text), seen))
    elif left < least:
        text = (
            f"{total - left} of {total} {resource} are taken by pods that run or wait; the policy expects {least} to be free."
        )
        found.append(GPUS.fails(shown(text), seen, about=f"{resource} in use", fix=_IN_USE))
    elif one_pod > max(free.values(), default=Decimal(0)):
        most = max(free.values(), default=Decimal(0))
        text = f"One pod asks for {one_pod} of {resource}, but no node has more than {most} free."
        found.append(GPUS.fails(shown(text), seen, about=f"{resource} on one node", fix=_IN_USE))
    yield from answer(GPUS, seen, found, f"{left} of {resource} can be given to pods.")


_IN_USE = "Stop the pods that hold GPUs ('kubectl describe node' lists them), or lower 'gpus' of gate 'cluster'."


def _odd(seen: Seen, node: NodeSeen, resource: str) -> Iterator[Finding]:
    """Amounts that are not numbers, and devices of the vendor that the node has and pods cannot be given."""
    vendor = resource.partition("/")[0]
    for one in node.allocatable:
        if one.resource == resource and quantity(one.quantity) is None:
            text = f"Node {node.name} has {one.quantity!r} of {resource}, which is not a number."
            yield GPUS.unknown(shown(text), seen, about=node.name)
    seen_by_driver = node.gpu_count * max(1, node.gpu_replicas)
    offered = _amount(node.capacity or node.allocatable, _GPU) or Decimal(0)
    if 0 < offered < seen_by_driver and node.mig_strategy != "mixed":
        text = (
            f"The driver of node {node.name} sees {node.gpu_count} GPUs (nvidia.com/gpu.count), but the device plugin offers "
        )
        text += f"only {offered} of {_GPU}."
        yield GPUS.fails(shown(text), seen, about=f"{node.name} seen")
    for one in node.capacity:
        has, given = quantity(one.quantity), _amount(node.allocatable, one.resource) or Decimal(0)
        if one.resource.partition("/")[0] == vendor and has is not None and given < has:
            text = f"Node {node.name} has {has} of {one.resource}, but pods can be given only {given}: the device plugin holds"
            text += " the others to be unhealthy."
            yield GPUS.fails(shown(text), seen, about=f"{node.name} {one.resource}")


def _divided(node: NodeSeen) -> bool:
    """Does the device plugin offer each GPU of *node* several times (GPU feature discovery, ``gpu.replicas``)?"""
    return node.gpu_replicas > 1 or node.gpu_product.endswith("-SHARED")


def _amount(amounts: tuple[Amount, ...], resource: str) -> Decimal | None:
    return next((quantity(one.quantity) for one in amounts if one.resource == resource), None)


def _taken(seen: Seen, resource: str) -> dict[str, Decimal]:
    """How much pods take on each node; under the empty name, how much pods wait for."""
    found: dict[str, Decimal] = {}
    for pod in seen.body.pods:
        amount = _amount(pod.asks, resource)
        if amount:
            found[pod.node] = found.get(pod.node, Decimal(0)) + amount
    return found


DEVICE_PLUGIN = Rule(
    id="cluster/device-plugin",
    asks="Does the device plugin or GPU operator run on all of its nodes?",
    fix="Install NVIDIA's device plugin or GPU operator, and repair the pods that are not available.",
)


def plugin(seen: Seen, name: str, required: bool, driver: str) -> Iterator[Finding]:
    """DaemonSets whose name holds *name*, and every ClusterPolicy of the GPU operator."""
    if not required:
        yield DEVICE_PLUGIN.passes("The policy requires no GPU.", seen)
        return
    lacking = unseen(DEVICE_PLUGIN, seen, DAEMON_SETS, OPERATORS, DEVICE_SLICES)
    if lacking:
        yield from lacking
        return
    found: list[Finding] = []
    plugins = [one for one in seen.body.workloads if one.kind == "DaemonSet" and name in one.name]
    # The GPU operator installs one for MPS, too, which no node wants until someone uses MPS.
    wanted = any(one.wanted for one in plugins)
    for one in plugins:
        title = f"DaemonSet {one.namespace}/{one.name}"
        if one.stale or (not one.wanted and not wanted) or one.available < one.wanted:
            text = (
                f"{title} is available on {one.available} of {one.wanted}"
                f" node(s){' (by an outdated status)' if one.stale else ''}."
            )
            found.append(DEVICE_PLUGIN.fails(shown(text), seen, about=title))
    for operator in seen.body.operators:
        if operator.state != "ready":
            text = (
                f"The GPU operator reports ClusterPolicy {operator.name} as {operator.state or 'without a state'!r}, not ready."
            )
            found.append(DEVICE_PLUGIN.fails(shown(text), seen, about=operator.name))
    if not plugins and not found and devices.offered(seen.body, driver):
        yield DEVICE_PLUGIN.passes(shown(f"The driver {driver} offers GPUs by Dynamic Resource Allocation."), seen)
        return
    if not plugins and not _on_hosts(seen):
        found.append(DEVICE_PLUGIN.fails(shown(f"There is no DaemonSet with {name!r} in its name."), seen))
    yield from answer(DEVICE_PLUGIN, seen, found, "The device plugin runs on all of its nodes.")


_HOST_PLUGINS = ("Bottlerocket",)
"""Operating systems whose GPU variants run the device plugin as a service of the host (Bottlerocket, ``aws-k8s-nvidia``)."""


def _on_hosts(seen: Seen) -> bool:
    """Do all nodes with GPUs run the device plugin as a service of the host? Then no object of the cluster shows it, but
    without it a node has nothing to allocate.
    """
    having = [
        node for node in seen.body.nodes if any("/" in one.resource and quantity(one.quantity) for one in node.allocatable)
    ]
    return bool(having) and all(node.os.startswith(_HOST_PLUGINS) for node in having)


MIG = Rule(
    id="cluster/mig",
    asks="Are GPUs divided into MIG devices as the policy wants, and is the change complete?",
    fix="Set 'mig.strategy' of the GPU operator or device plugin, and wait for nvidia.com/mig.config.state=success.",
)


def mig(seen: Seen, wanted: WantedMig, resource: str) -> Iterator[Finding]:
    lacking = unseen(MIG, seen, "nodes")
    if lacking:
        yield from lacking
        return
    found: list[Finding] = []
    for node in seen.body.nodes:
        if node.mig_state and node.mig_state != "success":
            text = f"MIG on node {node.name} is {node.mig_state!r}, not success."
            found.append(MIG.fails(shown(text), seen, about=f"{node.name} state"))
        if node.gpu_product.endswith(_CUT_UNLIKE):
            text = (
                f"GPUs on node {node.name} are divided in ways that the MIG strategy single cannot allocate"
                f" ({node.gpu_product})."
            )
            found.append(MIG.fails(shown(text), seen, about=f"{node.name} parts"))
    if wanted is WantedMig.ANY:
        yield from answer(MIG, seen, found, "The policy accepts any MIG strategy, and no change is in progress.")
        return
    vendor = resource.partition("/")[0]
    nodes = [one for one in seen.body.nodes if one.mig_strategy or any(vendor == _vendor(two) for two in one.allocatable)]
    if not nodes:
        found.append(MIG.unknown("No node has a GPU to allocate, so the MIG strategy is not known.", seen))
    for node in nodes:
        said = _strategy(node)
        if said is None:
            text = f"Node {node.name} does not say which MIG strategy it uses; the policy wants {wanted.value!r}."
            found.append(MIG.unknown(shown(text), seen, about=node.name))
        elif said != wanted.value:
            text = f"Node {node.name} uses the MIG strategy {said!r}; the policy wants {wanted.value!r}."
            found.append(MIG.fails(shown(text), seen, about=node.name))
    yield from answer(MIG, seen, found, f"Every GPU node uses the MIG strategy {wanted.value!r}.")


def _vendor(one: Amount) -> str:
    return one.resource.partition("/")[0]


def _strategy(node: NodeSeen) -> str | None:
    """The strategy that the node names. If it names none: ``none`` if its GPUs are named and are whole, else unknown.

    GPU feature discovery names a divided GPU after its part: ``A100-SXM4-40GB-MIG-1g.5gb``.
    """
    if node.mig_strategy:
        return node.mig_strategy
    parts = any("/mig-" in one.resource for one in node.allocatable)
    return WantedMig.NONE.value if node.gpu_product and "-MIG-" not in node.gpu_product and not parts else None


RUNTIME = Rule(
    id="cluster/runtime-class",
    asks="Does the runtime class that the policy names exist?",
    fix="Install the GPU operator's container toolkit, or create the RuntimeClass.",
)


def runtime(seen: Seen, name: str) -> Iterator[Finding]:
    lacking = unseen(RUNTIME, seen, RUNTIMES)
    if not name:
        yield RUNTIME.passes("The policy requires no runtime class.", seen)
    elif lacking:
        yield from lacking
    elif name in seen.body.runtime_classes:
        yield RUNTIME.passes(shown(f"The runtime class {name!r} exists."), seen)
    else:
        yield RUNTIME.fails(shown(f"There is no runtime class {name!r}."), seen)
