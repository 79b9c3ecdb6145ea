"""OpenShift's EgressFirewall: the first rule that names an address outside decides, and NetworkPolicies count as well."""

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

FIREWALL = (
    "---\napiVersion: k8s.ovn.org/v1\nkind: EgressFirewall\nmetadata: {name: default, namespace: shop}\nspec: {egress: [%s]}\n"
)
ALLOW, DENY = "{type: Allow, to: {cidrSelector: %s}}", "{type: Deny, to: {cidrSelector: %s}}"
CLOSED = (
    "---\n"
    + """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
"""
)


def made(*more: str) -> Network:
    return network_of([("all.yaml", (SHOP + "".join(more)).encode())])


def may(target: str, *rules: str, more: str = "") -> bool:
    found = made(FIREWALL % ", ".join(rules), more)
    assert not found.unread
    assert not found.refused, found.refused
    answer = ask(found, "shop/web", target)
    assert not answer.doubts, answer.doubts
    return answer.allowed


def test_the_first_rule_that_names_an_address_decides() -> None:
    rules = (ALLOW % "192.0.2.0/24", DENY % "0.0.0.0/0")
    assert may("192.0.2.5:443", *rules)
    assert not may("198.51.100.1:443", *rules)
    assert not may("192.0.2.5:443", *reversed(rules))
    assert may("198.51.100.1:443", DENY % "192.0.2.0/24"), "what no rule names is allowed"
    assert may("192.0.2.5:443", "{type: Deny, to: {cidrSelector: 0.0.0.0/0}, ports: [{protocol: TCP, port: 80}]}")
    assert not may("192.0.2.5:80", "{type: Deny, to: {cidrSelector: 0.0.0.0/0}, ports: [{protocol: TCP, port: 80}]}")


def test_it_is_for_what_leaves_the_cluster() -> None:
    assert may("shop/db:5432", DENY % "0.0.0.0/0")


def test_what_it_allows_policies_must_allow_too() -> None:
    assert not may("192.0.2.5:443", ALLOW % "0.0.0.0/0", more=CLOSED)


def test_names_and_nodes() -> None:
    named = "{type: Allow, to: {dnsName: pay.example}}"
    assert may("pay.example:443", named, DENY % "0.0.0.0/0")
    nodes = ask(made(FIREWALL % "{type: Deny, to: {nodeSelector: {matchLabels: {a: b}}}}"), "shop/web", "192.0.2.5:443")
    assert any("names nodes of the cluster" in one for one in nodes.doubts)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ("{type: Drop, to: {cidrSelector: 0.0.0.0/0}}", "spec.egress[0].type"),
        ("{type: Deny}", "spec.egress[0].to"),
        ("{type: Deny, to: {cidrSelector: 0.0.0.0/0, dnsName: a.b}}", "spec.egress[0].to"),
        ("{type: Deny, to: {cidrSelector: nine}}", "spec.egress[0].to.cidrSelector"),
    ],
)
def test_what_the_server_refuses(rule: str, field: str) -> None:
    assert field in {one.field for one in made(FIREWALL % rule).refused}


def test_who_enforces_it() -> None:
    for enforcer, outcome in (("ovn-kubernetes", Outcome.PASS), ("calico", Outcome.FAIL)):
        result = judged(network, NetworkSafetyPolicy(enforcer=enforcer), [made(FIREWALL % (DENY % "0.0.0.0/0"))])
        assert [one.outcome for one in result.findings if one.rule == "network/enforced"] == [outcome]


def test_two_namespaces_may_each_have_one() -> None:
    other = (FIREWALL % (DENY % "0.0.0.0/0")).replace("namespace: shop", "namespace: other")
    assert may("192.0.2.5:443", ALLOW % "0.0.0.0/0", more=other)
