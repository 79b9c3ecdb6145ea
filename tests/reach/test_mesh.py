"""The mesh's answer is that of a reference which knows every fact; only what no manifest tells makes it uncertain."""

from __future__ import annotations

import itertools
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.network import Network, Protocol
from reach.decision import End, Layer
from reach.mesh_layer import MeshLayer
from reach.question import Answer, ask
from tasks.network.network import network_of
from tests.examples import share
from tests.gates.test_mesh import IN_MESH, MESH
from tests.manifests import POLICIES, SHOP, changed
from tests.reach.meshes import ADDRESSES, PORTS, meshed_networks
from tests.reach.naive_mesh import Facts, NaiveMesh, leads

pytestmark = pytest.mark.requirement("ARC-B2/the-mesh-is-part-of-the-answer")

FACTS = [
    Facts(
        trust_domain=domain,
        method=method,
        token=token,
        consents=consents,
        resolves=resolves,
        encrypts_what_it_does_not_know=encrypts,
        mode=mode,
    )
    for domain, method, token, consents, resolves, encrypts, mode in itertools.product(
        ("cluster.local", "corp"),
        ("GET", "PUT"),
        ("", "somebody"),
        (True, False),
        (True, False),
        (True, False),
        ("ALLOW_ANY", "REGISTRY_ONLY"),
    )
]


@share(0.4)
@given(st.data())
def test_what_is_certain_holds_whatever_manifests_do_not_tell(data: st.DataObject) -> None:
    network = data.draw(meshed_networks(told=False))
    layer = MeshLayer(network)
    for source, target, port in asked(network, data):
        for service in [None, *(one for one in network.services if leads_to(one, target, port))]:
            said = layer.say(source, target, Protocol.TCP, port, service)
            answers = {NaiveMesh(network, facts).allowed(source, target, port, service) for facts in FACTS}
            if said.doubts:
                assert said.allowed, "what may be open is said to be open"
            else:
                assert answers == {said.allowed}
                assert all(one.layer is Layer.MESH and one.text for one in said.reasons)
                assert said.allowed or said.reasons, "a no has its reason"


@share(0.5)
@given(meshed_networks(told=True))
def test_what_manifests_tell_is_certain(network: Network) -> None:
    """If every fact is told but one (what a sidecar sends to an unknown destination), only that one makes doubts."""
    layer = MeshLayer(network)
    references = [NaiveMesh(network, Facts(encrypts_what_it_does_not_know=encrypts)) for encrypts in (False, True)]
    for source, target in pairs(network):
        for port in PORTS:
            said = layer.say(source, target, Protocol.TCP, port, None)
            answers = {one.allowed(source, target, port, None) for one in references}
            if len(answers) == 2:
                assert said.allowed
                assert said.doubts
            elif not said.doubts:
                assert answers == {said.allowed}
            else:
                assert any("may send plain text" in one or "depending on facts" in one for one in said.doubts)


def pairs(network: Network) -> list[tuple[End, End]]:
    ends: list[End] = [*network.pods, *map(ip_address, ADDRESSES)]
    return [(a, b) for a in ends for b in ends if a is not b and (a in network.pods or b in network.pods)]


def asked(network: Network, data: st.DataObject) -> list[tuple[End, End, int]]:
    chosen = data.draw(st.lists(st.sampled_from(pairs(network)), min_size=1, max_size=4))
    return [(a, b, port) for a, b in chosen for port in PORTS]


def leads_to(service: object, target: End, port: int) -> bool:
    from arcops.seen.network import PodSet, ServiceSeen

    return isinstance(service, ServiceSeen) and isinstance(target, PodSet) and leads(service, target, port)


ACCOUNT = "    metadata: {labels: {app: web}}\n    spec:\n"
WEB = changed(IN_MESH, ACCOUNT, f"{ACCOUNT}      serviceAccountName: web\n")


def answer(mesh: str, *, shop: str = WEB, source: str = "shop/web", to: str = "db:5432", policies: str = POLICIES) -> Answer:
    return ask(
        network_of([("shop.yaml", shop.encode()), ("policies.yaml", policies.encode()), ("mesh.yaml", mesh.encode())]),
        source,
        to,
    )


def said(found: Answer) -> list[str]:
    """The mesh's reasons, as FILE:LINE and what decides there."""
    return [
        f"{one.at.path}:{one.at.line} {one.policy} {one.rule}".strip()
        for connection in found.connections
        for one in connection.reasons
        if one.layer is Layer.MESH and one.at is not None
    ]


STRICT, LISTS = "mesh.yaml:1 PeerAuthentication shop/strict", "mesh.yaml:20 Sidecar shop/default"
LET_IN = "mesh.yaml:17 AuthorizationPolicy shop/db spec.rules[0]"
OUTSIDE = changed(WEB, "labels: {app: web}}\n    spec:", "labels: {app: web, sidecar.istio.io/inject: 'false'}}\n    spec:")
EXCLUDED = changed(
    WEB,
    "    metadata: {labels: {app: web}}\n",
    "    metadata:\n      labels: {app: web}\n      annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: '5432'}\n",
)
DENY = """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-one, namespace: shop}
spec:
  action: DENY
  rules:
    - from: [{source: {serviceAccounts: [shop/web]}}]
"""
PRINCIPAL = "{principals: [cluster.local/ns/shop/sa/web]}"
GUARDS = ["mesh.yaml:6 AuthorizationPolicy shop/deny", "mesh.yaml:11 AuthorizationPolicy shop/db"]
CASES = {
    "all layers let it through": ((), WEB, True, [LISTS, STRICT, LET_IN]),
    "who calls is in no mesh": ((), OUTSIDE, False, [STRICT, *GUARDS]),
    "and plain text is taken": (("STRICT", "PERMISSIVE"), OUTSIDE, False, GUARDS),
    "another account": ((), IN_MESH, False, GUARDS),
    "another port": (('"5432"', '"5433"'), WEB, False, GUARDS),
    "another trust domain": ((PRINCIPAL, "{principals: [corp/ns/shop/sa/web]}"), WEB, None, []),
    "by what the request says": (("{ports: [", "{methods: [GET], ports: ["), WEB, None, []),
    "by a token": ((PRINCIPAL, "{requestPrincipals: ['*']}"), WEB, None, []),
    "somebody else decides": (("action: DENY", "action: CUSTOM"), WEB, None, []),
    "denied": (("action: DENY", "action: DENY "), WEB, False, ["mesh.yaml:47 AuthorizationPolicy shop/no-one spec.rules[0]"]),
    "denied for the whole mesh": (
        ("{name: no-one, namespace: shop}", "{name: no-one, namespace: istio-system}"), WEB, False,
        ["mesh.yaml:47 AuthorizationPolicy istio-system/no-one spec.rules[0]"],
    ),
    "denied in another namespace": (
        ("{name: no-one, namespace: shop}", "{name: no-one, namespace: x}"), WEB, True, [LISTS, STRICT, LET_IN],
    ),
    "denied by the account's short name": (
        ("[shop/web]", "[web]"), WEB, False, ["mesh.yaml:47 AuthorizationPolicy shop/no-one spec.rules[0]"],
    ),
    "plain text alone, so no one is known": (("STRICT", "DISABLE"), WEB, False, GUARDS),
    "denied to others": (("[shop/web]", "[other/web]"), WEB, True, [LISTS, STRICT, LET_IN]),
    "not listed": (("hosts: [./*]", "hosts: [istio-system/*]"), WEB, False, [LISTS]),
    "not listed, and let out all the same": (
        ("{mode: REGISTRY_ONLY}\n  egress: [{hosts: [./*]}]", "{mode: ALLOW_ANY}\n  egress: [{hosts: [istio-system/*]}]"),
        WEB, None, [],
    ),
    "hosts by port": (("[{hosts: [./*]}]", "[{port: {number: 9, protocol: TCP, name: x}, hosts: [./*]}]"), WEB, None, []),
    "past the sidecar": ((), EXCLUDED, None, []),
    "TLS of another kind": (("ISTIO_MUTUAL", "SIMPLE"), WEB, None, []),
}  # fmt: skip


@pytest.mark.parametrize(("change", "shop", "allowed", "deciding"), CASES.values(), ids=CASES)
def test_both_layers_must_let_it_through(change: tuple[str, ...], shop: str, allowed: bool | None, deciding: list[str]) -> None:
    """`None`: not for certain, and then it is said to be open."""
    text = MESH + DENY if change and ("DENY" in change[0] or "no-one" in change[0] or change[0] == "[shop/web]") else MESH
    found = answer(changed(text, *change) if change else text, shop=shop)
    assert found.allowed is (allowed is not False), said(found)
    assert bool(found.doubts) is (allowed is None), found.doubts
    if allowed is not None:
        assert said(found) == deciding
    else:
        assert all(one.startswith(("mesh.yaml:", "shop.yaml:")) for one in found.doubts)


def test_what_the_network_refuses_the_mesh_cannot_open_or_put_in_doubt() -> None:
    closed = changed(POLICIES, "{port: 5432}", "{port: 5433}")
    found = answer(MESH.replace("{ports: [", "{methods: [GET], ports: ["), policies=closed)
    assert (found.allowed, found.doubts) == (False, ())


def test_addresses_outside_must_be_registered_for_those_who_call_them() -> None:
    out = changed(
        POLICIES, "    - to: [{podSelector: {matchLabels: {app: db}}}]", "    - to: [{ipBlock: {cidr: 192.0.2.0/24}}]"
    )
    entry = "  hosts: [pay.example]\n"
    by_address = changed(MESH, entry, entry + "  addresses: [192.0.2.7]\n  ports: [{number: 5432, protocol: TCP, name: tcp}]\n")

    def reach(mesh: str, to: str) -> tuple[bool, bool]:
        found = answer(mesh.replace("hosts: [./*]", "hosts: ['*/*']"), policies=out, to=to)
        return found.allowed, not found.doubts

    assert reach(by_address, "192.0.2.7:5432") == (True, True)
    assert reach(by_address, "192.0.2.8:5432") == (False, True)
    assert reach(MESH, "192.0.2.8:5432") == (True, False), "a name may stand for any address"
    assert reach(by_address.replace("number: 5432", "number: 443"), "192.0.2.7:5432") == (False, True)
    assert reach(by_address.replace("exportTo: [.]", "exportTo: [other]"), "192.0.2.7:5432") == (False, True)
    assert reach(by_address.replace("REGISTRY_ONLY", "ALLOW_ANY"), "192.0.2.8:5432") == (True, True)


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ("{mtls: {mode: STRICT}}", False),
        ("{mtls: {mode: STRICT}, portLevelMtls: {5432: {mode: PERMISSIVE}}}", False),
        ("{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {5432: {mode: PERMISSIVE}}}", True),
        ("{selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {5433: {mode: PERMISSIVE}}}", False),
        ("{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}", True),
        ("{mtls: {mode: PERMISSIVE}}", True),
    ],
)
def test_a_client_without_a_sidecar_comes_in_where_plain_text_is_taken(spec: str, allowed: bool) -> None:
    peer = changed(MESH.partition("---\n")[0], "{mtls: {mode: STRICT}}", spec)
    found = answer(peer, shop=OUTSIDE)
    assert (found.allowed, found.doubts) == (allowed, ())


def test_a_namespace_of_which_no_one_says_whether_it_is_in_the_mesh() -> None:
    undeclared = SHOP.partition("---\n")[2].replace("namespace: shop", "namespace: other")
    everywhere = MESH.partition("---\n")[0].replace("namespace: shop", "namespace: istio-system")
    found = answer(everywhere, shop=undeclared, source="other/web", to="other/db:5432", policies="# none\n")
    assert found.allowed
    assert any("whether namespace other is in the mesh" in one for one in found.doubts)


def test_udp_does_not_go_through_the_mesh() -> None:
    found = answer(MESH, to="shop/db:5432/udp", policies="# none\n")
    assert (found.allowed, found.doubts, said(found)) == (True, (), [])


def test_no_mesh_changes_nothing() -> None:
    assert not said(answer("# none\n", shop=SHOP))
