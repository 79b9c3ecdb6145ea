"""Ways in of other kinds: Routes of OpenShift, ListenerSets, Istio's own Gateways; and pods that agents' Sandboxes make."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.finding import Outcome
from gates.network.gateway.gate import GatewayPolicy, gateway
from gates.network.network.gate import NetworkSafetyPolicy, network
from reach.entries import entries
from reach.openings import openings
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.gates.test_gateway import EDGE
from tests.manifests import POLICIES, changed, shop

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix", "ARC-B2/ways-in-from-outside-are-shown")

ROUTE = """\
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: web, namespace: shop}
spec:
  host: shop.example
  to: {kind: Service, name: web}
  port: {targetPort: http}
  tls: {termination: reencrypt}
"""
ISTIO = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      hosts: [./shop.example]
      tls: {mode: SIMPLE, credentialName: shop-tls}
    - port: {number: 80, name: http, protocol: HTTP}
      hosts: [./shop.example]
      tls: {httpsRedirect: true}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example]
  gateways: [edge]
  http: [{route: [{destination: {host: web, port: {number: 80}}}]}]
"""
SET = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: shop, namespace: shop}
spec:
  parentRef: {name: edge, namespace: edge}
  listeners: [{name: shop, port: 443, protocol: HTTPS, hostname: shop.example, tls: {certificateRefs: [{name: shop-tls}]}}]
"""
SANDBOX = """\
apiVersion: agents.x-k8s.io/v1alpha1
kind: Sandbox
metadata: {name: agent, namespace: agents}
spec:
  podTemplate:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: agent:1}]}
"""
FROM_EDGE = (
    POLICIES
    + """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}}], ports: [{port: 8080}]}]
"""
)


def bad(folder: Path, text: str, policy: GatewayPolicy | None = None) -> dict[str, set[Outcome]]:
    result = judged(gateway, policy or GatewayPolicy(), [read_manifests(shop(folder, text))])
    found: dict[str, set[Outcome]] = {}
    for one in result.findings:
        if one.outcome is not Outcome.PASS:
            found.setdefault(one.rule.removeprefix("gateway/"), set()).add(one.outcome)
    return found


def unclear(folder: Path, text: str) -> list[str]:
    result = judged(network, NetworkSafetyPolicy(enforcer="calico"), [read_manifests(shop(folder, text))])
    return [one.text for one in result.findings if one.rule == "network/understood" and one.outcome is not Outcome.PASS]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", {}),
        ("termination: reencrypt", "termination: passthrough", {}),
        ("termination: reencrypt", "termination: edge", {"backend-tls": {Outcome.WARN}}),
        ("  tls: {termination: reencrypt}\n", "", {"listeners": {Outcome.FAIL}, "backend-tls": {Outcome.WARN}}),
        ("reencrypt}", "reencrypt, insecureEdgeTerminationPolicy: Allow}", {"listeners": {Outcome.FAIL}}),
        ("reencrypt}", "reencrypt, insecureEdgeTerminationPolicy: Redirect}", {}),
        ("host: shop.example", "host: shop.example\n  wildcardPolicy: Subdomain", {"hosts": {Outcome.FAIL}}),
    ],
)
def test_a_route_of_openshift(tmp_path: Path, old: str, new: str, found: dict[str, set[Outcome]]) -> None:
    assert bad(tmp_path, changed(ROUTE, old, new) if old else ROUTE) == found


@pytest.mark.parametrize(
    ("old", "new", "well"),
    [
        ("targetPort: http", "targetPort: http", True),
        ("targetPort: http", "targetPort: 8080", True),
        ("  port: {targetPort: http}\n", "", True),
        ("targetPort: http", "targetPort: 9090", False),
        ("name: web}\n  port", "name: gone}\n  port", False),
    ],
)
def test_a_route_of_openshift_is_a_way_in(tmp_path: Path, old: str, new: str, well: bool) -> None:
    text = changed(ROUTE, old, new) if old != new else ROUTE
    folder = shop(tmp_path / "shop", text, policies=FROM_EDGE)
    (found,) = openings(read_manifests(folder))
    assert (found.open, found.port, bool(found.doubts)) == (True, 8080 if well else found.port, not well)
    result = judged(network, NetworkSafetyPolicy(enforcer="calico", entries=("Route shop/web",)), [read_manifests(folder)])
    rules = {one.rule for one in result.findings if one.outcome is not Outcome.PASS}
    assert ("network/backends" in rules) is not well
    assert "network/entries" not in rules
    assert not unclear(tmp_path / "unclear", text)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", {"backend-tls": {Outcome.WARN}}),
        ("hosts: [./shop.example]\n      tls: {mode", "hosts: [shop.example]\n      tls: {mode", {"listeners": {Outcome.FAIL}}),
        ("hosts: [./shop.example]\n      tls: {mode", "hosts: [other/shop.example]\n      tls: {mode", {}),
        ("      tls: {httpsRedirect: true}\n", "", {"listeners": {Outcome.FAIL}}),
        ("mode: SIMPLE, credentialName: shop-tls", "minProtocolVersion: TLSV1_3", {"listeners": {Outcome.FAIL}}),
        ("  hosts: [shop.example]", "  hosts: ['*.example']", {}),
        ("  hosts: [shop.example]", "  hosts: [other.example]", {"attached": {Outcome.FAIL}}),
        ("gateways: [edge]", "gateways: [other/edge]", {"attached": {Outcome.UNKNOWN}}),
        ("gateways: [edge]", "gateways: [mesh, edge]", {}),
    ],
)
def test_a_gateway_of_istio(tmp_path: Path, old: str, new: str, found: dict[str, set[Outcome]]) -> None:
    policy = GatewayPolicy(plain_backends=bool(old))
    assert bad(tmp_path, changed(ISTIO, old, new) if old else ISTIO, policy) == found
    assert not unclear(tmp_path / "unclear", changed(ISTIO, old, new) if old else ISTIO)


def test_any_host_through_a_gateway_of_istio(tmp_path: Path) -> None:
    wide = ISTIO.replace("./shop.example", "./*").replace("  hosts: [shop.example]", "  hosts: ['*']")
    assert bad(tmp_path, wide, GatewayPolicy(plain_backends=True)) == {"hosts": {Outcome.FAIL}}


def test_what_a_gateway_of_istio_leads_to_is_a_way_in(tmp_path: Path) -> None:
    (found,) = openings(read_manifests(shop(tmp_path, ISTIO, policies=FROM_EDGE)))
    assert (found.pods, found.port, found.open, found.hosts) == ("Deployment shop/web", 8080, True, ("shop.example",))
    assert {one.protocol for one in found.listeners} == {"HTTPS"}


@pytest.mark.parametrize(
    ("allowed", "well"),
    [
        ("{from: All}", True),
        ("{from: Same}", False),
        ("", False),
        ("{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}", True),
        ("{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: other}}}", False),
    ],
)
@pytest.mark.parametrize("experimental", [False, True])
def test_a_listener_set_adds_listeners_if_its_gateway_takes_it(
    tmp_path: Path, allowed: str, well: bool, experimental: bool
) -> None:
    edge = changed(
        EDGE, "parentRefs: [{name: edge, namespace: edge, sectionName: https}]", "parentRefs: [{kind: ListenerSet, name: shop}]"
    )
    if allowed:
        edge = changed(
            edge, "  gatewayClassName: envoy\n", f"  gatewayClassName: envoy\n  allowedListeners: {{namespaces: {allowed}}}\n"
        )
    text = edge + SET
    if experimental:
        text = changed(
            text, "gateway.networking.k8s.io/v1\nkind: ListenerSet", "gateway.networking.x-k8s.io/v1alpha1\nkind: XListenerSet"
        )
        text = changed(text, "kind: ListenerSet, name: shop", "kind: XListenerSet, name: shop")
    anyone = {"listeners": {Outcome.FAIL}} if "All" in allowed else {}
    assert bad(tmp_path / "set", text) == (anyone if well else {"attached": {Outcome.FAIL}})
    plain = changed(text, "protocol: HTTPS, hostname: shop", "protocol: HTTP, hostname: shop")
    assert bad(tmp_path / "plain", plain)["listeners"] == {Outcome.FAIL}
    assert not unclear(tmp_path / "unclear", text)


POOL = """\
---
apiVersion: API
kind: InferencePool
metadata: {name: web, namespace: shop}
spec: SPEC
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: chat, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [shop.example]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: web}]}]
"""


@pytest.mark.parametrize(
    ("api", "spec"),
    [
        ("inference.networking.k8s.io/v1", "{selector: {matchLabels: {app: web}}, targetPorts: [{number: 8080}]}"),
        ("inference.networking.x-k8s.io/v1alpha2", "{selector: {app: web}, targetPortNumber: 8080}"),
    ],
)
def test_a_pool_of_model_servers_is_a_target_like_a_service(tmp_path: Path, api: str, spec: str) -> None:
    found = read_manifests(shop(tmp_path / "pool", POOL.replace("API", api).replace("SPEC", spec)))
    assert not found.unread
    assert not [one for one in found.others if not one.harmless]
    [way] = [one for one in entries(found) if one.route is not None]
    assert (not way.lost, [one.title for one in way.pods], way.port) == (True, ["Deployment shop/web"], 8080)
    result = judged(network, NetworkSafetyPolicy(enforcer="calico", schemas=False), [found])
    ways = [one for one in result.findings if one.rule == "network/entries" and one.outcome is Outcome.FAIL]
    assert "lets clients outside of the cluster reach Deployment shop/web" in ways[0].text
    assert not [one for one in result.findings if one.rule == "network/backends" and one.outcome is not Outcome.PASS]


GRANT = """\
---
apiVersion: v1
kind: Namespace
metadata: {name: front}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: front}
spec:
  parentRefs: [{name: edge}]
  hostnames: [shop.example]
  rules: [{backendRefs: [{name: web, namespace: shop, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: web, namespace: shop}
spec: {from: [{FROM}], to: [{TO}]}
"""
ROUTES = "group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: front"


@pytest.mark.parametrize(
    ("giver", "to", "granted"),
    [
        (ROUTES, "group: '', kind: Service, name: web", True),
        (ROUTES, "group: '', kind: Service", True),
        (ROUTES, "group: '', kind: Service, name: other", False),
        (ROUTES, "group: '', kind: Secret", False),
        (ROUTES, "group: apps, kind: Service", False),
        (ROUTES.replace("HTTPRoute", "GRPCRoute"), "group: '', kind: Service", False),
        (ROUTES.replace("gateway.networking.k8s.io", "''"), "group: '', kind: Service", False),
        (ROUTES.replace("front", "shop"), "group: '', kind: Service", False),
    ],
)
def test_a_grant_is_about_one_kind_of_one_group(tmp_path: Path, giver: str, to: str, granted: bool) -> None:
    found = read_manifests(shop(tmp_path / "grant", GRANT.replace("FROM", giver).replace("TO", to)))
    result = judged(network, NetworkSafetyPolicy(enforcer="calico", schemas=False), [found])
    [outcome] = {one.outcome for one in result.findings if one.rule == "network/backends"}
    assert outcome is (Outcome.PASS if granted else Outcome.FAIL)


def test_the_pods_of_a_sandbox_are_pods(tmp_path: Path) -> None:
    result = judged(network, NetworkSafetyPolicy(enforcer="calico"), [read_manifests(shop(tmp_path, SANDBOX))])
    open_pods = {one.about for one in result.findings if one.rule == "network/isolated" and one.outcome is Outcome.FAIL}
    assert open_pods == {"Sandbox agents/agent ingress", "Sandbox agents/agent egress"}
    assert not unclear(tmp_path / "unclear", SANDBOX)


def test_a_claim_is_known_by_its_template(tmp_path: Path) -> None:
    template = changed(
        SANDBOX, "agents.x-k8s.io/v1alpha1\nkind: Sandbox", "extensions.agents.x-k8s.io/v1alpha1\nkind: SandboxTemplate"
    )
    claim = """---
apiVersion: extensions.agents.x-k8s.io/v1alpha1
kind: SandboxClaim
metadata: {name: mine, namespace: agents}
spec: {sandboxTemplateRef: {name: agent}}
"""
    assert not unclear(tmp_path / "known", template + claim)
    assert unclear(tmp_path / "unknown", claim)
    assert unclear(tmp_path / "other", template + claim.replace("name: agent}", "name: other}"))


def test_a_gateway_that_passes_on_by_itself_leads_to_more_than_its_routes_say(tmp_path: Path) -> None:
    assert not unclear(tmp_path / "well", ISTIO)
    text = changed(ISTIO, "mode: SIMPLE, credentialName: shop-tls", "mode: AUTO_PASSTHROUGH")
    (found,) = unclear(tmp_path / "auto", text)
    assert "Gateway.networking.istio.io shop/edge" in found
