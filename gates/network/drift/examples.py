"""Situations for the gate ``drift``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from arcops.finding import Location
from arcops.gate import Example
from arcops.seen.declared import Declared
from arcops.seen.mesh import MeshSeen, PeerAuthenticationSeen
from arcops.seen.network import (
    NAMESPACE_NAME,
    Complaint,
    ContainerPort,
    Direction,
    Label,
    ManifestFile,
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
    ServicePort,
    ServiceSeen,
)
from arcops.verdict import Verdict
from gates.network.drift.gate import DriftPolicy


def _at(line: int) -> Location:
    return Location(path="shop.yaml", line=line)


def _labels(app: str) -> tuple[Label, ...]:
    return (Label(key="app", value=app),)


def _namespace(name: str, line: int) -> NamespaceSeen:
    return NamespaceSeen(name=name, labels=(Label(key=NAMESPACE_NAME, value=name),), declared=True, at=_at(line))


def _pods(name: str, line: int, namespace: str = "shop") -> PodSet:
    port = ContainerPort(protocol=Protocol.TCP, number=8080)
    return PodSet(kind="Deployment", namespace=namespace, name=name, at=_at(line), labels=_labels(name), ports=(port,))


def _policy(name: str, line: int, *, caller: str = "", port: int = 8080) -> PolicySeen:
    rule = PolicyRule(
        at=_at(line + 5),
        field="spec.ingress[0]",
        peers=(Peer(at=_at(line + 6), pods=Selector(labels=_labels(caller))),),
        ports=(PortRange(first=port, last=port),),
    )
    return PolicySeen(
        kind="NetworkPolicy",
        namespace="shop",
        name=name,
        at=_at(line),
        tier=PolicyTier.NAMESPACE,
        pods=Selector(labels=_labels(name)),
        directions=(Direction.INGRESS,),
        declared=True,
        ingress=(rule,) if caller else (),
    )


_WEB, _DB = _policy("web", 30), _policy("db", 40, caller="web")
_SHOP = Network(
    root="5" * 64,
    files=(ManifestFile(path="shop.yaml", size=2000, sha256="6" * 64),),
    namespaces=(_namespace("shop", 1),),
    pods=(_pods("web", 5), _pods("db", 15)),
    policies=(_WEB, _DB),
)
_SYSTEM = replace(
    _SHOP,
    namespaces=(*_SHOP.namespaces, _namespace("kube-system", 80)),
    pods=(*_SHOP.pods, _pods("dns", 90, "kube-system")),
)


def examples() -> Iterator[Example[DriftPolicy]]:
    def example(name: str, verdict: Verdict, live: Network, *, found: tuple[str, ...] = ()) -> Example[DriftPolicy]:
        evidence = (Declared(network=_SHOP), live)
        return Example(name=name, verdict=verdict, evidence=evidence, policy=DriftPolicy(as_found=found))

    def policies(*live: PolicySeen) -> Network:
        return replace(_SHOP, policies=live)

    yield example("the cluster has exactly what was declared", Verdict.GREEN, _SHOP)
    unused = replace(_policy("unused", 60), pods=Selector(labels=_labels("nothing")))
    yield example("one more policy, which changes nothing", Verdict.GREEN, policies(_WEB, _DB, unused))
    yield example("a namespace that is taken as found", Verdict.GREEN, _SYSTEM, found=("kube-*",))
    yield example("a connection that was declared is gone", Verdict.AMBER, policies(_WEB, _policy("db", 40)))
    yield example("one more port than was declared", Verdict.RED, policies(_WEB, replace(_DB, ingress=(*_DB.ingress, _ssh()))))
    yield example("a policy that was declared is gone", Verdict.RED, policies(_DB))
    yield example("a workload in a namespace that was not declared", Verdict.RED, _SYSTEM)
    service = ServiceSeen(
        namespace="shop",
        name="db",
        at=_at(70),
        kind="NodePort",
        selector=Selector(labels=_labels("db")),
        ports=(ServicePort(name="", protocol=Protocol.TCP, port=80, target=8080, node_port=30080),),
    )
    yield example("an entry from outside that was not declared", Verdict.RED, replace(_SHOP, services=(service,)))
    host = replace(_SHOP.pods[0], host_network=True)
    yield example("a pod that now uses the network of its node", Verdict.RED, replace(_SHOP, pods=(host, _SHOP.pods[1])))
    lax = PeerAuthenticationSeen(namespace="shop", name="lax", at=_at(75), mode="PERMISSIVE", selector=None)
    yield example("the mesh is set to its default", Verdict.GREEN, replace(_SHOP, mesh=MeshSeen(peer_authentications=(lax,))))
    off = replace(lax, mode="DISABLE")
    yield example("the mesh has mutual TLS turned off", Verdict.RED, replace(_SHOP, mesh=MeshSeen(peer_authentications=(off,))))
    unseen = Complaint(
        at=_at(1), about="networkpolicies", field="", text="it was not seen when this was saved: the API server answers 403"
    )
    yield example("a part of the cluster could not be read", Verdict.RED, replace(_SHOP, unread=(unseen,)))
    yield example("every namespace is taken as found", Verdict.GREEN, _SHOP, found=("*",))


def _ssh() -> PolicyRule:
    return replace(_DB.ingress[0], ports=(PortRange(first=22, last=22),))
