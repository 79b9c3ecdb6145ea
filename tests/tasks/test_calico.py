"""Calico's policies by their meaning: order, actions and selectors; and what is not understood is never ignored."""

from __future__ import annotations

import pytest

from arcops.finding import Outcome
from arcops.seen.network import Network
from gates.network.network.gate import NetworkSafetyPolicy, network
from reach.question import ask
from tasks.network.network import network_of
from tests.evidence import judged
from tests.manifests import SHOP

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

OTHER = """---
apiVersion: v1
kind: Namespace
metadata: {name: front, labels: {team: x}}
---
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: front, labels: {app: proxy}}
spec: {containers: []}
"""
GLOBAL = "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: %s}\nspec: %s\n"
LOCAL = (
    "---\napiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {name: default.%s, namespace: shop}\nspec: %s\n"
)
DENY = GLOBAL % ("deny", "{types: [Ingress, Egress]}")
LET = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}]}]
"""


def made(*policies: str) -> Network:
    return network_of([("all.yaml", (SHOP + OTHER + "".join(policies)).encode())])


def may(*policies: str, source: str = "shop/web", target: str = "shop/db:5432") -> bool:
    found = made(*policies)
    assert not found.unread, found.unread
    assert not found.refused, found.refused
    assert not [one for one in found.others if not one.harmless]
    answer = ask(found, source, target)
    assert not answer.doubts, answer.doubts
    return answer.allowed


def rule(action: str, peer: str = "", port: str = "") -> str:
    parts = [f"action: {action}", "protocol: TCP"]
    parts += [f"source: {{{peer}}}"] if peer else []
    parts += [f"destination: {{ports: [{port}]}}"] if port else []
    return "{" + ", ".join(parts) + "}"


def to_db(*rules: str, order: str = "") -> str:
    first = f"order: {order}, " if order else ""
    return LOCAL % (f"db{order}", f"{{{first}selector: \"app == 'db'\", types: [Ingress], ingress: [{', '.join(rules)}]}}")


WEB, PROXY = "selector: \"app == 'web'\"", "selector: \"app == 'proxy'\", namespaceSelector: \"team == 'x'\""


def test_a_policy_without_rules_closes() -> None:
    assert may()
    assert not may(DENY)
    assert not may(GLOBAL % ("deny", "{namespaceSelector: \"projectcalico.org/name == 'shop'\", types: [Ingress]}"))
    assert may(GLOBAL % ("deny", "{namespaceSelector: \"projectcalico.org/name == 'front'\", types: [Ingress]}"))


@pytest.mark.parametrize("order", ["", "10", "2000"])
def test_what_is_allowed_is_open_and_the_rest_is_closed(order: str) -> None:
    policy = to_db(rule("Allow", WEB, "5432"), order=order)
    assert may(policy)
    assert not may(policy, target="shop/db:22")
    assert not may(policy, source="front/proxy")
    assert may(to_db(rule("Allow", PROXY, "'5000:6000'"), order=order), source="front/proxy")
    assert not may(to_db(rule("Allow", "selector: \"app == 'proxy'\"", "5432"), order=order), source="front/proxy"), (
        "own namespace"
    )


def test_the_order_decides() -> None:
    assert may(LET)
    assert not may(LET, to_db(rule("Deny", WEB), order="10")), "before the NetworkPolicies"
    assert may(LET, to_db(rule("Allow", PROXY), order="2000")), "after them, it only adds"
    assert may(to_db(rule("Allow", WEB), order="5"), to_db(rule("Deny"), order="10"))
    assert not may(to_db(rule("Deny"), order="5"), to_db(rule("Allow", WEB), order="10"))
    assert may(LET, to_db(rule("Allow", WEB, "22"), "{action: Deny}", order="2000"))


@pytest.mark.parametrize(
    ("selector", "well"),
    [
        ("all()", True),
        ("has(app)", True),
        ("!has(app)", False),
        ("app in {'web', 'x'}", True),
        ("app not in {'web'}", False),
        ("app != 'db' && has(app)", True),
        ("app != 'web'", False),
        ("tier != 'none'", True),
    ],
)
def test_selectors(selector: str, well: bool) -> None:
    assert may(to_db(rule("Allow", f'selector: "{selector}"'))) is well


def test_networks() -> None:
    text = to_db(rule("Allow", "nets: [192.0.2.0/24], notNets: [192.0.2.128/25]"))
    assert may(text, source="192.0.2.5")
    assert not may(text, source="192.0.2.200")
    assert not may(text, source="198.51.100.1")


@pytest.mark.parametrize(
    "policy",
    [
        to_db(rule("Pass")),
        to_db(rule("Allow", "serviceAccounts: {names: [a]}")),
        to_db(rule("Allow", "ports: [1]")),
        to_db(rule("Allow", 'notSelector: "has(a)"')),
        to_db(rule("Allow", "selector: \"a == 'b' || c == 'd'\"")),
        to_db(rule("Allow", "selector: \"a contains 'b'\"")),
        to_db(rule("Deny", WEB), rule("Allow")),
        to_db(rule("Allow"), order="1000"),
        LOCAL % ("x", "{tier: security, types: [Ingress]}"),
        LOCAL % ("x", '{serviceAccountSelector: "has(a)", types: [Ingress]}'),
        LOCAL % ("x", "{types: [Ingress], ingress: [{action: Allow, http: {methods: [GET]}}]}"),
    ],
)
def test_what_is_not_understood_is_named(policy: str) -> None:
    found = made(DENY, policy)
    assert ["not understood" in one.text for one in found.unread] == [True]
    result = judged(network, NetworkSafetyPolicy(enforcer="calico"), [found])
    assert any(one.rule == "network/read" and one.outcome is Outcome.UNKNOWN for one in result.findings)


def test_other_plugins_are_not_known_to_enforce_them() -> None:
    for enforcer, outcome in (("calico", Outcome.PASS), ("cilium", Outcome.FAIL)):
        result = judged(network, NetworkSafetyPolicy(enforcer=enforcer), [made(DENY)])
        assert [one.outcome for one in result.findings if one.rule == "network/enforced"] == [outcome]
    isolated = judged(network, NetworkSafetyPolicy(enforcer="calico"), [made(DENY)])
    assert [one.outcome for one in isolated.findings if one.rule == "network/isolated"] == [Outcome.PASS]
