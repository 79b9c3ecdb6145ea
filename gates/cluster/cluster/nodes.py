"""The nodes: ready, not under pressure, of accepted versions, and with correct clocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from arcops.finding import Finding, Rule
from arcops.seen.cluster import Lease, NodeSeen, Taint
from gates.cluster.cluster.words import LEASES, Seen, answer, unseen, version
from gates.words import shown

_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
_NETWORK = "NetworkUnavailable"
_GOOD = re.compile(
    r"((?<!Not)Ready|(?<![uU]n)[hH]ealthy|IsVoter|OK|(?<!Un)(?<!un)[aA]vailable|Succeeded|Initialized|Registered|Synced|Online"
    r"|(?<!Dis)Connected)\Z"
)
"""Conditions of this form say that all is well if they are True (``AcceleratedHardwareReady``, ``EtcdIsVoter``)."""
_BAD = re.compile(
    r"Problem|Deadlock|Unhealthy|NotReady|Error|Fail|Fault|Pressure|[uU]navailable|[rR]ead-?[oO]nly|Corrupt|Frequent|Lost|Hang|Hung"
    r"|Stuck|Degraded|Scheduled|OOM|OutOf|Missing|Down|Expired|Exceeded|Thrott|X[iI][dD]|Leak|Restart|Broken|Bad|Unreachable"
    r"|Offline|Disconnected|Disabled|Outage|Fatal|Critical|Violation|Mismatch|Retired|Watch|Maintenance|Reboot|Drain|Evict"
    r"|Terminat|Invalid|Unsupported|Skew|Overload|Exhaust"
)
"""Those of this form name a problem, and all is well if they are False (node-problem-detector: ``KernelDeadlock``). What has
neither form may mean either, so the policy must say it."""
_NEGATED = re.compile(r"(?:Not|No|Non|Without|Never|Free|Less)(?=[A-Z]|\Z)")
_PLAIN = re.compile(r"(?:Ready|[hH]ealthy|IsVoter|OK|[aA]vailable|Succeeded|Initialized|Registered|Synced|Online|Connected)\Z")
"""What is well, without a look at what stands before it."""


def good_status(kind: str) -> str:
    """The status of a condition *kind* that says that all is well, by the form of its name; empty if that does not say it.

    A negation turns what is well into a problem (``GPUNotHealthy``); what becomes of a name that has both forms, or negates a
    problem (``KernelHasNoDeadlock``), is not known.
    """
    if _NEGATED.search(kind):
        return "False" if _PLAIN.search(kind) and not _BAD.search(kind.replace("NotReady", "")) else ""
    good, bad = _GOOD.search(kind) is not None, _BAD.search(kind) is not None
    return "" if good is bad else "True" if good else "False"


_BARRING = ("NoSchedule", "NoExecute")
_MOST_MINORS_BEHIND = 3
"""A kubelet may be this many minor versions older than its API server (kubernetes.io/releases/version-skew-policy)."""
_RENEWALS = 4
"""A kubelet renews its lease after a quarter of the lease's duration (kubelet, ``nodeLeaseRenewIntervalFraction``)."""
_RESOLUTION = timedelta(seconds=1)
"""The resolution of the header ``Date``."""


RECENT = Rule(
    id="cluster/recent",
    asks="Is the snapshot of the cluster recent, by the API server's own clock?",
    fix="Take a new snapshot. If that does not help, set the clock of this machine or of the API server.",
)


def recent(seen: Seen, now: datetime, most: timedelta) -> Iterator[Finding]:
    lacking = unseen(RECENT, seen, "version")
    served = seen.body.served
    if lacking or served is None:
        yield from lacking or [RECENT.unknown("The API server did not report its time.", seen)]
    elif abs(now - served) > most:
        way = "ago" if served < now else "from now"
        text = f"By the API server's clock, the snapshot was taken {abs(now - served)} {way}; the policy allows at most {most}."
        yield RECENT.fails(text, seen)
    else:
        yield RECENT.passes(f"The API server was asked at {served:%Y-%m-%dT%H:%M:%SZ}.", seen)


NODES = Rule(
    id="cluster/nodes",
    asks="Do as many nodes as the policy expects take pods, and is every node ready?",
    fix="Run 'kubectl describe node'; repair, uncordon or remove the node.",
)


def barring(node: NodeSeen, tolerated: tuple[str, ...]) -> list[Taint]:
    """The taints that keep pods off *node*, unless *tolerated* names them, by key or as ``key=value``."""
    return [one for one in node.taints if one.effect in _BARRING and not {one.key, f"{one.key}={one.value}"} & set(tolerated)]


def ready(seen: Seen, least: int, tolerated: tuple[str, ...]) -> Iterator[Finding]:
    lacking = unseen(NODES, seen, "nodes")
    if lacking:
        yield from lacking
        return
    nodes = seen.body.nodes
    good = [node for node in nodes if status(node, "Ready") == "True" and node.schedulable and not barring(node, tolerated)]
    found: list[Finding] = []
    for node in nodes:
        said = status(node, "Ready")
        if said == "False":
            found.append(NODES.fails(shown(f"Node {node.name} is not ready."), seen, about=node.name))
        elif said != "True":
            text = f"The cluster does not know whether node {node.name} is ready."
            found.append(NODES.unknown(shown(text), seen, about=node.name))
        elif not node.schedulable:
            found.append(NODES.warns(shown(f"Node {node.name} takes no new pods (cordoned)."), seen, about=node.name))
    if len(good) < least:
        tainted = sorted({one.key for node in nodes for one in barring(node, tolerated)})
        why = (
            f" Taints keep pods off others ({', '.join(tainted[:5])}); 'tolerates' names those that do not." if tainted else ""
        )
        found.append(NODES.fails(shown(f"{len(good)} node(s) take pods; the policy expects {least}.{why}"), seen))
    yield from answer(NODES, seen, found, f"All {len(nodes)} node(s) are ready and take pods.")


PRESSURE = Rule(
    id="cluster/pressure",
    asks="Does every node have enough memory, disk space and process IDs, and a network, and does it report no other problem?",
    fix="Free what the node lacks, or move pods away; otherwise the kubelet evicts them.",
)


_REPAIR = "Run 'kubectl describe node' for the reason, and repair or drain the node: something on it watches for this problem."


_SAY = "If it is well, name it under 'conditions' of gate 'cluster', such as 'Kind=True'; else repair the node."


def unpressured(seen: Seen, known: tuple[str, ...] = ()) -> Iterator[Finding]:
    lacking = unseen(PRESSURE, seen, "nodes")
    if lacking:
        yield from lacking
    elif not seen.body.nodes:
        yield PRESSURE.unknown("The cluster has no node.", seen)
    else:
        found = (finding for node in seen.body.nodes for finding in _pressed(seen, node, known))
        yield from answer(PRESSURE, seen, found, "No node is under pressure.")


def _pressed(seen: Seen, node: NodeSeen, known: tuple[str, ...]) -> Iterator[Finding]:
    for kind in _PRESSURES:
        said = status(node, kind)
        if said == "True":
            yield PRESSURE.fails(shown(f"Node {node.name} is under {kind}."), seen, about=f"{node.name} {kind}")
        elif said != "False":
            text = f"Node {node.name} does not report whether it is under {kind}."
            yield PRESSURE.unknown(shown(text), seen, about=f"{node.name} {kind}")
    for one in node.conditions:
        if one.kind in (*_PRESSURES, _NETWORK, "Ready"):
            continue
        wanted = good_status(one.kind)
        about = f"{node.name} {one.kind}"
        if f"{one.kind}={one.status}" in known:
            continue
        if one.status not in ("True", "False"):
            text = f"Node {node.name} does not know about its condition {one.kind} ({one.status or 'no status'})."
            yield PRESSURE.unknown(shown(text), seen, about=shown(about))
        elif not wanted:
            text = f"Node {node.name} reports {one.kind}={one.status}, and its name does not say whether that is well."
            yield PRESSURE.unknown(shown(text), seen, about=shown(about), fix=_SAY)
        elif one.status != wanted:
            text = f"Node {node.name} reports {one.kind}={one.status}."
            yield PRESSURE.fails(shown(text), seen, about=shown(about), fix=_REPAIR)
    # Only some network plugins set this condition, so its absence means nothing.
    if any(one.kind == _NETWORK and one.status != "False" for one in node.conditions):
        text = f"Node {node.name} has no network yet ({_NETWORK})."
        yield PRESSURE.fails(shown(text), seen, about=f"{node.name} {_NETWORK}")


def status(node: NodeSeen, kind: str) -> str:
    return next((one.status for one in node.conditions if one.kind == kind), "")


KERNEL = Rule(
    id="cluster/kernel",
    asks="Does every node run at least the kernel version that the policy names?",
    fix="Upgrade the node's operating system, or lower 'leastKernel' of gate 'cluster'.",
)


def kernels(seen: Seen, least: str) -> Iterator[Finding]:
    lacking = unseen(KERNEL, seen, "nodes")
    wanted = version(least)
    if wanted is None:
        yield KERNEL.passes("The policy requires no kernel version.", seen)
    elif lacking or not seen.body.nodes:
        yield from lacking or [KERNEL.unknown("The cluster has no node.", seen)]
    else:
        found: list[Finding] = []
        for node in seen.body.nodes:
            have = version(node.kernel)
            if have is None:
                text = f"Node {node.name} reports the kernel {node.kernel!r}, which is not a version number."
                found.append(KERNEL.unknown(shown(text), seen, about=node.name))
            elif have < wanted:
                text = f"Node {node.name} runs the kernel {node.kernel}; the policy needs {least}."
                found.append(KERNEL.fails(shown(text), seen, about=node.name))
        yield from answer(KERNEL, seen, found, f"Every node runs a kernel of at least {least}.")


KUBELET = Rule(
    id="cluster/kubelet",
    asks="Is every kubelet within the versions that the policy and the API server allow?",
    fix="Upgrade the API server first, then the kubelets: at most three minor versions behind, never ahead.",
)


def kubelets(seen: Seen, least: str) -> Iterator[Finding]:
    lacking = unseen(KUBELET, seen, "nodes", "version")
    server = version(seen.body.version)
    if lacking:
        yield from lacking
    elif server is None or not seen.body.nodes:
        text = (
            f"The kubelets cannot be compared: the API server reports version {seen.body.version!r} and"
            f" {len(seen.body.nodes)} node(s)."
        )
        yield KUBELET.unknown(shown(text), seen)
    else:
        found = (one for node in seen.body.nodes for one in _kubelet(seen, node, server, least))
        yield from answer(KUBELET, seen, found, f"Every kubelet fits the API server's {seen.body.version}.")


def _kubelet(seen: Seen, node: NodeSeen, server: tuple[int, int, int], least: str) -> Iterator[Finding]:
    have, wanted = version(node.kubelet), version(least)
    said = f"The kubelet of node {node.name} is {node.kubelet}"
    if have is None:
        yield KUBELET.unknown(shown(f"{said}, which is not a version number."), seen, about=node.name)
    elif wanted is not None and have < wanted:
        yield KUBELET.fails(shown(f"{said}; the policy needs {least}."), seen, about=node.name)
    elif have[:2] > server[:2]:
        yield KUBELET.fails(shown(f"{said}, newer than the API server's {seen.body.version}."), seen, about=node.name)
    elif have[0] < server[0] or server[1] - have[1] > _MOST_MINORS_BEHIND:
        text = f"{said}, more than {_MOST_MINORS_BEHIND} minor versions behind the API server's {seen.body.version}."
        yield KUBELET.fails(shown(text), seen, about=node.name)


CLOCKS = Rule(
    id="cluster/clocks",
    asks="Do all nodes' clocks agree with the API server's clock, and do all nodes renew their heartbeats?",
    fix="Synchronise the node's clock (chrony, NTP), and make sure that its kubelet runs.",
)


def clocks(seen: Seen, most: timedelta) -> Iterator[Finding]:
    lacking = unseen(CLOCKS, seen, "nodes", LEASES)
    server = seen.body.heartbeats
    if lacking:
        yield from lacking
    elif server is None or not seen.body.nodes:
        yield CLOCKS.unknown("The API server did not report its time, or the cluster has no node.", seen)
    else:
        leases = {one.node: one for one in seen.body.leases}
        found = (one for node in seen.body.nodes for one in _clock(seen, node, leases.get(node.name), server, most))
        yield from answer(
            CLOCKS, seen, found, f"Every node's clock is within {most} of the API server's, as far as heartbeats show."
        )


def _clock(seen: Seen, node: NodeSeen, lease: Lease | None, server: datetime, most: timedelta) -> Iterator[Finding]:
    """A heartbeat from the future means that the node's clock is ahead. A late one means that it is behind, or the node is
    down.
    """
    if lease is None or lease.renewed is None or lease.duration <= 0:
        yield CLOCKS.unknown(shown(f"Node {node.name} has no heartbeat in its lease."), seen, about=node.name)
        return
    ahead = lease.renewed - server - _RESOLUTION
    behind = server - lease.renewed - timedelta(seconds=lease.duration / _RENEWALS)
    if ahead > most:
        text = f"The clock of node {node.name} is {ahead} ahead of the API server's."
        yield CLOCKS.fails(shown(text), seen, about=node.name)
    elif behind > most:
        text = f"The heartbeat of node {node.name} is {behind} late: its clock is behind, or it has stopped."
        yield CLOCKS.fails(shown(text), seen, about=node.name)
