"""Situations for the gate ``mesh``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcops.finding import Location
from arcops.gate import Example
from arcops.seen.labels import Label, Selector
from arcops.seen.mesh import (
    AuthorizationSeen,
    DestinationRuleSeen,
    Leads,
    MeshAction,
    MeshConfigSeen,
    MeshGatewaySeen,
    MeshMatch,
    MeshRule,
    MeshSeen,
    MeshTerms,
    PeerAuthenticationSeen,
    ServiceEntrySeen,
    SidecarSeen,
    VirtualServiceSeen,
)
from arcops.seen.network import ManifestFile, NamespaceSeen, Network, PodSet
from arcops.verdict import Verdict
from gates.network.mesh.gate import MeshPolicy


def _at(line: int) -> Location:
    return Location(path="mesh.yaml", line=line)


_DENY = AuthorizationSeen(
    namespace="shop", name="deny", at=_at(10), action=MeshAction.ALLOW, selector=None, targeted=False, rules=()
)
_WEB = ("cluster.local/ns/shop/sa/web",)
_FROM_WEB = (MeshTerms(of=(MeshMatch(attribute="principals", values=_WEB),)),)
_CALL = MeshRule(at=_at(25), field="spec.rules[0]", named=True, identities=_WEB, limited=True, sources=_FROM_WEB)
_DB = replace(_DENY, name="db", at=_at(20), rules=(_CALL,))
_STRICT = PeerAuthenticationSeen(namespace="shop", name="strict", at=_at(30), mode="STRICT", selector=None)
_SIDECAR = SidecarSeen(namespace="shop", name="default", at=_at(40), outbound="REGISTRY_ONLY", selector=None)
_ENTRY = ServiceEntrySeen(namespace="shop", name="pay", at=_at(50), hosts=("pay.example",), exported=(".",))
_MESH = MeshSeen(authorizations=(_DENY, _DB), peer_authentications=(_STRICT,), sidecars=(_SIDECAR,), service_entries=(_ENTRY,))
_SHOP = Network(
    root="5" * 64,
    files=(ManifestFile(path="mesh.yaml", size=2000, sha256="6" * 64),),
    namespaces=(NamespaceSeen(name="shop", labels=(Label(key="istio-injection", value="enabled"),), declared=True, at=_at(1)),),
    pods=(PodSet(kind="Deployment", namespace="shop", name="db", at=_at(3), labels=(Label(key="app", value="db"),)),),
    mesh=_MESH,
)


def examples() -> Iterator[Example[MeshPolicy]]:
    def example(name: str, verdict: Verdict, mesh: MeshSeen, policy: MeshPolicy | None = None) -> Example[MeshPolicy]:
        return Example(name=name, verdict=verdict, evidence=(replace(_SHOP, mesh=mesh),), policy=policy or MeshPolicy())

    yield example("strict, denied by default, registry only", Verdict.GREEN, _MESH)
    outside = replace(_SHOP, namespaces=(replace(_SHOP.namespaces[0], labels=()),), mesh=MeshSeen())
    yield Example(name="no mesh at all", verdict=Verdict.GREEN, evidence=(outside,), policy=MeshPolicy())
    yield Example(
        name="no mesh, but the policy requires one",
        verdict=Verdict.RED,
        evidence=(outside,),
        policy=MeshPolicy(required=True),
    )
    everywhere = replace(_ENTRY, exported=())
    yield example("a host registered for every namespace", Verdict.AMBER, replace(_MESH, service_entries=(everywhere,)))
    wild = replace(_ENTRY, hosts=("*.example",))
    yield example("a host with a wildcard", Verdict.RED, replace(_MESH, service_entries=(wild,)))
    yield example("no object makes mutual TLS strict", Verdict.RED, replace(_MESH, peer_authentications=()))
    permissive = replace(_STRICT, mode="PERMISSIVE")
    yield example("plain text is accepted, too", Verdict.RED, replace(_MESH, peer_authentications=(permissive,)))
    by_port = replace(_STRICT, ports=("DISABLE",))
    yield example("plain text on one port", Verdict.RED, replace(_MESH, peer_authentications=(by_port,)))
    plain = DestinationRuleSeen(namespace="shop", name="db", at=_at(60), host="db", modes=("DISABLE",))
    yield example("TLS is turned off for one host", Verdict.RED, replace(_MESH, destination_rules=(plain,)))
    yield example("no policy denies by default", Verdict.RED, replace(_MESH, authorizations=(_DB,)))
    anyone = replace(_DB, rules=(replace(_CALL, named=False, identities=(), sources=()),))
    yield example("a rule that allows any caller", Verdict.RED, replace(_MESH, authorizations=(_DENY, anyone)))
    yield example("no Sidecar restricts outbound traffic", Verdict.RED, replace(_MESH, sidecars=()))
    config = MeshConfigSeen(at=_at(70), about="ConfigMap istio-system/istio", outbound="REGISTRY_ONLY", root_namespace="")
    yield example("the whole mesh is registry only", Verdict.GREEN, replace(_MESH, sidecars=(), configs=(config,)))
    loose = replace(_SIDECAR, outbound="ALLOW_ANY")
    yield example(
        "a Sidecar that allows all outbound traffic", Verdict.RED, replace(_MESH, sidecars=(loose,), configs=(config,))
    )
    yield from (Example(name=name, verdict=verdict, evidence=one, policy=MeshPolicy()) for name, verdict, one in _egress())


def _egress() -> Iterator[tuple[str, Verdict, tuple[Network]]]:
    """A gateway out of the mesh for one identity, which leads to one registered host."""
    gateway = MeshGatewaySeen(
        namespace="egress",
        name="pay",
        at=_at(80),
        selector=Selector(labels=(Label(key="istio", value="egress"),)),
        hosts=("pay.example",),
    )
    guard = replace(_DB, namespace="egress", name="pay", at=_at(90), selector=gateway.selector)
    home = Leads(at=_at(105), gateways=("egress/pay",), hosts=("pay.example",))
    led = VirtualServiceSeen(
        namespace="shop",
        name="pay",
        at=_at(100),
        hosts=("pay.example",),
        gateways=("mesh", "egress/pay"),
        routes=(replace(home, gateways=("mesh",), hosts=("egress.egress.svc",)), home),
    )
    through = replace(
        _MESH,
        authorizations=(_DENY, _DB, guard),
        service_entries=(replace(_ENTRY, exported=(".", "egress")),),
        gateways=(gateway,),
        virtual_services=(led,),
    )

    def shop(mesh: MeshSeen) -> tuple[Network]:
        return (replace(_SHOP, mesh=mesh),)

    yield "an egress gateway for one identity and one host", Verdict.GREEN, shop(through)
    entry = replace(_ENTRY, hosts=("api.example",))
    unknown = replace(
        through, service_entries=(*through.service_entries, entry), gateways=(replace(gateway, hosts=("x.example",)),)
    )
    yield "an egress gateway for a host that is not registered", Verdict.AMBER, shop(unknown)
    yield "an egress gateway for the whole mesh", Verdict.RED, shop(replace(through, authorizations=(_DENY, _DB)))
    astray = replace(led, routes=(replace(home, hosts=("db.shop.svc",)),))
    yield "an egress gateway that leads somewhere else", Verdict.RED, shop(replace(through, virtual_services=(astray,)))
    strange = replace(led, unclear="http")
    yield (
        "an egress gateway with routes that ArcOps cannot judge",
        Verdict.RED,
        shop(replace(through, virtual_services=(strange,))),
    )
