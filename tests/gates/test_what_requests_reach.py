"""What requests from outside reach: Services that name no pods, filters and annotations of a controller, other networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.finding import Outcome
from arcops.seen.network import Network
from gates.network.gateway.gate import GatewayPolicy, gateway
from gates.network.network.gate import NetworkSafetyPolicy, network
from reach.drift import Way, compare
from reach.entries import entries
from reach.openings import openings
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.gates.test_gateway import EDGE, INGRESS
from tests.manifests import SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix", "ARC-B2/ways-in-from-outside-are-shown")

FAIL, UNKNOWN = Outcome.FAIL, Outcome.UNKNOWN
BARE = """\
apiVersion: v1
kind: Service
metadata: {name: other, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: other-1, namespace: shop, labels: {kubernetes.io/service-name: other}}
addressType: IPv4
endpoints: [{addresses: [10.9.8.7]}]
ports: [{port: 80}]
"""
NAME = BARE.partition("---")[0].replace("{ports", "{type: ExternalName, externalName: vault.secrets.svc.cluster.local, ports")
BALANCED = BARE.partition("---")[0].replace("{ports", "{type: LoadBalancer, ports")
NETWORKS = "k8s.v1.cni.cncf.io/networks"


def found(body: Network, rule: str, *, harmless: tuple[str, ...] = ()) -> dict[str, Outcome]:
    granted = ("Ingress shop/web", "HTTPRoute shop/web", "Service shop/other")
    result = judged(network, NetworkSafetyPolicy(enforcer="calico", entries=granted, harmless=harmless), [body])
    return {one.about: one.outcome for one in result.findings if one.rule == rule and one.outcome is not Outcome.PASS}


@pytest.mark.parametrize("text", [BARE, NAME], ids=["by hand", "another name"])
def test_a_service_that_names_no_pods_may_lead_anywhere(tmp_path: Path, text: str) -> None:
    way = changed(INGRESS, "name: web, port", "name: other, port")
    body = read_manifests(shop(tmp_path / "shop", way, text))
    assert found(body, "network/backends") == {"Service shop/other": UNKNOWN}
    assert not found(read_manifests(shop(tmp_path / "well", INGRESS, text)), "network/backends"), "no client comes in by it"


def test_a_load_balancer_that_names_no_pods(tmp_path: Path) -> None:
    body = read_manifests(shop(tmp_path / "shop", BALANCED))
    assert found(body, "network/backends") == {"Service shop/other": UNKNOWN}


@pytest.mark.parametrize("text", [BALANCED, INGRESS.replace("name: web, port", "name: gone, port")], ids=["Service", "Ingress"])
def test_a_way_in_without_pods_is_drift(tmp_path: Path, text: str) -> None:
    declared, live = read_manifests(shop(tmp_path / "declared")), read_manifests(shop(tmp_path / "live", text))
    assert {one.way for one in compare(declared, live).reach} == {Way.GAINED}
    assert not compare(live, live).reach


@pytest.mark.parametrize(
    ("new", "about", "outcome"),
    [
        ("group: serving.knative.dev, kind: Service, name: web", "HTTPRoute shop/web spec.rules[0].backendRefs[0]", FAIL),
        ("group: '', kind: Service, name: web", "", None),
        (
            "filters: [{type: ExtensionRef, extensionRef: {group: x.example, kind: Snippet, name: a}}], name: web",
            "HTTPRoute shop/web Snippet.x.example",
            UNKNOWN,
        ),
        (
            "filters: [{type: ExternalAuth, externalAuth: {backendRef: {name: asks, namespace: other, port: 80}}}], name: web",
            "HTTPRoute shop/web spec.rules[0].backendRefs[0].filters[0].externalAuth.backendRef",
            FAIL,
        ),
    ],
)
def test_what_a_route_names(tmp_path: Path, new: str, about: str, outcome: Outcome | None) -> None:
    body = read_manifests(shop(tmp_path / "shop", changed(EDGE, "{name: web, port", f"{{{new}, port")))
    assert found(body, "network/backends") == ({about: outcome} if outcome is not None else {})
    assert not found(body, "network/backends", harmless=("Snippet.x.example",)) or outcome is FAIL


@pytest.mark.parametrize(
    ("given", "rule", "outcome"),
    [
        ("nginx.ingress.kubernetes.io/server-snippet: 'proxy_pass http://10.9.8.7;'", "network/backends", UNKNOWN),
        ("nginx.org/location-snippets: 'proxy_pass http://10.9.8.7;'", "network/backends", UNKNOWN),
        ("nginx.ingress.kubernetes.io/ssl-redirect: 'false'", "gateway/listeners", FAIL),
        ("haproxy.org/ssl-redirect: 'false'", "gateway/listeners", FAIL),
        ("kubernetes.io/ingress.allow-http: 'true'", "gateway/listeners", FAIL),
        ("traefik.ingress.kubernetes.io/router.entrypoints: 'web, websecure'", "gateway/listeners", FAIL),
        ("nginx.ingress.kubernetes.io/ssl-redirect: 'true'", "", None),
        (
            "nginx.ingress.kubernetes.io/ssl-redirect: 'false', nginx.ingress.kubernetes.io/force-ssl-redirect: 'true'",
            "",
            None,
        ),
        ("traefik.ingress.kubernetes.io/router.entrypoints: websecure", "", None),
        ("kubernetes.io/ingress.class: nginx", "", None),
    ],
)
def test_annotations_of_an_ingress(tmp_path: Path, given: str, rule: str, outcome: Outcome | None) -> None:
    text = changed(INGRESS, "namespace: shop}", f"namespace: shop, annotations: {{{given}}}}}")
    body = read_manifests(shop(tmp_path / "shop", text))
    outcomes = {**found(body, "network/backends")}
    result = judged(gateway, GatewayPolicy(), [body])
    outcomes |= {one.about: one.outcome for one in result.findings if one.rule == "gateway/listeners" and one.outcome is FAIL}
    assert list(outcomes.values()) == ([outcome] if outcome is not None else []), rule


@pytest.mark.parametrize(
    "given", ["nginx.ingress.kubernetes.io/backend-protocol: HTTPS", "nginx.ingress.kubernetes.io/ssl-passthrough: 'true'"]
)
def test_an_ingress_may_use_tls_to_its_backends(tmp_path: Path, given: str) -> None:
    text = changed(INGRESS, "namespace: shop}", f"namespace: shop, annotations: {{{given}}}}}")
    plain = changed(text, "  tls: [{hosts: [shop.example], secretName: web}]\n", "") if "pass" in given else text
    result = judged(gateway, GatewayPolicy(), [read_manifests(shop(tmp_path / "shop", plain))])
    assert all(one.outcome is Outcome.PASS for one in result.findings)


def test_a_route_of_a_service_is_no_way_in(tmp_path: Path) -> None:
    route = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: inner, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: web, port: 80}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""
    body = read_manifests(shop(tmp_path / "shop", route))
    assert not list(entries(body))
    result = judged(gateway, GatewayPolicy(plain_backends=True), [body])
    assert all(one.outcome is Outcome.PASS for one in result.findings)


@pytest.mark.parametrize(
    ("given", "well"),
    [
        (f"{NETWORKS}: rdma", False),
        (f'{NETWORKS}: \'[{{"name": "sriov", "namespace": "net"}}]\'', False),
        ("v1.multus-cni.io/default-network: kube-system/other", False),
        (f"{NETWORKS}: ''", True),
        (f"{NETWORKS}: '[]'", True),
        ("k8s.v1.cni.cncf.io/network-status: '[{}]'", True),
    ],
)
def test_policies_do_not_apply_to_other_networks(tmp_path: Path, given: str, well: bool) -> None:
    pods = changed(SHOP, "metadata: {labels: {app: db}}", f"metadata: {{labels: {{app: db}}, annotations: {{{given}}}}}")
    body, plain = read_manifests(shop(tmp_path / "shop", manifests=pods)), read_manifests(shop(tmp_path / "plain"))
    name = given.partition(":")[0]
    assert found(body, "network/host") == ({} if well else {f"StatefulSet shop/db {name}": FAIL})
    assert [one.way for one in compare(plain, body).reach] == ([] if well else [Way.GAINED])


def test_what_pods_of_other_networks_open_is_a_way_in(tmp_path: Path) -> None:
    pods = changed(
        SHOP, "metadata: {labels: {app: db}}", f"metadata: {{labels: {{app: db}}, annotations: {{{NETWORKS}: rdma}}}}"
    )
    (found,) = openings(read_manifests(shop(tmp_path / "shop", manifests=pods)))
    assert (found.pods, found.open, len(found.doubts)) == ("StatefulSet shop/db", True, 1)


def test_a_file_that_kubectl_leaves_out_is_not_applied(tmp_path: Path) -> None:
    """Mutation: a policy in DENY.YAML counts, and no one applies it."""
    folder = shop(tmp_path / "shop")
    (folder / "policies.yaml").rename(folder / "policies.YAML")
    (found,) = read_manifests(folder).unread
    assert "kubectl leaves files with such an ending out" in found.text


@pytest.mark.parametrize(
    ("metadata", "exposed"),
    [
        ("annotations: {tailscale.com/expose: 'true'}", True),
        ("annotations: {service.cilium.io/global: 'true'}", True),
        ("annotations: {skupper.io/proxy: http}", True),
        ("labels: {mirror.linkerd.io/exported: remote-discovery}", True),
        ("annotations: {service.cilium.io/global: 'false'}", False),
        ("annotations: {tailscale.com/hostname: web}", False),
    ],
)
def test_a_service_may_be_exposed_by_a_word(tmp_path: Path, metadata: str, exposed: bool) -> None:
    service = "metadata: {name: web, namespace: shop}\nspec:\n  selector: {app: web}\n  ports"
    text = changed(SHOP, service, service.replace("shop}", f"shop, {metadata}}}", 1))
    body, plain = read_manifests(shop(tmp_path / "shop", manifests=text)), read_manifests(shop(tmp_path / "plain"))
    assert found(body, "network/entries") == ({"Service shop/web": FAIL} if exposed else {})
    assert [one.way for one in compare(plain, body).reach] == ([Way.GAINED] if exposed else [])
