"""Situations for the gate ``network``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcops.finding import Location
from arcops.gate import Example
from arcops.seen.network import (
    METADATA_SERVICES,
    NAMESPACE_NAME,
    Action,
    Block,
    Complaint,
    ContainerPort,
    Direction,
    Label,
    ManifestFile,
    NamespaceSeen,
    Network,
    OtherObject,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PolicyTier,
    PortRange,
    Protocol,
    Selector,
    ServicePort,
    ServiceSeen,
)
from arcops.verdict import Verdict
from gates.network.network.gate import NetworkSafetyPolicy

_BOTH = (Direction.INGRESS, Direction.EGRESS)
_SITE = NetworkSafetyPolicy(enforcer="calico", api_server=("10.96.0.1",))


def _at(line: int) -> Location:
    return Location(path="shop.yaml", line=line)


def _named(**labels: str) -> Selector:
    return Selector(labels=tuple(Label(key=key, value=value) for key, value in labels.items()))


def _pods(kind: str, name: str, port: int, line: int) -> PodSet:
    return PodSet(
        kind=kind,
        namespace="shop",
        name=name,
        at=_at(line),
        labels=(Label(key="app", value=name),),
        ports=(ContainerPort(protocol=Protocol.TCP, number=port),),
    )


def _policy(
    name: str, pods: Selector, line: int, ingress: tuple[PolicyRule, ...] = (), egress: tuple[PolicyRule, ...] = ()
) -> PolicySeen:
    return PolicySeen(
        kind="NetworkPolicy",
        namespace="shop",
        name=name,
        at=_at(line),
        tier=PolicyTier.NAMESPACE,
        pods=pods,
        directions=_BOTH,
        declared=True,
        ingress=ingress,
        egress=egress,
    )


_POSTGRES = (PortRange(first=5432, last=5432),)
_DENY = _policy("deny", Selector(), 40)
_WEB = _policy(
    "web",
    _named(app="web"),
    50,
    egress=(PolicyRule(at=_at(55), field="spec.egress[0]", peers=(Peer(at=_at(56), pods=_named(app="db")),), ports=_POSTGRES),),
)
_DB = _policy(
    "db",
    _named(app="db"),
    70,
    ingress=(
        PolicyRule(at=_at(75), field="spec.ingress[0]", peers=(Peer(at=_at(76), pods=_named(app="web")),), ports=_POSTGRES),
    ),
)
_SHOP = Network(
    root="5" * 64,
    files=(ManifestFile(path="shop.yaml", size=2000, sha256="6" * 64),),
    namespaces=(NamespaceSeen(name="shop", labels=(Label(key=NAMESPACE_NAME, value="shop"),), declared=True, at=_at(1)),),
    pods=(_pods("Deployment", "web", 8080, 5), _pods("StatefulSet", "db", 5432, 20)),
    policies=(_DENY, _WEB, _DB),
)
_ANYWHERE = PolicyRule(at=_at(60), field="spec.egress[1]")


def _going(*peers: Peer, ports: tuple[PortRange, ...] = _POSTGRES) -> Network:
    """The shop, whose web pods may also reach *peers*."""
    rule = PolicyRule(at=_at(60), field="spec.egress[1]", peers=peers, ports=ports)
    return replace(_SHOP, policies=(_DENY, replace(_WEB, egress=(*_WEB.egress, rule)), _DB))


def examples() -> Iterator[Example[NetworkSafetyPolicy]]:
    def example(
        name: str, verdict: Verdict, shop: Network, policy: NetworkSafetyPolicy = _SITE
    ) -> Example[NetworkSafetyPolicy]:
        return Example(name=name, verdict=verdict, evidence=(shop,), policy=policy)

    yield example("web may connect to db, and no other connection is allowed", Verdict.GREEN, _SHOP)
    service = ServiceSeen(
        namespace="shop",
        name="web",
        at=_at(90),
        kind="LoadBalancer",
        selector=_named(app="web"),
        ports=(ServicePort(name="http", protocol=Protocol.TCP, port=80, target=8080),),
    )
    opened = replace(_SHOP, services=(service,))
    yield example(
        "an entry from outside that the policy lists", Verdict.GREEN, opened, replace(_SITE, entries=("Service shop/web",))
    )
    asking = _going(Peer(at=_at(61), block=Block(cidr="10.96.0.1/32")), ports=(PortRange(first=443, last=443),))
    yield example("a workload that reaches the API server", Verdict.RED, asking)
    yield example(
        "a workload that the policy says needs the API server",
        Verdict.GREEN,
        asking,
        replace(_SITE, api_clients=("Deployment shop/web",)),
    )
    stray = _policy("stray", _named(app="shopp"), 80)
    yield example("a policy that selects nothing", Verdict.AMBER, replace(_SHOP, policies=(*_SHOP.policies, stray)))
    yield example(
        "a rule that opens every port to its peer", Verdict.AMBER, _going(Peer(at=_at(61), pods=_named(app="db")), ports=())
    )
    yield example("every pod is closed now, but a new pod would be open", Verdict.AMBER, replace(_SHOP, policies=(_WEB, _DB)))
    yield example("no policy at all", Verdict.RED, replace(_SHOP, policies=()))
    yield example("the policy does not name the network plugin", Verdict.RED, _SHOP, replace(_SITE, enforcer=""))
    yield example("a plugin that enforces nothing", Verdict.RED, _SHOP, replace(_SITE, enforcer="flannel"))
    wide = replace(_WEB, egress=(*_WEB.egress, _ANYWHERE))
    yield example("egress: [{}]", Verdict.RED, replace(_SHOP, policies=(_DENY, wide, _DB)))
    yield example("egress to every address", Verdict.RED, _going(Peer(at=_at(61), block=Block(cidr="0.0.0.0/0"))))
    near = Block(cidr="169.254.0.0/16")
    yield example(
        "the metadata service is within reach",
        Verdict.RED,
        _going(Peer(at=_at(61), block=near), ports=(PortRange(first=80, last=80),)),
    )
    api = Block(cidr="10.96.0.0/24")
    https = (PortRange(first=443, last=443),)
    yield example("the API server is within reach", Verdict.RED, _going(Peer(at=_at(61), block=api), ports=https))
    yield example(
        "the address of the API server is not known, and it may be reachable",
        Verdict.RED,
        _going(Peer(at=_at(61), block=Block(cidr="192.0.2.7/32")), ports=https),
        replace(_SITE, api_server=()),
    )
    dns = (PortRange(protocol=Protocol.UDP, first=53, last=53),)
    system = Selector(labels=(Label(key=NAMESPACE_NAME, value="kube-system"),))
    yield example("DNS opened to all of kube-system", Verdict.RED, _going(Peer(at=_at(61), namespaces=system), ports=dns))
    marked = Selector(labels=(Label(key="k8s-app", value="kube-dns"),))
    yield example(
        "DNS opened to the DNS pods only", Verdict.GREEN, _going(Peer(at=_at(61), namespaces=system, pods=marked), ports=dns)
    )
    yield example("every pod of every namespace", Verdict.RED, _going(Peer(at=_at(61), namespaces=Selector())))
    idle = replace(_DB, directions=(Direction.EGRESS,))
    yield example(
        "ingress rules whose direction is missing in policyTypes", Verdict.RED, replace(_SHOP, policies=(_DENY, _WEB, idle))
    )
    yield example("an entry from outside that the policy does not list", Verdict.RED, opened)
    host = replace(_SHOP.pods[0], host_network=True)
    yield example("a pod in the network of its node", Verdict.RED, replace(_SHOP, pods=(host, _SHOP.pods[1])))
    broken = Complaint(at=_at(9), about="", field="", text="it is not YAML")
    yield example("a file that cannot be read", Verdict.RED, replace(_SHOP, unread=(broken,)))
    refused = Complaint(at=_at(52), about="NetworkPolicy shop/web", field="spec.egress[0].to[0]", text="it names no peer")
    yield example("an object that the API server refuses", Verdict.RED, replace(_SHOP, refused=(refused,)))
    other = OtherObject(
        group="cilium.io", kind="CiliumLocalRedirectPolicy", namespace="shop", name="x", at=_at(95), harmless=False
    )
    yield example("a policy of a kind that ArcOps does not know", Verdict.RED, replace(_SHOP, others=(other,)))
    yield from (Example(name=name, verdict=verdict, evidence=(one,), policy=site) for name, verdict, one, site in _by_name())


def _by_name() -> Iterator[tuple[str, Verdict, Network, NetworkSafetyPolicy]]:
    """The shop, whose web pods may also reach hosts by name, as Cilium allows it."""
    site = replace(_SITE, enforcer="cilium")
    https = (PortRange(first=443, last=443),)
    shut = tuple(Peer(at=_at(64), block=Block(cidr=one)) for one in (*METADATA_SERVICES, "10.96.0.1"))
    deny = PolicyRule(at=_at(63), field="spec.egressDeny[0]", action=Action.DENY, peers=shut)

    def shop(name: str, *rules: PolicyRule) -> Network:
        rule = PolicyRule(at=_at(60), field="spec.egress[0]", peers=(Peer(at=_at(61), domain=name),), ports=https)
        hosts = replace(_policy("hosts", _named(app="web"), 58, egress=(rule, *rules)), kind="CiliumNetworkPolicy")
        return replace(_SHOP, policies=(*_SHOP.policies, hosts))

    yield "one host by its exact name, which can never be the metadata service", Verdict.GREEN, shop("pay.example", deny), site
    yield "every host of a domain", Verdict.AMBER, shop("*.pay.example", deny), site
    yield "every host name", Verdict.RED, shop("*", deny), site
    yield "a host whose name may resolve to the metadata service", Verdict.RED, shop("pay.example"), site
    yield "a host by name, but the plugin supports only addresses", Verdict.RED, shop("pay.example", deny), _SITE
