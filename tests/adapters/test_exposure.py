"""``arcops network exposure``: what can be reached from outside, by which way, and what lets it through, with file and line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from capabilities.catalogue import all_tools
from capabilities.network.exposure import ExposedNetwork, ExposeNetwork, expose_network
from tests.adapters.typed import Done, typed
from tests.gates.test_gateway import EDGE
from tests.gates.test_mesh import MESH
from tests.gates.test_network import INGRESS
from tests.manifests import POLICIES, SHOP, changed, shop
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-B2/ways-in-from-outside-are-shown")

OPEN = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
    - from: [FROM]
      ports: [{port: 8080}]
"""
EVERYBODY = POLICIES + OPEN.replace("FROM", "{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}")
SOME = POLICIES + OPEN.replace("FROM", "{ipBlock: {cidr: 192.0.2.0/25}}, {ipBlock: {cidr: 192.0.2.128/25}}")
SELECTOR = "  selector: {app: web}\n  ports"
BALANCED = changed(SHOP, SELECTOR, f"  type: LoadBalancer\n{SELECTOR}")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def arcops(here: Bench, *arguments: str | Path) -> Done:
    return typed("network", "exposure", *arguments, environment={**os.environ, **here.environment})


def exposed(here: Bench, folder: Path) -> ExposedNetwork:
    return expose_network(ExposeNetwork(target=folder), here.place())


def test_every_door_finds_it() -> None:
    assert "expose_network" in {one.name for one in all_tools()}


def test_a_closed_shop_is_not_reachable(here: Bench, tmp_path: Path) -> None:
    done = arcops(here, shop(tmp_path / "shop"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "0 way(s) in are open, 0 closed"
    assert "web" not in done.stdout


def test_a_service_that_no_policy_closes(here: Bench, tmp_path: Path) -> None:
    done = arcops(here, shop(tmp_path / "shop", manifests=BALANCED, policies=EVERYBODY))
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == [
        "open: Service shop/web (LoadBalancer) port 80 (shop.yaml:36) to Deployment shop/web, TCP 8080",
        "  from any address",
        "  policies.yaml:47: NetworkPolicy shop/front allows it by spec.ingress[0]",
        "by its own address: Deployment shop/web (shop.yaml:5) from any IPv4 address: TCP 8080",
        "by its own address: Deployment shop/web (shop.yaml:5) from any IPv6 address: TCP 8080",
        "1 way(s) in are open, 0 closed",
    ]


def test_a_service_that_policies_close(here: Bench, tmp_path: Path) -> None:
    found = exposed(here, shop(tmp_path / "shop", manifests=BALANCED))
    (one,) = found.openings
    assert not one.open
    assert [(rule.policy, rule.allows, rule.at and rule.at.line) for rule in one.rules] == [
        ("NetworkPolicy shop/deny", False, 1)
    ]


def test_a_service_that_is_open_to_some(here: Bench, tmp_path: Path) -> None:
    found = exposed(here, shop(tmp_path / "shop", manifests=BALANCED, policies=SOME))
    (one,) = found.openings
    assert (one.open, one.sources) == (True, ("192.0.2.0-192.0.2.255",))
    assert found.doubts == (
        "shop.yaml:36: nodes may replace the client's address by their own, so rules about addresses may not apply",
    )


ALL_IN = {"spec: {}": "spec: {rules: [{}]}"}
PLAIN = {"STRICT": "PERMISSIVE"}
BY_ADDRESS = {"spec: {}": "spec: {rules: [{from: [{source: {ipBlocks: [192.0.2.0/24]}}]}]}"}


@pytest.mark.parametrize(
    ("changes", "is_open", "certain", "says"),
    [
        ({}, False, True, ["PeerAuthentication shop/strict", "AuthorizationPolicy shop/deny"]),
        (ALL_IN, False, True, ["PeerAuthentication shop/strict"]),
        (PLAIN, False, True, ["AuthorizationPolicy shop/deny"]),
        (ALL_IN | PLAIN, True, True, ["PeerAuthentication", "AuthorizationPolicy shop/deny"]),
        (BY_ADDRESS | PLAIN, True, False, []),
    ],
)
def test_the_mesh_may_still_refuse(
    here: Bench, tmp_path: Path, changes: dict[str, str], is_open: bool, certain: bool, says: list[str]
) -> None:
    in_mesh = changed(BALANCED, "metadata: {name: shop}", "metadata: {name: shop, labels: {istio-injection: enabled}}")
    mesh = MESH
    for old, new in changes.items():
        mesh = changed(mesh, old, new)
    found = exposed(here, shop(tmp_path / "shop", mesh, manifests=in_mesh, policies=EVERYBODY))
    (one,) = found.openings
    assert (one.open, not found.doubts) == (is_open, certain), found.doubts
    of_mesh = [rule.policy for rule in one.rules if rule.layer.value == "mesh"]
    assert of_mesh == [name for name in says if "/" in name]


def test_an_ingress_and_a_route_name_hosts_listeners_and_rules(here: Bench, tmp_path: Path) -> None:
    from_proxy = POLICIES + OPEN.replace("FROM", "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}}")
    folder = shop(tmp_path / "shop", INGRESS, EDGE, policies=from_proxy)
    ingress, route = exposed(here, folder).openings
    assert (ingress.open, ingress.hosts, ingress.at.path, ingress.at.line) == (True, ("shop.example",), "more-0.yaml", 9)
    assert (route.open, route.hosts) == (True, ("shop.example",))
    assert [(one.title, one.protocol, one.port, one.at.line) for one in route.listeners] == [
        ("Gateway edge/edge https", "HTTPS", 443, 11)
    ]
    assert [one.rule for one in route.rules] == ["spec.ingress[0]"]
    closed = exposed(here, shop(tmp_path / "closed", INGRESS, EDGE))
    assert [one.open for one in closed.openings] == [False, False]
    apart = changed(EDGE, "sectionName: https", "sectionName: http")
    (alone,) = exposed(here, shop(tmp_path / "apart", apart, policies=from_proxy)).openings
    assert not alone.open
    assert "does not attach" in alone.rules[0].text


def test_ports_and_networks_of_nodes(here: Bench, tmp_path: Path) -> None:
    port = changed(SHOP, "{containerPort: 8080, name: http}", "{containerPort: 8080, name: http, hostPort: 80}")
    (one,) = exposed(here, shop(tmp_path / "closed", manifests=port)).openings
    assert not one.open
    (one,) = exposed(here, shop(tmp_path / "open", manifests=port, policies=EVERYBODY)).openings
    assert (one.open, one.how, one.port) == (True, "Deployment shop/web port 80 of its node", 8080)
    host = SHOP.replace(
        "    spec:\n      containers:\n        - name: web",
        "    spec:\n      hostNetwork: true\n      containers:\n        - name: web",
    )
    done = arcops(here, shop(tmp_path / "host", manifests=host), "--format", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [(one["open"], one["port"]) for one in found["openings"]] == [(True, 8080), (True, 0)]
    assert "policies may not apply to it" in found["doubts"][0]


def test_a_way_to_pods_that_are_not_here_is_open_and_not_certain(here: Bench, tmp_path: Path) -> None:
    lost = BALANCED.replace("  selector: {app: web}\n  ports", "  selector: {app: gone}\n  ports")
    found = exposed(here, shop(tmp_path / "shop", manifests=lost))
    assert [(one.open, one.pods) for one in found.openings] == [(True, "")]
    assert "not among these manifests" in found.doubts[0]
    broken = arcops(here, shop(tmp_path / "broken", "kind: [\n"))
    assert broken.returncode == 1
    assert "not certain: more-0.yaml:2" in broken.stdout
