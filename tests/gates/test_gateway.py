"""The gate `gateway`: a route under an exact name, by TLS to the end, is GREEN, and each way to loosen it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.finding import Outcome
from arcops.result import GateResult
from arcops.verdict import Verdict
from gates.network.gateway.gate import GatewayPolicy, gateway
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.manifests import SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix")

EDGE = """\
apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: edge}
spec:
  gatewayClassName: envoy
  listeners:
    - name: https
      port: 443
      protocol: HTTPS
      hostname: "*.example"
      tls: {certificateRefs: [{name: shop-tls}]}
      allowedRoutes:
        namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: edge, namespace: edge, sectionName: https}]
  hostnames: [shop.example]
  rules:
    - backendRefs: [{name: web, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: web, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  validation: {hostname: web.shop, wellKnownCACertificates: System}
"""


def judge(folder: Path, policy: GatewayPolicy | None = None) -> GateResult:
    return judged(gateway, policy or GatewayPolicy(), [read_manifests(folder)])


def bad(result: GateResult) -> dict[str, Outcome]:
    return {finding.rule: finding.outcome for finding in result.findings if finding.outcome is not Outcome.PASS}


def test_a_narrow_way_in_is_green(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", EDGE)
    network = read_manifests(folder)
    assert (network.unread, network.refused, network.others) == ((), (), ())
    result = judge(folder)
    assert result.verdict is Verdict.GREEN, bad(result)


FAIL, WARN, UNKNOWN = Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sectionName: https", "sectionName: http", {"gateway/attached": FAIL}),
        ("sectionName: https", "port: 8443", {"gateway/attached": FAIL}),
        ("[{name: edge, namespace: edge, sec", "[{name: egde, namespace: edge, sec", {"gateway/attached": UNKNOWN}),
        ("parentRefs: [{name: edge, namespace: edge, sectionName: https}]", "parentRefs: []", {"gateway/attached": WARN}),
        ("metadata.name: shop}}", "metadata.name: other}}", {"gateway/attached": FAIL}),
        ("from: Selector", "from: Same", {"gateway/attached": FAIL}),
        ("from: Selector", "from: None", {"gateway/attached": FAIL}),
        ("from: Selector", "from: All", {"gateway/listeners": FAIL}),
        ("matchLabels: {kubernetes.io/metadata.name: shop}}", "}", {"gateway/listeners": FAIL}),
        (
            "matchLabels: {kubernetes.io/metadata.name: shop}}",
            "matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}",
            {"gateway/listeners": FAIL},
        ),
        (
            "matchLabels: {kubernetes.io/metadata.name: shop}}",
            "matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop, other]}]}",
            {},
        ),
        ("  gatewayClassName: envoy\n", "  allowedListeners: {namespaces: {from: All}}\n", {"gateway/listeners": FAIL}),
        (
            "  gatewayClassName: envoy\n",
            "  allowedListeners: {namespaces: {from: Selector, selector: {matchExpressions: [{key: a, operator: Exists}]}}}\n",
            {"gateway/listeners": FAIL},
        ),
        ("  gatewayClassName: envoy\n", "  allowedListeners: {namespaces: {from: Same}}\n", {}),
        ("        namespaces: {", "        kinds: [{kind: GRPCRoute}]\n        namespaces: {", {"gateway/attached": FAIL}),
        ("certificateRefs: [{name: shop-tls}]", "certificateRefs: []", {"gateway/listeners": WARN}),
        ("      tls: {certificateRefs: [{name: shop-tls}]}\n", "", {"gateway/listeners": WARN}),
        (", wellKnownCACertificates: System", "", {"gateway/backend-tls": FAIL}),
        (", wellKnownCACertificates: System", ", caCertificateRefs: []", {"gateway/backend-tls": FAIL}),
        ("protocol: HTTPS", "protocol: HTTP", {"gateway/listeners": FAIL}),
        ("protocol: HTTPS", "protocol: UDP", {"gateway/attached": FAIL, "gateway/listeners": FAIL}),
        ("[shop.example]", "[shop.elsewhere]", {"gateway/attached": FAIL}),
        ("[shop.example]", "['*.example']", {"gateway/hosts": FAIL}),
        ("  hostnames: [shop.example]\n", "", {"gateway/hosts": FAIL}),
        ("kind: Service, name: web", "kind: Service, name: wep", {"gateway/backend-tls": WARN}),
    ],
)  # fmt: skip
def test_each_mutation_is_found(tmp_path: Path, old: str, new: str, expected: dict[str, Outcome]) -> None:
    assert bad(judge(shop(tmp_path / "shop", changed(EDGE, old, new)))) == expected


def test_a_route_without_names_takes_those_of_an_exact_listener(tmp_path: Path) -> None:
    text = changed(changed(EDGE, "  hostnames: [shop.example]\n", ""), '"*.example"', "shop.example")
    assert judge(shop(tmp_path / "shop", text)).verdict is Verdict.GREEN


def test_two_namespaces_cannot_have_one_name(tmp_path: Path) -> None:
    ingress = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: thief, namespace: other}
spec:
  rules: [{host: shop.example}]
"""
    result = judge(shop(tmp_path / "shop", EDGE, ingress))
    found = [one for one in result.findings if one.rule == "gateway/hosts"]
    assert [(one.outcome, one.about) for one in found] == [(FAIL, "Ingress other/thief")]
    assert "more-0.yaml:19" in found[0].text, "the first to claim it is named with its place"


def test_what_the_policy_accepts(tmp_path: Path) -> None:
    text = changed(EDGE, "protocol: HTTPS", "protocol: HTTP").rpartition("---\n")[0]
    lax = GatewayPolicy(plain_backends=True, plain_listeners=True)
    assert set(bad(judge(shop(tmp_path / "a", text)))) == {"gateway/listeners", "gateway/backend-tls"}
    assert judge(shop(tmp_path / "b", text), lax).verdict is Verdict.GREEN


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  tls: [{hosts: [shop.example], secretName: web}]
  rules:
    - host: shop.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""
GRANT = """\
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: edge, namespace: certs}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: edge}]
  to: [{group: "", kind: Secret, name: shop-tls}]
"""


@pytest.mark.parametrize(
    ("old", "new", "plain"),
    [
        ("", "", False),
        ("  tls: [{hosts: [shop.example], secretName: web}]\n", "", True),
        ("hosts: [shop.example], ", "", False),
        ("hosts: [shop.example]", "hosts: [other.example]", True),
        ("hosts: [shop.example]", "hosts: ['*.example']", False),
        ("hosts: [shop.example]", "hosts: ['*.shop.example']", True),
    ],
)
def test_an_ingress_needs_tls_for_each_of_its_hosts(tmp_path: Path, old: str, new: str, plain: bool) -> None:
    text = changed(INGRESS, old, new) if old else INGRESS
    result = judge(shop(tmp_path / "shop", text), GatewayPolicy(plain_backends=True))
    assert bad(result) == ({"gateway/listeners": Outcome.FAIL} if plain else {})
    behind = judge(shop(tmp_path / "behind", text), GatewayPolicy(plain_backends=True, plain_listeners=True))
    assert behind.verdict is Verdict.GREEN


@pytest.mark.parametrize(
    ("grant", "well"),
    [
        (GRANT, True),
        ("", False),
        (GRANT.replace("namespace: edge}", "namespace: shop}"), False),
        (GRANT.replace("kind: Gateway", "kind: HTTPRoute"), False),
        (GRANT.replace("kind: Secret, name: shop-tls", "kind: Secret"), True),
        (GRANT.replace("name: shop-tls", "name: other"), False),
        (GRANT.replace("namespace: certs", "namespace: other"), False),
    ],
)
def test_a_certificate_of_another_namespace_needs_a_grant(tmp_path: Path, grant: str, well: bool) -> None:
    manifests = changed(EDGE, "[{name: shop-tls}]", "[{name: shop-tls, namespace: certs}]")
    found = bad(judge(shop(tmp_path, manifests, *([grant] if grant else []))))
    assert found == ({} if well else {"gateway/listeners": Outcome.FAIL})


@pytest.mark.parametrize(("section", "well"), [("http", True), ("htttp", False), ("80", False)])
def test_a_backend_tls_policy_for_no_port_has_no_effect(tmp_path: Path, section: str, well: bool) -> None:
    named = changed(EDGE, "kind: Service, name: web}", f"kind: Service, name: web, sectionName: '{section}'}}")
    result = judge(shop(tmp_path, named))
    outcomes = {one.outcome for one in result.findings if one.rule == "gateway/backend-tls"}
    assert outcomes == ({Outcome.PASS} if well else {Outcome.FAIL, Outcome.WARN})


def test_a_backend_tls_policy_for_another_port_leaves_this_one_in_plain_text(tmp_path: Path) -> None:
    manifests = changed(EDGE, "kind: Service, name: web}", "kind: Service, name: web, sectionName: admin}")
    other = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {app: web}\n"
    other += "  ports: [{name: http, port: 80, targetPort: 8080}, {name: admin, port: 81, targetPort: 8081}]\n"
    network = read_manifests(shop(tmp_path, manifests, other, manifests=SHOP.rpartition("---\n")[0]))
    result = judged(gateway, GatewayPolicy(), [network])
    assert [one.outcome for one in result.findings if one.rule == "gateway/backend-tls"] == [Outcome.WARN]


def test_what_passes_through_needs_no_other_tls(tmp_path: Path) -> None:
    """TLS that a listener passes on ends at the backend; packets have no host name."""
    text = changed(EDGE.rpartition("---\n")[0], "protocol: HTTPS", "protocol: TLS").replace("kind: HTTPRoute", "kind: TLSRoute")
    ending = judge(shop(tmp_path / "ending", text))
    passing = judge(shop(tmp_path / "passing", changed(text, "{certificateRefs: [{name: shop-tls}]}", "{mode: Passthrough}")))
    assert bad(ending) == {"gateway/backend-tls": WARN}
    assert not bad(passing)
    packets = changed(text, "protocol: TLS", "protocol: TCP").replace("kind: TLSRoute", "kind: TCPRoute")
    packets = changed(packets, "  hostnames: [shop.example]\n", "")
    assert set(bad(judge(shop(tmp_path / "packets", packets)))) == {"gateway/listeners", "gateway/backend-tls"}


def test_a_certificate_may_be_named_in_words_of_the_implementation(tmp_path: Path) -> None:
    text = changed(EDGE, "certificateRefs: [{name: shop-tls}]", "options: {example.com/certificate: shop}")
    assert not bad(judge(shop(tmp_path / "shop", text)))


def test_a_waypoint_encrypts(tmp_path: Path) -> None:
    way = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
"""
    assert judge(shop(tmp_path, way)).verdict is Verdict.GREEN


def test_an_ingress_with_a_default_backend_takes_any_host(tmp_path: Path) -> None:
    default = "spec:\n  defaultBackend: {service: {name: web, port: {number: 80}}}\n"
    text = changed(INGRESS, "spec:\n", default)
    assert bad(judge(shop(tmp_path / "a", INGRESS))) == {"gateway/backend-tls": WARN}
    assert set(bad(judge(shop(tmp_path / "b", text)))) == {
        "gateway/backend-tls",
        "gateway/hosts",
        "gateway/listeners",
    }
