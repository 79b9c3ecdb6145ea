"""Whether pods are closed by default, computed from all policies together."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.network import Direction, Network, PodSet
from gates.listing import listed
from gates.network.words import place
from gates.words import shown
from reach.arrays import np
from reach.selectors import Flags
from reach.world import World

Seen = Evidence[Network]

ISOLATED = Rule(
    id="network/isolated",
    asks="Is every pod closed by default, in both directions, and every new pod in its namespace, too?",
    fix="Add a NetworkPolicy with 'podSelector: {}' and 'policyTypes: [Ingress, Egress]' and no rules to the namespace.",
)


_FEW = 1
"""Pods of one namespace that are named one by one."""


def findings(seen: Seen, world: World) -> Iterator[Finding]:
    return listed(_isolated(seen, world), ISOLATED.passes("Every pod is closed by default, in both directions.", seen))


def _isolated(seen: Seen, world: World) -> Iterator[Finding]:
    if seen.body.pods:
        yield from _open(seen, world)
        return
    fix = "Check the workloads together with the policies that protect them."
    if not seen.body.policies:
        yield ISOLATED.unknown("The manifests contain neither pods nor policies, so nothing was judged.", seen, fix=fix)
    else:
        yield ISOLATED.warns("The manifests contain no pods, so it is unknown which pods the policies protect.", seen, fix=fix)


def _open(seen: Seen, world: World) -> Iterator[Finding]:
    body = seen.body
    first = {pod.namespace: pod.at for pod in reversed(body.pods)}
    for direction in Direction:
        idle = _may_nothing(world, direction)
        covered = _covered(body, direction)
        silent = _all_idle(body, idle)
        bare: dict[str, list[PodSet]] = {}
        for pod, isolated, nothing in zip(body.pods, world.terrain.closed[direction], idle, strict=True):
            if not isolated and not nothing:
                bare.setdefault(pod.namespace, []).append(pod)
        word = direction.value.lower()
        for namespace in sorted({pod.namespace for pod in body.pods}):
            fix = _deny_all(namespace, direction)
            found = bare.get(namespace, [])
            for pod in found if len(found) <= _FEW else ():
                text = f"{place(pod.at)}: no policy closes {pod.title} for {word}, so all {word} is open."
                yield ISOLATED.fails(shown(text), seen, about=f"{pod.title} {word}", location=pod.at, fix=fix)
            if len(found) > _FEW:  # one cause, one finding: the namespace lacks a policy
                first_pod, others = found[0], ", ".join(pod.title for pod in found[1:6])
                more = f" and {len(found) - 6} more" if len(found) > 6 else ""
                named = f"{first_pod.title}, {others}{more}"
                text = f"{place(first_pod.at)}: no policy closes {named} for {word}, so all {word} is open."
                about = f"Namespace {namespace} {word}"
                yield ISOLATED.fails(shown(text), seen, about=about, location=first_pod.at, fix=fix)
            if namespace not in bare and namespace not in covered and namespace not in silent:
                text = f"Every pod in namespace {namespace} is closed for {word}, but a new pod would be open."
                at = first[namespace]
                yield ISOLATED.warns(shown(text), seen, about=f"Namespace {namespace} {word}", location=at, fix=fix)


def _all_idle(body: Network, idle: Flags) -> set[str]:
    """The namespaces in which every pod is idle."""
    busy = {pod.namespace for pod, nothing in zip(body.pods, idle, strict=True) if not nothing}
    return {pod.namespace for pod in body.pods} - busy


def _deny_all(namespace: str, direction: Direction) -> str:
    word = direction.value
    return (
        f"Add {{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, "
        f"metadata: {{name: deny-{word.lower()}, namespace: {namespace}}}, "
        f"spec: {{podSelector: {{}}, policyTypes: [{word}]}}}}"
    )


def _covered(body: Network, direction: Direction) -> set[str]:
    """The namespaces in which a policy closes every pod, also a new one."""
    closing = [
        policy
        for policy in body.policies
        if policy.pods.everything and (direction in policy.isolates or (policy.closes and direction in policy.directions))
    ]
    if any(policy.namespaces is not None and policy.namespaces.everything for policy in closing):
        return {one.name for one in body.namespaces}
    return {policy.namespace for policy in closing if policy.namespaces is None}


def _may_nothing(world: World, direction: Direction) -> Flags:
    """The pods for which policies for the whole cluster allow nothing in *direction*, whatever their namespace allows."""
    if world.terrain.closed[direction].all():
        return np.zeros(len(world.network.pods), dtype=np.bool_)  # the result is not used
    silent = np.ones(len(world.first_of_class), dtype=np.bool_)
    for one in world.port_classes:
        silent &= ~world.may(direction, one).any(axis=1)
    return silent[world.class_of]
