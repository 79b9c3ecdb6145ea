"""Hosts by name: what is generated for each kind of site was read by a person; what a site cannot hold is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.verdict import Verdict
from capabilities.network.generate import GenerateNetwork, generate_network
from gates.network.mesh.gate import MeshPolicy, mesh
from gates.network.network.gate import NetworkSafetyPolicy, network
from manifests.description import Description, Host, Port, Site
from reach.decision import Layer
from reach.question import ask
from tasks.network.network import network_of
from tests.adapters.typed import Done, typed
from tests.definitions import DEFINITION
from tests.evidence import judged
from tests.manifests import changed
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-B1/hosts-by-name-are-held")

DESCRIBED = Path(__file__).parent / "described"
KINDS = ("cilium", "cluster-policy", "egress-gateway")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def described(kind: str) -> str:
    return (DESCRIBED / f"{kind}.yaml").read_text()


def made(here: Bench, description: str, definitions: str = "") -> dict[str, str]:
    asked = GenerateNetwork(description=description, definitions=definitions)
    return {one.name: one.text for one in generate_network(asked, here.place()).files}


def pods(*named: tuple[str, str, str]) -> list[tuple[str, bytes]]:
    return [
        (
            f"{name}.yaml",
            f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {space}, labels: {{{labels}}}}}\n"
            f"spec: {{serviceAccountName: {name}, containers: []}}\n".encode(),
        )
        for name, space, labels in named
    ]


GATEWAY_SERVICE = b"""apiVersion: v1
kind: Service
metadata: {name: istio-egressgateway, namespace: istio-egress}
spec: {selector: {istio: egressgateway}, ports: [{port: 443, targetPort: 8443}]}
"""


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_is_what_a_person_read(here: Bench, kind: str) -> None:
    golden = DESCRIBED / f"{kind}.made.txt"
    text = "".join(f"##### {name}\n{text}" for name, text in made(here, described(kind)).items())
    if "ARCOPS_WRITE_GOLDEN" in os.environ:
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("kind", ["cilium", "cluster-policy"])
def test_the_workload_alone_reaches_the_names_and_never_the_metadata_service(here: Bench, kind: str) -> None:
    files = [(name, text.encode()) for name, text in made(here, described(kind)).items()]
    found = network_of(
        [*files, *pods(("web", "shop", "app: web"), ("cousin", "shop", "app: x"), ("other", "front", "app: web"))]
    )
    assert (found.unread, found.refused, found.others) == ((), (), ())
    assert ask(found, "shop/web", "pay.example:443").allowed
    for source, to in [("shop/web", "pay.example:80"), ("shop/cousin", "pay.example:443")]:
        assert not ask(found, source, to).allowed, (source, to)
    metadata = ask(found, "shop/web", "169.254.169.254:443")
    assert (metadata.allowed, metadata.doubts) == (False, ())
    outsider = ask(found, "shop/web", "192.0.2.1:443")
    assert not outsider.allowed
    assert any("pay.example, which may resolve to 192.0.2.1" in one for one in outsider.doubts)


def test_through_the_egress_gateway_and_no_other_way(here: Bench) -> None:
    files = [(name, text.encode()) for name, text in made(here, described("egress-gateway")).items()]
    stand_ins = pods(
        ("web", "shop", "app: web"), ("gate", "istio-egress", "istio: egressgateway"), ("istiod", "istio-system", "app: istiod")
    )
    found = network_of([*files, *stand_ins, ("service.yaml", GATEWAY_SERVICE)])
    assert (found.unread, found.refused, found.others) == ((), (), ())
    gate = ask(found, "shop/web", "istio-egress/istio-egressgateway:443")
    assert gate.allowed
    assert "shop-web-egress may allow it" in gate.doubts[0], "which name is asked for, no packet tells here"
    # The sidecar itself asks istiod, and no sidecar holds it back; so this is for the policies of the network alone.
    (asked,) = ask(found, "shop/web", "istio-system/istiod:15012").connections
    assert {reason.allows for reason in asked.reasons if reason.layer is Layer.NETWORK} == {True}
    for to in ("192.0.2.1:443", "istio-egress/gate:443", "istio-egress/gate:15021", "istio-system/istiod:8080"):
        answer = ask(found, "shop/web", to)
        assert (answer.allowed, answer.doubts) == (False, ()), to
    (gateway,) = found.mesh.gateways
    assert gateway.hosts == ("api.bank.example", "pay.example")
    leads = [(route.gateways, route.hosts) for one in found.mesh.virtual_services for route in one.routes]
    assert (("istio-egress/shop-web-egress",), ("pay.example",)) in leads


REFUSED = [
    ("cilium", "cni: cilium", "cni: calico", "calico.*use Cilium"),
    ("cilium", "cni: cilium", "cni: kubenet", "kubenet"),
    ("cilium", "cni: cilium", "cni: azure-npm", "azure-npm"),
    ("cilium", "cni: cilium", "cni: ''", "not named"),
    ("cilium", "name: pay.example", "name: '*.pay.example'", "wildcard: true"),
    ("cilium", "name: pay.example", "name: '*', wildcard: true", "not a wildcard"),
    ("cilium", "name: pay.example", "name: '*.com', wildcard: true", "host name"),
    ("cilium", "name: pay.example", "name: localhost", "not an exact host name"),
    ("cilium", ", apiServer: [10.96.0.1]", "", "the address of the API server is not known"),
    ("cilium", "apiServer: [10.96.0.1]", "apiServer: [here]", "neither an address nor a CIDR"),
    ("cilium", "site: {cni: cilium,", "site: {cni: cilium, metadata: [none],", "neither an address nor a CIDR"),
    ("cluster-policy", "cni: kube-network-policies", "cni: calico", "calico is not known to enforce"),
    ("cluster-policy", "version: v1beta1", "version: v1", "'v1'"),
    ("cluster-policy", "priority: 510", "priority: 1001", "1001"),
    ("egress-gateway", "serviceAccount: web\n", "", "serviceAccount"),
    ("egress-gateway", "  mesh: istio\n", "", "mesh: istio"),
    ("egress-gateway", "{port: 8443}", "{port: 8443, protocol: UDP}", "only on TCP"),
    ("egress-gateway", "{port: 8443}", "{port: 8443}, {port: 443}", "one port"),
    ("egress-gateway", "name: pay.example", "name: '*.pay.example', wildcard: true", "one by one"),
    ("egress-gateway", "labels: {istio: egressgateway}", "labels: {}", "at least one label"),
]


@pytest.mark.parametrize(("kind", "old", "new", "says"), REFUSED)
def test_what_the_site_cannot_hold_is_refused_and_never_dropped(here: Bench, kind: str, old: str, new: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        made(here, changed(described(kind), old, new))


def test_a_wildcard_that_is_asked_for_is_made_and_warns_at_every_check(here: Bench) -> None:
    files = made(here, changed(described("cilium"), "name: pay.example", "name: '*.pay.example', wildcard: true"))
    stand_in = pods(("web", "shop", "app: web"))
    found = network_of([*((name, text.encode()) for name, text in files.items()), *stand_in])
    site = NetworkSafetyPolicy(enforcer="cilium", api_server=("10.96.0.1",), schemas=False)
    result = judged(network, site, [found])
    assert [(one.rule, one.outcome) for one in result.findings if one.outcome is not Outcome.PASS] == [
        ("network/hosts", Outcome.WARN)
    ]
    assert result.verdict is Verdict.AMBER


SERVED = "      hosts:\n        - pay.example\n      tls"
LED = "          port: 443\n      route:\n        - destination:\n            host: pay.example"
BY_GATEWAY = f"            - istio-egress/shop-web-egress\n{LED}"
MIRRORED = BY_GATEWAY.replace("      route", "      mirror: {host: elsewhere.example}\n      route")
FOR_GATEWAY = '  exportTo:\n    - "."\n    - istio-egress\n---\n# The egress'
LOOSER = [
    ("mode: ISTIO_MUTUAL\n    - port", "mode: SIMPLE\n    - port", "network/understood", Outcome.UNKNOWN),
    ("  selector:\n    istio: egressgateway\n", "", "network/understood", Outcome.UNKNOWN),
    (SERVED, SERVED.replace("pay.example", "'*.example'"), "network/understood", Outcome.UNKNOWN),
    ("              - cluster.local/ns/shop/sa/web\n", "              - '*'\n", "mesh/callers", Outcome.FAIL),
    ("    matchLabels:\n      istio: egressgateway\n", "    matchLabels: {istio: other}\n", "mesh/egress", Outcome.FAIL),
    ("            host: pay.example\n", "            host: db.shop.svc.cluster.local\n", "mesh/egress", Outcome.FAIL),
    ("  hosts:\n    - pay.example\n  ports", "  hosts:\n    - play.example\n  ports", "mesh/egress", Outcome.FAIL),
    (BY_GATEWAY, MIRRORED, "mesh/egress", Outcome.UNKNOWN),
    (FOR_GATEWAY, FOR_GATEWAY.replace("istio-egress", "front"), "mesh/registry", Outcome.WARN),
]


@pytest.mark.parametrize(("old", "new", "rule", "outcome"), LOOSER)
def test_each_way_to_loosen_an_egress_gateway_is_found(here: Bench, old: str, new: str, rule: str, outcome: Outcome) -> None:
    files = made(here, described("egress-gateway"))
    meshed = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n"
    beside = [*pods(("web", "shop", "app: web")), ("shop.yaml", meshed.encode())]

    def findings(text: str) -> set[tuple[str, Outcome]]:
        found = network_of([("10.yaml", files["10-network-policies.yaml"].encode()), ("20.yaml", text.encode()), *beside])
        site = NetworkSafetyPolicy(enforcer="calico", api_server=("10.96.0.1",), schemas=False)
        both = (*judged(network, site, [found]).findings, *judged(mesh, MeshPolicy(required=True), [found]).findings)
        return {(one.rule, one.outcome) for one in both if one.outcome is not Outcome.PASS}

    assert findings(files["20-mesh.yaml"]) == set()
    assert (rule, outcome) in findings(changed(files["20-mesh.yaml"], old, new))


CNP = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ciliumnetworkpolicies.cilium.io}
spec:
  group: cilium.io
  names: {kind: CiliumNetworkPolicy, plural: ciliumnetworkpolicies}
  versions:
    - name: v2
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                endpointSelector: {type: object, x-kubernetes-preserve-unknown-fields: true}
                egress: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}
                egressDeny: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


def test_with_the_site_s_definitions_what_is_made_is_held_against_them(here: Bench) -> None:
    assert made(here, described("cilium"), CNP) == made(here, described("cilium"))
    with pytest.raises(Refused, match="no manifest holds the CustomResourceDefinition of CiliumNetworkPolicy"):
        made(here, described("cilium"), DEFINITION)
    older = CNP.replace(
        "                egressDeny: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}\n", ""
    )
    with pytest.raises(Refused, match="egressDeny"):
        made(here, described("cilium"), older)


def test_the_command_takes_a_folder_of_definitions_and_says_what_check_will_ask(here: Bench, tmp_path: Path) -> None:
    (tmp_path / "crds").mkdir()
    line = ("network", "generate", DESCRIBED / "cilium.yaml", "-o", tmp_path / "out", "--definitions", tmp_path / "crds")

    def run() -> Done:
        return typed(*line, environment={**here.environment, "PATH": ""})

    nothing = run()
    assert (nothing.returncode, "no definitions" in nothing.stderr) == (2, True), nothing.stderr
    (tmp_path / "crds" / "cilium.yaml").write_text(CNP)
    done = run()
    assert done.returncode == 0, done.stderr
    assert "10-network-policies.yaml were checked against the definitions given; 'check' asks for them again" in done.stdout


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("kubernetes.default.svc", "API server"),
        ("kubernetes.default", "API server"),
        ("kubernetes.default.svc.cluster.local", "API server"),
        ("db.shop.svc", "Service of the cluster"),
        ("db.shop.svc.cluster.local", "Service of the cluster"),
        ("10.0.0.1", "address and not a host name"),
        ("10.0.0", "address and not a host name"),
        ("1.0x7f", "address and not a host name"),
    ],
)
def test_what_is_no_host_outside_is_refused(name: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        Description(
            name="web",
            namespace="shop",
            labels={"app": "web"},
            site=Site(cni="cilium"),
            hosts=(Host(name=name, ports=(Port(port=443),)),),
        )


@pytest.mark.parametrize("name", ["svc.example", "kubernetes.example", "10.0.0.1.example", "cluster.local.example"])
def test_a_host_outside_may_have_any_name(name: str) -> None:
    host = Host(name=name, ports=(Port(port=443),))
    assert Description(name="w", namespace="s", labels={"a": "b"}, site=Site(cni="cilium"), hosts=(host,)).hosts == (host,)
