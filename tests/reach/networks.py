"""Small networks of every shape, for property tests: few labels, ports and addresses, so that rules meet what they name."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from arcops.finding import Location
from arcops.seen.network import (
    NAMESPACE_NAME,
    Action,
    Block,
    ContainerPort,
    Direction,
    Label,
    NamespaceSeen,
    Network,
    Operator,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PolicyTier,
    PortRange,
    Protocol,
    Requirement,
    Selector,
)

AT = Location(path="made.yaml", line=1)
NAMESPACES = ("one", "two")
KEYS = ("app", "tier")
VALUES = ("a", "b")
NUMBERS = (1, 53, 80, 81, 65535)
ADDRESSES = (  # addresses to ask about; no one binds to them
    "0.0.0.0",  # noqa: S104  # an address to ask about, not to bind to
    "9.255.255.255",
    "10.0.0.0",
    "10.1.2.3",
    "10.255.255.255",
    "11.0.0.0",
    "169.254.169.254",
    "::1",
    "2001:db8::5",
)

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)).map(
    lambda given: tuple(Label(key=key, value=value) for key, value in sorted(given.items()))
)
requirements = st.one_of(
    st.builds(
        Requirement,
        key=st.sampled_from(KEYS),
        operator=st.sampled_from((Operator.IN, Operator.NOT_IN)),
        values=st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True).map(tuple),
    ),
    st.builds(Requirement, key=st.sampled_from(KEYS), operator=st.sampled_from((Operator.EXISTS, Operator.DOES_NOT_EXIST))),
)
selectors = st.one_of(
    st.just(Selector()),
    st.builds(Selector, labels=labels),
    st.builds(Selector, labels=labels, expressions=st.lists(requirements, min_size=1, max_size=1).map(tuple)),
)
namespace_selectors = st.one_of(
    selectors,
    st.sampled_from(NAMESPACES).map(lambda name: Selector(labels=(Label(key=NAMESPACE_NAME, value=name),))),
)
blocks = st.sampled_from(
    (
        Block(cidr="0.0.0.0/0"),
        Block(cidr="::/0"),
        Block(cidr="10.0.0.0/8"),
        Block(cidr="10.0.0.0/8", excepts=("10.1.0.0/16",)),
        Block(cidr="0.0.0.0/0", excepts=("169.254.169.254/32", "10.0.0.0/8")),
        Block(cidr="10.1.2.3/32"),
        Block(cidr="2001:db8::/32"),
        Block(cidr=""),
    )
)
ports = st.one_of(
    st.builds(PortRange, protocol=st.sampled_from(Protocol)),
    st.builds(
        lambda protocol, pair: PortRange(protocol=protocol, first=min(pair), last=max(pair)),
        st.sampled_from(Protocol),
        st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS)),
    ),
    st.builds(PortRange, protocol=st.sampled_from([*Protocol, None]), name=st.sampled_from(("http", "http", "dns"))),
)
some_ports = st.just(()) | st.lists(ports, min_size=1, max_size=2).map(tuple)
pod_peers = st.builds(Peer, at=st.just(AT), namespaces=namespace_selectors, pods=selectors)
own_peers = st.one_of(
    pod_peers,
    st.builds(Peer, at=st.just(AT), pods=selectors),
    st.builds(Peer, at=st.just(AT), namespaces=namespace_selectors),
    st.builds(Peer, at=st.just(AT), block=blocks),
)
rules = st.builds(
    PolicyRule,
    at=st.just(AT),
    field=st.just("spec.rule"),
    peers=st.lists(own_peers, max_size=2).map(tuple),
    ports=some_ports,
)


NAMES = ("pay.example", "*.example")
cilium_rules = st.builds(
    PolicyRule,
    at=st.just(AT),
    field=st.just("spec.rule"),
    action=st.sampled_from((Action.ALLOW, Action.ALLOW, Action.DENY)),
    peers=st.lists(own_peers | st.sampled_from(NAMES).map(lambda name: Peer(at=AT, domain=name)), max_size=2).map(tuple),
    ports=some_ports,
)
some_directions = st.sampled_from(((), (Direction.INGRESS,), (Direction.EGRESS,), (Direction.INGRESS, Direction.EGRESS)))


def ordered_rules(actions: list[Action], outside: bool) -> st.SearchStrategy[tuple[PolicyRule, ...]]:
    peers = st.one_of(pod_peers, st.builds(Peer, at=st.just(AT), block=blocks)) if outside else pod_peers
    one = st.builds(
        PolicyRule,
        at=st.just(AT),
        field=st.just("spec.rule"),
        action=st.sampled_from(actions),
        peers=st.lists(peers, min_size=1, max_size=2).map(tuple),
        ports=some_ports,
    )
    return st.lists(one, min_size=1, max_size=3).map(tuple)


own_policies = st.builds(
    PolicySeen,
    kind=st.just("NetworkPolicy"),
    namespace=st.sampled_from(NAMESPACES),
    name=st.just("np"),
    at=st.just(AT),
    tier=st.just(PolicyTier.NAMESPACE),
    pods=selectors,
    directions=st.sampled_from(((Direction.INGRESS,), (Direction.EGRESS,), (Direction.INGRESS, Direction.EGRESS))),
    ingress=st.lists(rules, min_size=1, max_size=2).map(tuple),
    egress=st.lists(rules, min_size=1, max_size=2).map(tuple),
)


def cilium_policies(kind: str) -> st.SearchStrategy[PolicySeen]:
    """Of one namespace, or (clusterwide) of those that it selects; a policy may count if it closes nothing."""
    everywhere = kind == "CiliumClusterwideNetworkPolicy"
    return st.builds(
        PolicySeen,
        kind=st.just(kind),
        namespace=st.just("") if everywhere else st.sampled_from(NAMESPACES),
        name=st.just("cnp"),
        at=st.just(AT),
        tier=st.just(PolicyTier.NAMESPACE),
        pods=selectors,
        namespaces=namespace_selectors if everywhere else st.none(),
        directions=some_directions,
        ingress=st.lists(cilium_rules, max_size=2).map(tuple),
        egress=st.lists(cilium_rules, max_size=2).map(tuple),
    )


def cluster_policies(tier: PolicyTier, actions: list[Action]) -> st.SearchStrategy[PolicySeen]:
    return st.builds(
        PolicySeen,
        kind=st.just("AdminNetworkPolicy"),
        namespace=st.just(""),
        name=st.sampled_from(("x", "y")),
        at=st.just(AT),
        tier=st.just(tier),
        pods=selectors,
        namespaces=namespace_selectors,
        priority=st.integers(0, 3),
        ingress=ordered_rules(actions, outside=False),
        egress=ordered_rules(actions, outside=True),
    )


def calico_policies(tier: PolicyTier, stages: tuple[int, ...], *, beside: bool) -> st.SearchStrategy[PolicySeen]:
    """Of one namespace, or (global) of those that it selects; in the tier of the NetworkPolicies, or in another."""

    def one(kind: str) -> st.SearchStrategy[PolicySeen]:
        everywhere = kind == "GlobalNetworkPolicy"
        return st.builds(
            PolicySeen,
            kind=st.just(kind),
            namespace=st.just("") if everywhere else st.sampled_from(NAMESPACES),
            name=st.just("calico"),
            at=st.just(AT),
            tier=st.just(tier),
            pods=selectors,
            namespaces=namespace_selectors if everywhere else st.none(),
            priority=st.integers(0, 9),
            directions=st.sampled_from(((Direction.INGRESS,), (Direction.EGRESS,), (Direction.INGRESS, Direction.EGRESS))),
            ingress=ordered_rules([Action.ALLOW, Action.DENY, Action.PASS], outside=True),
            egress=ordered_rules([Action.ALLOW, Action.DENY, Action.PASS], outside=True),
            stage=st.sampled_from(stages),
            beside=st.just(beside),
            closes=st.just(False) if beside else st.booleans(),
        ).map(_counting)

    return one("CalicoNetworkPolicy") | one("GlobalNetworkPolicy")


def _counting(policy: PolicySeen) -> PolicySeen:
    """Rules of a direction that is not among its types are left out when a policy is read."""
    kept = {way: rules if way in policy.directions else () for way, rules in _sides(policy).items()}
    return replace(policy, ingress=kept[Direction.INGRESS], egress=kept[Direction.EGRESS])


def _sides(policy: PolicySeen) -> dict[Direction, tuple[PolicyRule, ...]]:
    return {Direction.INGRESS: policy.ingress, Direction.EGRESS: policy.egress}


pods = st.builds(
    PodSet,
    kind=st.just("Pod"),
    namespace=st.sampled_from(NAMESPACES),
    name=st.just("p"),
    at=st.just(AT),
    labels=labels,
    ports=st.lists(
        st.builds(
            ContainerPort,
            protocol=st.sampled_from((Protocol.TCP, Protocol.UDP)),
            number=st.sampled_from(NUMBERS),
            name=st.sampled_from(("http", "http", "dns")),
        ),
        max_size=3,
    ).map(tuple),
    host_network=st.sampled_from((False, False, False, True)),
)
_admin = cluster_policies(PolicyTier.ADMIN, [Action.ALLOW, Action.DENY, Action.PASS])
_of_cilium = cilium_policies("CiliumNetworkPolicy") | cilium_policies("CiliumClusterwideNetworkPolicy")
_baseline = cluster_policies(PolicyTier.BASELINE, [Action.ALLOW, Action.DENY])


_of_calico = (
    calico_policies(PolicyTier.ADMIN, (1, 2), beside=False)
    | calico_policies(PolicyTier.ADMIN, (9,), beside=True)
    | calico_policies(PolicyTier.LATE, (9,), beside=True)
    | calico_policies(PolicyTier.BASELINE, (0, 11), beside=False)
)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A network with up to six pods. Policies of one tier and priority do not occur: what they mean is undefined."""
    policies = draw(st.lists(own_policies, min_size=1, max_size=4))
    policies += draw(st.just([]) | st.lists(_of_cilium, min_size=1, max_size=3))
    policies += draw(st.just([]) | st.lists(_admin, min_size=1, max_size=2, unique_by=lambda one: one.priority))
    policies += draw(st.lists(_baseline, max_size=1))
    policies += draw(
        st.just([])
        | st.lists(_of_calico, min_size=1, max_size=4, unique_by=lambda one: (one.tier, one.stage, one.priority, one.kind))
    )
    return Network(
        root="0" * 64,
        files=(),
        namespaces=tuple(
            NamespaceSeen(
                name=name,
                labels=tuple(sorted((*draw(labels), Label(key=NAMESPACE_NAME, value=name)))),
                declared=True,
                at=AT,
            )
            for name in NAMESPACES
        ),
        pods=tuple(draw(st.lists(pods, min_size=1, max_size=6))),
        policies=tuple(draw(st.permutations(policies))),
    )
