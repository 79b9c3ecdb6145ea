"""Calico's policies by their meaning: order, actions and selectors; and what is not understood is never ignored."""

from __future__ import annotations

import pytest

from arcops.finding import Outcome
from arcops.seen.network import Network
from gates.network.network.gate import NetworkSafetyPolicy, network
from reach.question import Connection, ask
from reach.world import World
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
TIER = "---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: %s}\nspec: %s\n"
SET = """---
apiVersion: projectcalico.org/v3
kind: %s
metadata: {name: office, %s}
spec:
  nets: [192.0.2.0/25, 198.51.100.7]
"""
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
    [one] = answer.connections
    assert in_the_table(found, one) in (None, answer.allowed), "the table of all pairs says the same"
    return answer.allowed


def in_the_table(found: Network, asked: Connection) -> bool | None:
    """What the table of all pairs says; `None` about an address, which it knows as a range."""
    world = World(found)
    places = {pods.title: int(world.class_of[world.position(pods)]) for pods in found.pods}
    if not {asked.source, asked.target} <= set(places):
        return None
    piece = world.terrain.ports.position(asked.protocol, asked.port)
    return bool(world.pairs(int(world.port_class_of[piece]))[places[asked.source], places[asked.target]])


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
        ("app == 'x' || app == 'web'", True),
        ("app == 'x' || has(none)", False),
        ("!(app == 'x' || app == 'db') && has(app)", True),
        ("!(has(app) && app == 'web')", False),
        ("app == 'x' || has(app) && app == 'web'", True),
        ("(app == 'web' || has(app)) && has(none)", False),
        ("!all()", False),
        ("!!has(app)", True),
        ("app in {}", False),
        ("!(app in {'x'})", True),
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
        to_db(rule("Allow", "serviceAccounts: {names: [a]}")),
        to_db(rule("Allow", "ports: [1]")),
        to_db(rule("Allow", "selector: \"a contains 'b'\"")),
        to_db(rule("Allow", "selector: \"a == 'b' ||\"")),
        to_db(rule("Allow", "selector: \"(a == 'b'\"")),
        to_db(rule("Allow", 'selector: "a in {b}"')),
        to_db(rule("Allow", "selector: \"projectcalico.org/serviceaccount == 'b'\"")),
        to_db(rule("Allow", "nets: [192.0.2.0/24], selector: all()")),
        to_db(rule("Allow", "namespaceSelector: \"team starts with 'x'\"")),
        to_db(rule("Allow", WEB, "'70000'")),
        LOCAL % ("x", "{types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {notPorts: [http]}}]}"),
        LOCAL % ("x", "{types: [Egress], egress: [{action: Allow, destination: {services: {name: db}}}]}"),
        GLOBAL % ("x", "{preDNAT: true, types: [Ingress]}"),
        GLOBAL % ("x", "{applyOnForward: true, types: [Ingress]}"),
        TIER % ("default", "{order: 1000000, defaultAction: Pass}"),
        TIER % ("default", "{order: 5}"),
        SET % ("GlobalNetworkSet", "labels: {a: b}") + "  allowedEgressDomains: [pay.example]\n",
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


def test_what_is_not_understood_is_named_at_its_line() -> None:
    policy = """---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: x}
spec:
  types: [Ingress]
  ingress:
    - action: Allow
    - action: Allow
      source:
        serviceAccounts:
          names: [a]
"""
    found = network_of([("all.yaml", (SHOP + OTHER).encode()), ("calico.yaml", policy.encode())])
    assert [(one.at.path, one.at.line, one.field) for one in found.unread] == [
        ("calico.yaml", 11, "spec.ingress[1].source.serviceAccounts")
    ]


def tiered(tier: str, *rules: str, order: str = "") -> str:
    first = f"order: {order}, " if order else ""
    spec = f"{{{first}tier: {tier}, selector: \"app == 'db'\", types: [Ingress], ingress: [{', '.join(rules)}]}}"
    return GLOBAL % (f"{tier}.db{order}", spec)


EARLY, OPENING = TIER % ("early", "{order: 10}"), TIER % ("early", "{order: 10, defaultAction: Pass}")
NEXT = TIER % ("next", "{order: 20}")
ADMIN = """---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: admin}
spec:
  priority: 5
  subject: {namespaces: {}}
  ingress: [{name: x, action: %s, from: [{namespaces: {}}]}]
"""


@pytest.mark.parametrize(
    ("policies", "allowed"),
    [
        ((EARLY, tiered("early", rule("Deny", WEB)), LET), False),
        ((EARLY, tiered("early", rule("Allow", WEB)), GLOBAL % ("deny", "{types: [Ingress]}")), True),
        ((EARLY, tiered("early", rule("Pass", WEB)), LET), True),
        ((EARLY, tiered("early", rule("Pass", WEB)), DENY), False),
        ((EARLY, tiered("early", rule("Pass", WEB))), True),
        # What no rule of a tier names is denied at its end, unless its default action is Pass.
        ((EARLY, tiered("early", rule("Allow", PROXY)), LET), False),
        ((OPENING, tiered("early", rule("Allow", PROXY)), LET), True),
        ((EARLY, tiered("early", rule("Allow", PROXY)), tiered("early", rule("Pass", WEB), order="7"), LET), True),
        ((EARLY, tiered("early", rule("Allow", PROXY), order="5"), tiered("early", rule("Allow", WEB), order="7")), True),
        # The order of the tiers comes before that of the policies.
        ((EARLY, NEXT, tiered("next", rule("Deny"), order="1"), tiered("early", rule("Allow"))), True),
        ((NEXT, EARLY, tiered("next", rule("Allow"), order="1"), tiered("early", rule("Deny"))), False),
        ((EARLY, TIER % ("last", "{}"), tiered("last", rule("Deny")), tiered("early", rule("Pass")), LET), True),
        ((EARLY, TIER % ("last", "{}"), tiered("last", rule("Deny")), tiered("early", rule("Pass"))), False),
        # AdminNetworkPolicies are a tier of the order 1000.
        ((EARLY, tiered("early", rule("Deny")), ADMIN % "Allow"), False),
        ((TIER % ("after", "{order: 1001}"), tiered("after", rule("Deny")), ADMIN % "Allow"), True),
        ((TIER % ("after", "{order: 1001}"), tiered("after", rule("Deny")), ADMIN % "Pass", LET), False),
        # In the tier of the NetworkPolicies, Pass leaves these out, too.
        ((to_db(rule("Pass", WEB), order="10"), LET), True),
        (
            (
                to_db(rule("Pass", WEB), order="10"),
                LET.replace("from: [{podSelector: {}}]", "from: [{ipBlock: {cidr: 192.0.2.0/24}}]"),
            ),
            True,
        ),
        ((to_db(rule("Pass", PROXY), order="10"), DENY), False),
        # What comes after the NetworkPolicies decides rule by rule what these did not allow.
        ((to_db(rule("Deny", WEB), rule("Allow")), LET), True),
        ((to_db(rule("Deny", WEB), rule("Allow")),), False),
        ((to_db(rule("Deny", PROXY), rule("Allow")),), True),
        ((to_db(rule("Deny", WEB), order="2000"), to_db(rule("Allow"), order="3000")), False),
        ((to_db(rule("Deny", WEB), order="4000"), to_db(rule("Allow"), order="3000")), True),
        ((to_db(rule("Pass", WEB), order="2000"), to_db(rule("Deny"), order="3000")), True),
    ],
)
def test_tiers(policies: tuple[str, ...], allowed: bool) -> None:
    assert may(*policies) is allowed
    assert may(*policies[::-1]) is allowed


def test_a_tier_that_no_file_has_is_named() -> None:
    [why] = made(tiered("early", rule("Allow"))).unread
    assert "Tier 'early' is in no file" in why.text


@pytest.mark.parametrize(
    ("kind", "metadata", "side", "everywhere", "inside"),
    [
        ("NetworkSet", "namespace: shop, labels: {role: office}", "selector: \"role == 'office'\"", False, True),
        ("NetworkSet", "namespace: front, labels: {role: office}", "selector: \"role == 'office'\"", False, False),
        (
            "NetworkSet",
            "namespace: front, labels: {role: office}",
            "selector: has(role), namespaceSelector: has(team)",
            False,
            True,
        ),
        ("NetworkSet", "namespace: front, labels: {role: office}", "selector: has(role)", True, True),
        ("GlobalNetworkSet", "labels: {role: office}", "selector: \"role == 'office'\"", False, False),
        ("GlobalNetworkSet", "labels: {role: office}", "selector: has(role), namespaceSelector: global()", False, True),
        ("GlobalNetworkSet", "labels: {role: office}", "selector: has(role)", True, True),
        ("GlobalNetworkSet", "labels: {role: office}", "selector: has(role), namespaceSelector: all()", True, False),
        ("GlobalNetworkSet", "labels: {role: home}", "selector: \"role == 'office'\"", True, False),
    ],
)
def test_sets_of_networks(kind: str, metadata: str, side: str, everywhere: bool, inside: bool) -> None:
    found, allow = SET % (kind, metadata), rule("Allow", side)
    spec = f"{{selector: \"app == 'db'\", types: [Ingress], ingress: [{allow}]}}"
    text = GLOBAL % ("db", spec) if everywhere else to_db(allow)
    assert may(text, found, source="192.0.2.5") is inside
    assert may(found, text, source="198.51.100.7") is inside
    assert not may(text, found, source="192.0.2.200")
    assert not ask(made(text, found), "shop/web", "shop/db:5432").allowed, "a selector of no pod is not one of every pod"


@pytest.mark.parametrize(
    ("protocol", "ports", "opened", "shut"),
    [
        ("protocol: TCP", "notPorts: [22, '100:200']", "5432", "22"),
        ("protocol: TCP", "notPorts: ['1:5431']", "5432", "5431"),
        ("notProtocol: UDP", "ports: [5432]", "5432", "53/udp"),
        ("notProtocol: ICMP", "ports: [5432]", "5432/udp", "53/udp"),
        ("protocol: 6", "ports: ['5000:6000']", "5432", "5432/udp"),
    ],
)
def test_ports_and_protocols(protocol: str, ports: str, opened: str, shut: str) -> None:
    text = LOCAL % ("x", f"{{types: [Ingress], ingress: [{{action: Allow, {protocol}, destination: {{{ports}}}}}]}}")
    assert may(text, target=f"shop/db:{opened}")
    assert not may(text, target=f"shop/db:{shut}")


def test_what_only_watches_changes_nothing() -> None:
    staged = GLOBAL.replace("kind: GlobalNetworkPolicy", "kind: StagedGlobalNetworkPolicy") % ("x", "{types: [Ingress]}")
    ping = LOCAL % ("ping", "{types: [Ingress], ingress: [{action: Allow, protocol: ICMP, icmp: {type: 8}}, {action: Allow}]}")
    assert may(staged)
    assert may(ping, staged)


def test_a_tier_whose_end_denies_is_a_default_deny() -> None:
    def isolated(*policies: str) -> set[Outcome]:
        result = judged(network, NetworkSafetyPolicy(enforcer="calico", api_server=("10.96.0.1",)), [made(*policies)])
        return {one.outcome for one in result.findings if one.rule == "network/isolated"}

    closing = GLOBAL % ("early.all", "{tier: early, types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP}]}")
    assert isolated(EARLY, closing) == {Outcome.PASS}
    assert Outcome.PASS not in isolated(OPENING, closing)


def test_other_plugins_are_not_known_to_enforce_them() -> None:
    for enforcer, outcome in (("calico", Outcome.PASS), ("cilium", Outcome.FAIL)):
        result = judged(network, NetworkSafetyPolicy(enforcer=enforcer), [made(DENY)])
        assert [one.outcome for one in result.findings if one.rule == "network/enforced"] == [outcome]
    isolated = judged(network, NetworkSafetyPolicy(enforcer="calico"), [made(DENY)])
    assert [one.outcome for one in isolated.findings if one.rule == "network/isolated"] == [Outcome.PASS]


TWICE = (
    "---\napiVersion: projectcalico.org/v3\nkind: %s\nmetadata: {name: %s, namespace: shop}\n"
    "spec: {order: 5, selector: has(app), types: [Ingress], ingress: [{action: %s}]}\n"
)


@pytest.mark.parametrize(
    ("first", "second", "certain"),
    [
        (("NetworkPolicy", "a", "Allow"), ("NetworkPolicy", "b", "Deny"), True),
        (("NetworkPolicy", "a", "Allow"), ("GlobalNetworkPolicy", "b", "Deny"), False),
        (("NetworkPolicy", "a", "Deny"), ("GlobalNetworkPolicy", "b", "Deny"), True),
    ],
)
def test_policies_of_one_order_are_sorted_by_their_names(
    first: tuple[str, str, str], second: tuple[str, str, str], certain: bool
) -> None:
    found = made(TWICE % first, TWICE % second)
    answers = [ask(one, "shop/web", "shop/db:5432") for one in (found, made(TWICE % second, TWICE % first))]
    assert {bool(one.doubts) for one in answers} == {not certain}
    assert len({one.allowed for one in answers}) == 1


@pytest.mark.parametrize(("action", "certain"), [("Deny", True), ("Pass", False)])
def test_admin_policies_of_one_priority_that_do_the_same_have_no_order(action: str, certain: bool) -> None:
    second = (ADMIN % action).replace("name: admin", "name: other")
    assert bool(ask(made(ADMIN % "Deny", second), "shop/web", "shop/db:5432").doubts) is not certain
