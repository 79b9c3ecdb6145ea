"""Policies without effect: those that select nothing, and rules that another rule of their namespace contains by its text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from arcops.evidence import Evidence
from arcops.finding import Finding, Location, Rule
from arcops.seen.network import Action, Block, Direction, Network, Peer, PolicyRule, PolicySeen, PolicyTier, PortRange, Selector
from gates.network.words import place
from gates.words import shown
from reach.addresses import span
from reach.clauses import Terrain

Seen = Evidence[Network]
USED = Rule(
    id="network/used",
    asks="Does every policy select pods, and does every rule add something?",
    fix="Correct the selector, or remove what has no effect: readers would believe that it has one.",
)

_MOST_COMPARED = 400
"""Rules of one namespace and direction that are compared with one another; a comparison costs a microsecond or so."""
_MOST_WORDS = 1500
"""Peers and ports in these rules; each is compared with every other one."""
_MOST_COMPARISONS = 20_000_000
"""Over all namespaces; this takes about a minute."""


def unused(seen: Seen) -> Iterator[Finding]:
    """A warning for each policy that selects no pod, and for each rule that adds nothing to another."""
    terrain = Terrain(seen.body)
    live: dict[tuple[str, Direction], list[tuple[PolicySeen, PolicyRule]]] = {}
    for policy in seen.body.policies:
        for_all = policy.pods.everything and (policy.namespaces is None or policy.namespaces.everything)
        if not for_all and not terrain.subject(policy).any():
            text = f"{place(policy.at)}: {policy.title} selects no pod in these manifests."
            yield USED.warns(shown(text), seen, about=policy.title, location=policy.at)
        elif policy.tier is PolicyTier.NAMESPACE:
            for direction, found in ((Direction.INGRESS, policy.ingress), (Direction.EGRESS, policy.egress)):
                if policy.counts(direction):
                    letting = ((policy, rule) for rule in found if rule.action is Action.ALLOW)
                    live.setdefault((policy.namespace, direction), []).extend(letting)
    yield from _nameless(seen)
    left = _MOST_COMPARISONS
    for (namespace, direction), listed in live.items():
        many, cost = _affordable(listed, left)
        left -= cost
        yield from _shadowed(seen, listed[:many])
        if many < len(listed):
            policy, rule = listed[many]
            text = (
                f"{place(rule.at)}: {len(listed) - many} of {len(listed)} rules for {direction.value.lower()} in namespace "
                f"{namespace} were not compared with the others, because there are too many; some of them may add nothing."
            )
            yield USED.warns(shown(text), seen, about=policy.title, location=rule.at)


def _nameless(seen: Seen) -> Iterator[Finding]:
    """A warning for each rule with a port by a name that no pod has: it opens nothing there."""
    known = {port.name for pods in seen.body.pods for port in pods.ports}
    for policy in seen.body.policies if seen.body.pods else ():
        for rule in (*policy.ingress, *policy.egress):
            lacking = sorted({port.name for port in rule.ports if port.name and port.name not in known})
            if lacking:
                text = f"{place(rule.at)}: {rule.field} of {policy.title} names the port {lacking[0]!r}, which no pod in these "
                text += "manifests has, so it opens nothing."
                fix = "Give the container's port that name, or write the port's number."
                yield USED.warns(shown(text), seen, about=policy.title, location=rule.at, fix=fix)


def _affordable(listed: list[tuple[PolicySeen, PolicyRule]], left: int) -> tuple[int, int]:
    """How many of *listed*, from the first, can be compared with one another in *left* steps, and how many steps that takes."""
    words = 0
    for number, (_, rule) in enumerate(listed[:_MOST_COMPARED]):
        more = words + 1 + len(rule.peers) + len(rule.ports)
        if more > _MOST_WORDS or more**2 > left:
            return number, words**2
        words = more
    return min(len(listed), _MOST_COMPARED), words**2


def _shadowed(seen: Seen, listed: list[tuple[PolicySeen, PolicyRule]]) -> Iterator[Finding]:
    told: set[Location] = set()
    # Most pairs differ in the pods that they are about, so that is asked first, and cheaply.
    about = [(frozenset(policy.pods.labels), frozenset(policy.pods.expressions)) for policy, _ in listed]
    for (policy, rule), (labels, expressions) in zip(listed, about, strict=True):
        for (other, larger), (fewer, others) in zip(listed, about, strict=True):
            if not (fewer <= labels and others <= expressions):
                continue
            if larger is rule or policy.namespaces != other.namespaces or not _holds_all(larger, rule) or larger.at in told:
                continue
            told.add(rule.at)
            text = (
                f"{place(rule.at)}: {rule.field} of {policy.title} adds nothing to {larger.field} of {other.title} "
                f"({place(larger.at)})."
            )
            yield USED.warns(shown(text), seen, about=policy.title, location=rule.at)
            break


def contains(policy: PolicySeen, large: PolicyRule, other: PolicySeen, small: PolicyRule) -> bool:
    """Does *large* allow everything that *small* allows, also for pods that may be added later?"""
    return selects_all_of(policy.pods, other.pods) and policy.namespaces == other.namespaces and _holds_all(large, small)


def _holds_all(large: PolicyRule, small: PolicyRule) -> bool:
    """Does *large* name all ports and peers that *small* names? Ports are asked first: they differ more."""
    if large.ports and not (small.ports and all(any(_holds(one, port) for one in large.ports) for port in small.ports)):
        return False
    return not large.peers or (bool(small.peers) and all(any(_names(one, peer) for one in large.peers) for peer in small.peers))


def selects_all_of(large: Selector, small: Selector) -> bool:
    # Most selectors have one label or two, for which this is cheaper than sets.
    return all(one in small.labels for one in large.labels) and all(one in small.expressions for one in large.expressions)


def _names(large: Peer, small: Peer) -> bool:
    if large.domain or small.domain or large.nodes is not None or small.nodes is not None:
        return (large.domain, large.nodes) == (small.domain, small.nodes)
    if large.block is not None or small.block is not None:
        return large.block is not None and small.block is not None and _block_in(large.block, small.block)
    if large.namespaces is None:
        spaces = small.namespaces is None
    else:
        spaces = large.namespaces.everything or (
            small.namespaces is not None and selects_all_of(large.namespaces, small.namespaces)
        )
    return spaces and selects_all_of(large.pods or Selector(), small.pods or Selector())


def _block_in(large: Block, small: Block) -> bool:
    if large == small:
        return True
    if large.excepts:
        return False
    outer, inner = _span(large.cidr), _span(small.cidr)
    if outer is None or inner is None or outer.version != inner.version:
        return False
    return outer.first <= inner.first and inner.last <= outer.last


_span = lru_cache(maxsize=10_000)(span)


def _holds(large: PortRange, small: PortRange) -> bool:
    if large.protocol is not small.protocol or large.name != small.name:
        return False
    return bool(large.name) or large.first <= small.first <= small.last <= large.last
