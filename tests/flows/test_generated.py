"""Manifests made from a description are deny-by-default, GREEN by proof, the same bytes every time, and refused otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.seen.network import PodSet
from capabilities.network.generate import GenerateNetwork, generate_network
from manifests.text import document
from reach.question import ask
from tasks.network.network import network_of, read_manifests
from tests.adapters.typed import typed
from tests.manifests import changed
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-B1/generated-manifests-deny-by-default")

PLAIN = """\
name: web
namespace: shop
labels: {app: web}
site: {cni: calico, apiServer: [10.96.0.1]}
callers:
  - {namespace: front, labels: {app: proxy}, ports: [{port: 8080}]}
calls:
  - {namespace: shop, labels: {app: db}, ports: [{port: 5432}]}
  - {namespace: audit, labels: {app: log}, ports: [{port: 514, protocol: UDP}]}
addresses:
  - {cidr: 192.0.2.0/28, ports: [{port: 443}]}
"""
MESHED = PLAIN.replace("{cni: calico,", "{cni: calico, mesh: istio, gatewayClass: envoy,").replace(
    "labels: {app: proxy},", "labels: {app: proxy}, serviceAccount: proxy,"
)
ENTRY = """\
entry:
  hosts: [shop.example, www.shop.example]
  service: web
  port: 8443
  certificate: shop-tls
  gatewayPods: {namespace: envoy, labels: {app: envoy}, ports: [{port: 8443}], serviceAccount: envoy}
  backendName: web.shop.svc
  backendCa: shop-ca
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def made(here: Bench, description: str) -> dict[str, str]:
    return {one.name: one.text for one in generate_network(GenerateNetwork(description=description), here.place()).files}


def pod(name: str, namespace: str, app: str) -> str:
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {app}}}}}\n"
        "spec: {containers: []}\n"
    )


def test_the_plain_bundle_opens_exactly_what_was_asked_for(here: Bench) -> None:
    files = made(here, PLAIN)
    assert list(files) == ["10-network-policies.yaml"]
    others = [("web", "shop", "web"), ("db", "shop", "db"), ("proxy", "front", "proxy"), ("log", "audit", "log")]
    others += [("dns", "kube-system", "x"), ("outsider", "front", "x"), ("cousin", "shop", "x")]
    texts = [*files.items(), *((f"{name}.yaml", pod(name, namespace, app).encode()) for name, namespace, app in others)]
    network = network_of([(name, text.encode() if isinstance(text, str) else text) for name, text in texts])
    assert not network.refused

    def may(source: str, to: str) -> bool:
        return ask(network, source, to).allowed

    assert may("front/proxy", "shop/web:8080")
    assert may("shop/web", "audit/log:514/udp")
    assert may("shop/web", "192.0.2.7:443")
    for source, to in [
        ("front/outsider", "shop/web:8080"),
        ("front/proxy", "shop/web:8081"),
        ("shop/cousin", "shop/web:8080"),
        ("internet", "shop/web:8080"),
        ("shop/web", "audit/log:514/tcp"),
        ("shop/web", "192.0.2.17:443"),
        ("shop/web", "192.0.2.7:80"),
        ("shop/web", "169.254.169.254:80"),
        ("shop/web", "kube-system/dns:53/udp"),
        ("shop/cousin", "192.0.2.7:443"),
    ]:
        assert not may(source, to), (source, to)


@pytest.mark.requirement("ARC-B1/gateway-and-mesh-objects-are-generated")
def test_the_whole_bundle(here: Bench) -> None:
    files = made(here, MESHED + ENTRY)
    assert list(files) == ["10-network-policies.yaml", "20-mesh.yaml", "30-gateway.yaml"]
    network = network_of([(name, text.encode()) for name, text in files.items()])
    assert (network.unread, network.refused, network.others) == ((), (), ())
    assert [one.outbound for one in network.mesh.sidecars] == ["REGISTRY_ONLY"]
    allowing = [rule for one in network.mesh.authorizations for rule in one.rules]
    assert [rule.identities for rule in allowing] == [
        ("cluster.local/ns/front/sa/proxy",),
        ("cluster.local/ns/envoy/sa/envoy",),
    ]
    assert [listener.hostname for one in network.gateways for listener in one.listeners] == ["shop.example", "www.shop.example"]
    assert all("# " in text for text in files.values())


def test_equal_descriptions_give_equal_bytes(here: Bench) -> None:
    turned = dict(reversed(yaml.safe_load(MESHED + ENTRY).items()))
    assert made(here, MESHED + ENTRY) == made(here, json.dumps(turned))
    ordered = changed(PLAIN, "labels: {app: web}", "labels: {app: web, tier: a}")
    other = changed(PLAIN, "labels: {app: web}", "labels: {tier: a, app: web}")
    assert made(here, ordered) == made(here, other)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("cni: calico", "cni: flannel", "flannel"),
        ("cni: calico", "cni: ''", "does not name the network plugin"),
        ("cidr: 192.0.2.0/28", "cidr: 0.0.0.0/0", "0.0.0.0/0"),
        ("cidr: 192.0.2.0/28", "cidr: 169.254.169.254/32", "metadata service"),
        ("cidr: 192.0.2.0/28", "cidr: 10.96.0.0/24", "API server"),
        (", apiServer: [10.96.0.1]", "", "the address of the API server"),
        ("cidr: 192.0.2.0/28", "cidr: 192.0.2.1/28", "not a CIDR"),
        ("addresses:", "hosts: [{name: pay.example, ports: [{port: 443}]}]\naddresses:", "host names"),
        ("labels: {app: web}", "labels: {}", "at least one label"),
        ("name: web", "name: Web", "cannot be a name"),
        ("ports: [{port: 8080}]", "ports: []", "the ports of"),
        ("ports: [{port: 8080}]", "ports: [{port: 0}]", "not a port"),
        ("cni: calico", "cni: azure-npm, x: 1", "x"),
        ("{port: 514, protocol: UDP}", "{port: 514, protocol: ICMP}", "not a port"),
        ("site: {cni: calico, ", "site: {cni: calico, mesh: istio, ", "serviceAccount"),
        ("callers:", "entry: {hosts: []}\ncallers:", "Description"),
    ],
)
def test_what_would_not_hold_is_refused_and_never_dropped(here: Bench, old: str, new: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        made(here, changed(PLAIN, old, new))


def test_an_entry_needs_a_gateway(here: Bench) -> None:
    with pytest.raises(Refused, match="gatewayClass"):
        made(here, PLAIN + ENTRY)


def test_the_command_writes_what_check_finds_green(here: Bench, tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(PLAIN)
    line = ("network", "generate", tmp_path / "web.yaml", "-o", tmp_path / "out")
    done = typed(*line, environment={**here.environment, "PATH": ""})
    assert done.returncode == 0, done.stderr
    (tmp_path / "out" / "20-mesh.yaml").write_text("# of an earlier description\n")
    again = typed(*line, environment={**here.environment, "PATH": ""})
    assert again.returncode == 2
    assert "20-mesh.yaml" in again.stderr
    (tmp_path / "out" / "20-mesh.yaml").unlink()
    network = read_manifests(tmp_path / "out")
    assert [policy.name for policy in network.policies] == ["deny-all", "web-dns", "web-callers", "web-calls"]
    assert not any(isinstance(one, PodSet) for one in network.pods), "the stand-ins stay at home"


TRAPS = ("y", "No", "on", "null", "~", "1", "0x1f", "1e3", "1_000", "08", ".5", "2026-11-21", "", " a", "a: b", "#", "é")
words = st.sampled_from(TRAPS) | st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    words | st.integers(-(10**6), 10**6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words.filter(bool), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(words.filter(bool), values, max_size=3))
def test_text_reads_back_as_what_it_was(value: dict[str, object]) -> None:
    text = document("A comment.", value)  # type: ignore[arg-type]  # nested as the strategy made it
    assert (yaml.safe_load(text) or {}) == value
