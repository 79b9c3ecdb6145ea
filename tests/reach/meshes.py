"""Small meshes of every shape, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from arcops.seen.mesh import (
    AuthorizationSeen,
    MeshAction,
    MeshConfigSeen,
    MeshMatch,
    MeshRule,
    MeshSeen,
    MeshTerms,
    PeerAuthenticationSeen,
    ServiceEntrySeen,
    SidecarSeen,
)
from arcops.seen.network import Label, NamespaceSeen, Network, PodSet, Protocol, Selector, ServicePort, ServiceSeen
from tests.reach.naive_mesh import ROOT
from tests.reach.networks import AT

NAMESPACES = ("one", "two", ROOT)
PORTS = (80, 5432)
ADDRESSES = ("192.0.2.7", "198.51.100.9")
_MARKS = ((), (Label(key="istio-injection", value="enabled"),), (Label(key="istio.io/dataplane-mode", value="ambient"),))
_namespace, _app = st.sampled_from(("one", "two")), st.sampled_from(("a", "b"))
_selector = st.none() | _app.map(lambda app: Selector(labels=(Label(key="app", value=app),)))

ON_THE_WIRE = {
    "ports": ("80", "5432"),
    "namespaces": ("one", "two", "t*"),
    "principals": ("cluster.local/ns/one/sa/a", "cluster.local/ns/two/sa/*", "*", "*/ns/one/sa/b"),
    "serviceAccounts": ("one/a", "b"),
}
"""Attributes, with values, that every connection to a pod of the mesh tells."""
ASKED = {
    "methods": ("GET",),
    "requestPrincipals": ("*",),
    "ipBlocks": ("192.0.2.0/24",),
    "principals": ("corp/ns/one/sa/a", "corp/*", "*/ns/two/sa/a", "co*"),
}


def _matches(known: dict[str, tuple[str, ...]]) -> st.SearchStrategy[MeshMatch]:
    return st.sampled_from(sorted(known)).flatmap(
        lambda name: st.builds(
            MeshMatch,
            attribute=st.just(name),
            values=st.lists(st.sampled_from(known[name]), min_size=1, max_size=2, unique=True).map(tuple),
            but_not=st.sampled_from((False, False, True)),
        )
    )


def _rules(known: dict[str, tuple[str, ...]]) -> st.SearchStrategy[MeshRule]:
    match = _matches(known)
    terms = st.lists(st.builds(MeshTerms, of=st.lists(match, min_size=1, max_size=2).map(tuple)), max_size=2).map(tuple)
    return st.builds(
        MeshRule,
        at=st.just(AT),
        field=st.just("spec.rules[0]"),
        named=st.just(True),
        sources=terms,
        operations=terms,
        conditions=st.lists(match, max_size=1).map(tuple),
    )


@st.composite
def meshed_networks(draw: st.DrawFn, *, told: bool) -> Network:
    """Pods in and out of a mesh. *told*: nothing in it hangs on what manifests do not tell."""
    rules = _rules(ON_THE_WIRE if told else {**ON_THE_WIRE, **ASKED})
    actions = [MeshAction.ALLOW, MeshAction.DENY, MeshAction.AUDIT] + ([] if told else [MeshAction.CUSTOM])
    authorizations = st.builds(
        AuthorizationSeen,
        namespace=st.sampled_from(NAMESPACES),
        name=st.just("az"),
        at=st.just(AT),
        action=st.sampled_from(actions),
        selector=_selector,
        targeted=st.just(False),
        rules=st.lists(rules, max_size=2).map(tuple),
    )
    modes = st.sampled_from(("STRICT", "STRICT", "PERMISSIVE", "DISABLE", "UNSET"))
    peers = st.builds(
        PeerAuthenticationSeen,
        namespace=st.sampled_from(NAMESPACES),
        name=st.just("pa"),
        at=st.just(AT),
        mode=modes,
        selector=_selector,
        ports=st.tuples(modes),
        numbers=st.just((80,)),
    )
    hosts = ("./*", "one/*", "*/*", "two/a.two.svc.cluster.local", "*/*.two.svc.cluster.local", "*/pay.example", "~/*")
    sidecars = st.builds(
        SidecarSeen,
        namespace=st.sampled_from(NAMESPACES),
        name=st.just("sc"),
        at=st.just(AT),
        outbound=st.sampled_from(("", "REGISTRY_ONLY", "ALLOW_ANY")),
        selector=_selector,
        hosts=st.lists(st.sampled_from(hosts), max_size=2).map(tuple),
    )
    entries = st.builds(
        ServiceEntrySeen,
        namespace=st.sampled_from(NAMESPACES),
        name=st.just("se"),
        at=st.just(AT),
        hosts=st.just(("pay.example",)),
        addresses=st.just(("192.0.2.0/24",)) if told else st.sampled_from((("192.0.2.0/24",), ())),
        exported=st.sampled_from(((), ("*",), (".",), ("one",))),
        ports=st.sampled_from(((), (80,))),
    )

    def scope(one: PeerAuthenticationSeen | SidecarSeen) -> tuple[object, ...]:
        return one.namespace, one.selector

    mode = draw(st.sampled_from(("REGISTRY_ONLY", "ALLOW_ANY") if told else ("REGISTRY_ONLY", "ALLOW_ANY", "")))
    mesh = MeshSeen(
        authorizations=tuple(draw(st.lists(authorizations, max_size=3))),
        peer_authentications=tuple(draw(st.lists(peers, max_size=3, unique_by=scope))),
        sidecars=tuple(draw(st.lists(sidecars, max_size=3, unique_by=scope))),
        service_entries=tuple(draw(st.lists(entries, max_size=1))),
        configs=(MeshConfigSeen(at=AT, about="ConfigMap istio-system/istio", outbound=mode, root_namespace=""),)
        if mode
        else (),
    )
    pods = st.builds(
        lambda namespace, app, account: PodSet(
            kind="Pod", namespace=namespace, name=app, at=AT, labels=(Label(key="app", value=app),), account=account
        ),
        _namespace,
        _app,
        st.sampled_from(("a", "b")),
    )
    services = st.builds(
        lambda namespace, app, port: ServiceSeen(
            namespace=namespace,
            name=app,
            at=AT,
            kind="ClusterIP",
            selector=Selector(labels=(Label(key="app", value=app),)),
            ports=(ServicePort(name="", protocol=Protocol.TCP, port=port, target=port),),
        ),
        _namespace,
        _app,
        st.sampled_from(PORTS),
    )
    return Network(
        root="0" * 64,
        files=(),
        namespaces=tuple(
            NamespaceSeen(name=name, labels=draw(st.sampled_from(_MARKS)), declared=True, at=AT) for name in NAMESPACES
        ),
        pods=tuple(draw(st.lists(pods, min_size=1, max_size=4))),
        services=tuple(draw(st.lists(services, max_size=3, unique_by=lambda one: (one.namespace, one.name)))),
        mesh=mesh,
    )
