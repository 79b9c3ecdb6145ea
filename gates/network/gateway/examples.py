"""Situations for the gate ``gateway``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from arcops.finding import Location
from arcops.gate import Example
from arcops.seen.network import (
    Backend,
    BackendTlsSeen,
    GatewaySeen,
    Label,
    ListenerSeen,
    ManifestFile,
    NamespaceSeen,
    Network,
    ParentRef,
    PodSet,
    Protocol,
    RouteSeen,
    Selector,
    ServicePort,
    ServiceSeen,
)
from arcops.verdict import Verdict
from gates.network.gateway.gate import GatewayPolicy

_WEB = (Label(key="app", value="web"),)


def _at(line: int) -> Location:
    return Location(path="gateway.yaml", line=line)


_LISTENER = ListenerSeen(at=_at(12), name="https", hostname="*", port=443, protocol="HTTPS", routes_from="Same")
_GATEWAY = GatewaySeen(namespace="shop", name="edge", at=_at(8), listeners=(_LISTENER,))
_ROUTE = RouteSeen(
    kind="HTTPRoute",
    namespace="shop",
    name="web",
    at=_at(20),
    hosts=("shop.example",),
    parents=(ParentRef(at=_at(24), kind="Gateway", namespace="shop", name="edge"),),
    backends=(Backend(at=_at(28), field="spec.rules[0].backendRefs[0]", namespace="shop", name="web", port=443),),
)
_SHOP = Network(
    root="5" * 64,
    files=(ManifestFile(path="gateway.yaml", size=2000, sha256="6" * 64),),
    namespaces=(NamespaceSeen(name="shop", labels=(), declared=True, at=_at(1)),),
    pods=(PodSet(kind="Deployment", namespace="shop", name="web", at=_at(3), labels=_WEB),),
    services=(
        ServiceSeen(
            namespace="shop",
            name="web",
            at=_at(40),
            kind="ClusterIP",
            selector=Selector(labels=_WEB),
            ports=(ServicePort(name="https", protocol=Protocol.TCP, port=443, target=8443),),
        ),
    ),
    routes=(_ROUTE,),
    gateways=(_GATEWAY,),
    backend_tls=(BackendTlsSeen(namespace="shop", name="web", at=_at(50), service="web"),),
)


def examples() -> Iterator[Example[GatewayPolicy]]:
    def example(name: str, verdict: Verdict, policy: GatewayPolicy | None = None, **change: Any) -> Example[GatewayPolicy]:
        body = replace(_SHOP, **change)
        return Example(name=name, verdict=verdict, evidence=(body,), policy=policy or GatewayPolicy())

    yield example("an exact host name, with TLS from end to end", Verdict.GREEN)
    yield example("no object requires TLS to the backend", Verdict.AMBER, backend_tls=())
    yield example(
        "plain text to backends, which this policy accepts", Verdict.GREEN, GatewayPolicy(plain_backends=True), backend_tls=()
    )
    yield example("a route to no Gateway", Verdict.AMBER, routes=(replace(_ROUTE, parents=()),))
    yield example("a Gateway that no manifest defines", Verdict.RED, gateways=())
    elsewhere = replace(_GATEWAY, namespace="edge")
    parent = replace(_ROUTE.parents[0], namespace="edge")
    yield example(
        "a Gateway that accepts no routes from this namespace",
        Verdict.RED,
        gateways=(elsewhere,),
        routes=(replace(_ROUTE, parents=(parent,)),),
    )
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("a listener for every namespace", {"routes_from": "All"}),
        ("a listener that uses plain text", {"protocol": "HTTP"}),
        ("a listener for another host", {"hostname": "other.example"}),
        ("a listener for other routes", {"kinds": ("GRPCRoute",)}),
    )
    for name, change in changes:
        listener = replace(_LISTENER, **change)
        yield example(name, Verdict.RED, gateways=(replace(_GATEWAY, listeners=(listener,)),))
    yield example("a host name with a wildcard", Verdict.RED, routes=(replace(_ROUTE, hosts=("*.example",)),))
    yield example("any host name", Verdict.RED, routes=(replace(_ROUTE, hosts=("*",)),))
    twin = replace(_ROUTE, namespace="other", backends=(), parents=())
    yield example("a host name that two namespaces claim", Verdict.RED, routes=(_ROUTE, twin))
