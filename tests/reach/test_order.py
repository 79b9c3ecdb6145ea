"""The order in which policies decide, and ports by name: cases of which chance finds too few."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcops.seen.network import (
    Action,
    ContainerPort,
    Direction,
    Label,
    NamespaceSeen,
    Network,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PolicyTier,
    PortRange,
    Protocol,
    Selector,
)
from reach.decision import Decision, decide
from reach.world import World
from tests.reach.networks import AT

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

SOURCE = PodSet(kind="Pod", namespace="one", name="source", at=AT, labels=(Label(key="app", value="source"),))
TARGET = PodSet(kind="Pod", namespace="one", name="target", at=AT, labels=(Label(key="app", value="target"),))
ANYBODY = Peer(at=AT, namespaces=Selector(), pods=Selector())


def ordered(tier: PolicyTier, *actions: Action, priority: int = 0, name: str = "") -> PolicySeen:
    """A policy for the whole cluster whose rules, in this order, are about everybody coming in."""
    return PolicySeen(
        kind="AdminNetworkPolicy" if tier is PolicyTier.ADMIN else "BaselineAdminNetworkPolicy",
        namespace="",
        name=name or tier.value,
        at=AT,
        tier=tier,
        pods=Selector(),
        namespaces=Selector(),
        priority=priority,
        ingress=tuple(
            PolicyRule(at=AT, field=f"spec.ingress[{number}]", action=action, peers=(ANYBODY,))
            for number, action in enumerate(actions)
        ),
    )


def own(*rules: PolicyRule, direction: Direction = Direction.INGRESS) -> PolicySeen:
    policy = PolicySeen(
        kind="NetworkPolicy",
        namespace="one",
        name="own",
        at=AT,
        tier=PolicyTier.NAMESPACE,
        pods=Selector(labels=(Label(key="app", value="target" if direction is Direction.INGRESS else "source"),)),
        directions=(direction,),
    )
    return replace(policy, ingress=rules) if direction is Direction.INGRESS else replace(policy, egress=rules)


CLOSED, OPEN = own(), own(PolicyRule(at=AT, field="spec.ingress[0]"))


def answers(*policies: PolicySeen, pods: tuple[PodSet, ...] = (SOURCE, TARGET), port: int = 80) -> Decision:
    """What `decide` says about the first of *pods* and the second, once the whole table is known to say the same."""
    namespace = NamespaceSeen(name="one", labels=(), declared=True, at=AT)
    world = World(Network(root="0" * 64, files=(), namespaces=(namespace,), pods=pods, policies=policies))
    found = decide(world, pods[0], pods[1], Protocol.TCP, port)
    table = world.pairs(int(world.port_class_of[world.terrain.ports.position(Protocol.TCP, port)]))
    assert bool(table[int(world.class_of[0]), int(world.class_of[1])]) is found.allowed
    return found


@pytest.mark.parametrize(
    ("policies", "allowed"),
    [
        ((ordered(PolicyTier.ADMIN, Action.PASS, Action.ALLOW), CLOSED), False),
        ((ordered(PolicyTier.ADMIN, Action.PASS, Action.DENY), OPEN), True),
        ((ordered(PolicyTier.ADMIN, Action.ALLOW, Action.PASS), CLOSED), True),
        ((ordered(PolicyTier.ADMIN, Action.DENY, Action.PASS), OPEN), False),
        # What is passed on is passed by every later policy of the tier, too.
        ((ordered(PolicyTier.ADMIN, Action.PASS), ordered(PolicyTier.ADMIN, Action.DENY, priority=1, name="b"), OPEN), True),
        (
            (ordered(PolicyTier.ADMIN, Action.PASS), ordered(PolicyTier.ADMIN, Action.ALLOW, priority=1, name="b"), CLOSED),
            False,
        ),
        # If no NetworkPolicy isolates, the baseline decides; if one does, the baseline is not asked.
        ((ordered(PolicyTier.ADMIN, Action.PASS), ordered(PolicyTier.BASELINE, Action.DENY)), False),
        ((ordered(PolicyTier.ADMIN, Action.PASS), ordered(PolicyTier.BASELINE, Action.ALLOW, Action.DENY)), True),
        ((ordered(PolicyTier.ADMIN, Action.PASS), ordered(PolicyTier.BASELINE, Action.DENY), OPEN), True),
        ((ordered(PolicyTier.ADMIN, Action.PASS), ordered(PolicyTier.BASELINE, Action.ALLOW), CLOSED), False),
        ((ordered(PolicyTier.ADMIN, Action.PASS),), True),
    ],
)
def test_what_an_admin_policy_passes_on_is_decided_by_those_beneath_it(policies: tuple[PolicySeen, ...], allowed: bool) -> None:
    assert answers(*policies).allowed is allowed
    assert answers(*policies[::-1]).allowed is allowed


def test_the_reason_names_the_rule_that_passed_it_on() -> None:
    """Without any policy beneath it, the rule that passed the packet on is the only one to name."""
    found = answers(ordered(PolicyTier.ADMIN, Action.PASS))
    assert [(one.policy, one.rule) for one in found.reasons if one.rule] == [("AdminNetworkPolicy admin", "spec.ingress[0]")]
    assert "passes it on" in found.reasons[-1].text


@pytest.mark.parametrize("direction", Direction)
def test_a_port_by_name_is_the_targets_both_ways(direction: Direction) -> None:
    """Two targets call different numbers ``http``; a rule about ``http`` opens to each only its own."""

    def serving(name: str, number: int, protocol: Protocol = Protocol.TCP) -> PodSet:
        port = ContainerPort(protocol=protocol, number=number, name="http")
        return replace(TARGET, name=name, ports=(port,))

    rule = PolicyRule(at=AT, field="spec.rule[0]", peers=(ANYBODY,), ports=(PortRange(name="http"),))
    policy = own(rule, direction=direction)
    low, high, datagrams = serving("low", 80), serving("high", 8080), serving("datagrams", 80, Protocol.UDP)
    source = replace(SOURCE, ports=(ContainerPort(protocol=Protocol.TCP, number=9090, name="http"),))

    def opened(target: PodSet) -> set[int]:
        others = tuple(one for one in (low, high, datagrams) if one is not target)
        return {port for port in (80, 8080, 9090) if answers(policy, pods=(source, target, *others), port=port).allowed}

    assert [opened(one) for one in (low, high, datagrams)] == [{80}, {8080}, set()]


def test_a_port_by_name_beside_one_by_number_opens_both() -> None:
    ports = (PortRange(name="http"), PortRange(first=443, last=443))
    policy = own(PolicyRule(at=AT, field="spec.ingress[0]", ports=ports))
    target = replace(TARGET, ports=(ContainerPort(protocol=Protocol.TCP, number=80, name="http"),))
    opened = {port for port in (80, 443, 8080) if answers(policy, pods=(SOURCE, target), port=port).allowed}
    assert opened == {80, 443}


def test_one_name_for_two_numbers_of_a_pod_opens_both() -> None:
    policy = own(PolicyRule(at=AT, field="spec.ingress[0]", ports=(PortRange(name="http"),)))
    both = tuple(ContainerPort(protocol=Protocol.TCP, number=number, name="http") for number in (80, 8080))
    opened = {
        port for port in (80, 443, 8080) if answers(policy, pods=(SOURCE, replace(TARGET, ports=both)), port=port).allowed
    }
    assert opened == {80, 8080}
