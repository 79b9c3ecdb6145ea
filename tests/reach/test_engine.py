"""The engine against the naive reference, on networks of every shape."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.network import (
    Action,
    ContainerPort,
    Direction,
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
from reach.decision import decide
from reach.world import World
from tests.examples import share
from tests.reach.naive import Naive
from tests.reach.networks import ADDRESSES, AT, NUMBERS, networks

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

OUTSIDE = tuple(ip_address(text) for text in ADDRESSES)


@share(0.4, large=True)
@given(network=networks(), data=st.data())
def test_every_packet_fares_as_the_policies_say(network: Network, data: st.DataObject) -> None:
    world, naive = World(network), Naive(network)
    allowed = [world.pairs(one) for one in world.port_classes]
    classes = len(world.first_of_class)
    ends = [(pod, int(world.class_of[position])) for position, pod in enumerate(network.pods)]
    outside = [*OUTSIDE, *world.terrain.outside.domains]
    ends += [(address, classes + world.terrain.outside.position(address)) for address in outside]  # type: ignore[misc]  # both ends
    asked = data.draw(st.lists(st.tuples(st.sampled_from(Protocol), st.sampled_from(NUMBERS)), min_size=2, max_size=2))
    asked += [(one.protocol, one.number) for pod in network.pods for one in pod.ports][:3]
    for protocol, port in asked:
        port_class = int(world.port_class_of[world.terrain.ports.position(protocol, port)])
        for source, row in ends:
            for target, column in ends:
                if row < classes or column < classes:
                    truth = naive.allowed(source, target, protocol, port)
                    assert bool(allowed[port_class][row, column]) is truth, (source, target, protocol, port)
                    assert decide(world, source, target, protocol, port).allowed is truth


@share(0.4, large=True)
@given(network=networks(), data=st.data())
def test_the_reasons_decide(network: Network, data: st.DataObject) -> None:
    """A packet is let through exactly where no side has a reason against it, and each side that has pods has a reason."""
    world = World(network)
    ends = [*network.pods, *OUTSIDE]
    source, target = data.draw(st.sampled_from(ends)), data.draw(st.sampled_from(network.pods))
    found = decide(world, source, target, data.draw(st.sampled_from(Protocol)), data.draw(st.sampled_from(NUMBERS)))
    assert found.reasons
    assert found.allowed is all(reason.allows for reason in found.reasons)


@share(0.4, large=True)
@given(network=networks())
def test_the_order_of_manifests_changes_nothing(network: Network) -> None:
    from dataclasses import replace

    forward, backward = World(network), World(replace(network, policies=network.policies[::-1]))
    for piece in range(len(forward.terrain.ports.pieces)):
        one = forward.pairs(int(forward.port_class_of[piece]))
        other = backward.pairs(int(backward.port_class_of[piece]))
        rows = [*forward.class_of, *range(len(forward.first_of_class), forward.ends)]
        columns = [*backward.class_of, *range(len(backward.first_of_class), backward.ends)]
        assert (one[rows][:, rows] == other[columns][:, columns]).all()


@pytest.mark.parametrize(
    ("subject_on_node", "peer_on_node", "denied"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_policies_for_the_whole_cluster_leave_pods_in_their_nodes_network_alone(
    subject_on_node: bool, peer_on_node: bool, denied: bool
) -> None:
    """As ``policy.networking.k8s.io`` defines it, for subjects and for peers."""

    def pods(name: str, on_node: bool) -> PodSet:
        return PodSet(kind="Pod", namespace="one", name=name, at=AT, labels=(), host_network=on_node)

    everybody = Peer(at=AT, namespaces=Selector(), pods=Selector())
    closed = PolicySeen(
        kind="AdminNetworkPolicy",
        namespace="",
        name="closed",
        at=AT,
        tier=PolicyTier.ADMIN,
        pods=Selector(),
        namespaces=Selector(),
        ingress=(PolicyRule(at=AT, field="spec.ingress[0]", action=Action.DENY, peers=(everybody,)),),
    )
    source, target = pods("source", peer_on_node), pods("target", subject_on_node)
    network = Network(
        root="0" * 64,
        files=(),
        namespaces=(NamespaceSeen(name="one", labels=(), declared=True, at=AT),),
        pods=(source, target),
        policies=(closed,),
    )
    assert decide(World(network), source, target, Protocol.TCP, 80).allowed is not denied


def test_a_port_by_name_is_the_number_that_the_target_gives_it_and_no_other_pods() -> None:
    def pods(name: str, *ports: ContainerPort) -> PodSet:
        return PodSet(kind="Pod", namespace="one", name=name, at=AT, labels=(), ports=ports)

    rule = PolicyRule(at=AT, field="spec.ingress[0]", ports=(PortRange(name="http"),))
    policy = PolicySeen(
        kind="NetworkPolicy",
        namespace="one",
        name="http",
        at=AT,
        tier=PolicyTier.NAMESPACE,
        pods=Selector(),
        directions=(Direction.INGRESS,),
        ingress=(rule,),
    )
    low = pods("low", ContainerPort(protocol=Protocol.TCP, number=80, name="http"))
    high = pods("high", ContainerPort(protocol=Protocol.TCP, number=8080, name="http"))
    other = pods("other", ContainerPort(protocol=Protocol.UDP, number=80, name="http"))
    nameless = pods("nameless", ContainerPort(protocol=Protocol.TCP, number=80))
    namespace = NamespaceSeen(name="one", labels=(), declared=True, at=AT)
    network = Network(root="0" * 64, files=(), namespaces=(namespace,), pods=(low, high, other, nameless), policies=(policy,))
    world = World(network)
    opened = {
        (target.name, port)
        for target in network.pods
        for port in (80, 8080)
        if decide(world, low, target, Protocol.TCP, port).allowed
    }
    assert opened == {("low", 80), ("high", 8080)}
    for port in (80, 8080):
        table = world.pairs(int(world.port_class_of[world.terrain.ports.position(Protocol.TCP, port)]))
        row = int(world.class_of[0])
        reached = {pod.name for number, pod in enumerate(network.pods) if table[row, int(world.class_of[number])]}
        assert reached == {name for name, number in opened if number == port}
