"""The gate `network`: a sound shop is GREEN, and the smallest change that opens something turns it red at the right line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.finding import Finding, Outcome
from arcops.result import GateResult
from arcops.verdict import Verdict
from flows.policies.reading import load_policy
from gates.network.network.gate import NetworkSafetyPolicy, network
from tasks.network.network import read_manifests
from tests.definitions import DEFINITION
from tests.evidence import judged
from tests.manifests import POLICIES, SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B2/violations-name-line-and-fix", "ARC-4/unknown-egress-is-denied")

SITE = NetworkSafetyPolicy(enforcer="calico", api_server=("10.96.0.1", "192.0.2.0/28"))


def judge(folder: Path, policy: NetworkSafetyPolicy = SITE) -> GateResult:
    return judged(network, policy, [read_manifests(folder)], subject_name="manifests")


def bad(result: GateResult) -> dict[str, Outcome]:
    return {finding.rule: finding.outcome for finding in result.findings if finding.outcome is not Outcome.PASS}


def of(result: GateResult, rule: str) -> list[Finding]:
    return [one for one in result.findings if one.rule == rule and one.outcome is not Outcome.PASS]


def test_a_sound_shop_is_green_and_answers_every_rule(tmp_path: Path) -> None:
    result = judge(shop(tmp_path / "shop"))
    assert result.verdict is Verdict.GREEN, bad(result)
    assert {finding.rule for finding in result.findings} == {rule.id for rule in network.rules}


FAIL, WARN, UNKNOWN = Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN
TO_DB = "{podSelector: {matchLabels: {app: db}}}"
DB = f"  egress:\n    - to: [{TO_DB}]\n      ports: [{{port: 5432}}]\n"
FROM_WEB = "from: [{podSelector: {matchLabels: {app: web}}}]"


def to(peer: str, port: str = "5432") -> str:
    """The egress of web, to *peer* instead of db."""
    return DB.replace(TO_DB, f"{{{peer}}}").replace("5432", port)


EGRESS = [
    ("egress: [{}]", "  egress: [{}]\n", "network/egress", FAIL, 26),
    ("no peers", "  egress:\n    - ports: [{port: 5432}]\n", "network/egress", FAIL, 27),
    ("everywhere but one", to("ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}"), "network/egress", FAIL, 27),
    ("every IPv6 address", to("ipBlock: {cidr: '::/0'}"), "network/egress", FAIL, 27),
    ("an eighth of the world", to("ipBlock: {cidr: 192.0.0.0/3}"), "network/egress", FAIL, 27),
    ("every namespace", to("namespaceSelector: {}"), "network/egress", FAIL, 27),
    ("metadata", to("ipBlock: {cidr: 169.254.169.254/32}", "80"), "network/metadata", FAIL, 27),
    ("metadata in a block", to("ipBlock: {cidr: 169.254.0.0/16}", "80"), "network/metadata", FAIL, 27),
    ("API server", to("ipBlock: {cidr: 192.0.2.8/29}", "6443"), "network/api-server", FAIL, 27),
    ("no ports", DB.replace("      ports: [{port: 5432}]\n", ""), "network/ports", WARN, 27),
    ("a port without a number", DB.replace("{port: 5432}", "{protocol: TCP}"), "network/ports", WARN, 27),
    ("a range of all ports", DB.replace("port: 5432", "port: 1, endPort: 65535"), "network/ports", WARN, 27),
    (
        "ranges of most",
        DB.replace("{port: 5432}", "{port: 1, endPort: 20000}, {port: 19000, endPort: 33000}"),
        "network/ports",
        WARN,
        27,
    ),
    ("a name that no port has", DB.replace("port: 5432", "port: postgress"), "network/used", WARN, 27),
]
SELECTED = "podSelector: {matchLabels: {app: db}}\n  policyTypes"
MUTATIONS = [
    *((name, DB, new, rule, outcome, line) for name, new, rule, outcome, line in EGRESS),
    ("anyone in", f"    - {FROM_WEB}\n      ports", "    - ports", "network/ingress", FAIL, 37),
    ("empty from", FROM_WEB, "from: []", "network/ingress", FAIL, 37),
    ("the internet in", FROM_WEB, "from: [{ipBlock: {cidr: 0.0.0.0/0}}]", "network/ingress", FAIL, 37),
    ("every pod in", FROM_WEB, "from: [{namespaceSelector: {}, podSelector: {}}]", "network/ingress", FAIL, 37),
    ("all pods for DNS", "          podSelector: {matchLabels: {k8s-app: kube-dns}}\n", "", "network/dns", FAIL, 16),
    ("other pods of kube-system", "{k8s-app: kube-dns}", "{k8s-app: tiller}", "network/dns", FAIL, 16),
    ("DNS pods anywhere", "{matchLabels: {kubernetes.io/metadata.name: kube-system}}", "{}", "network/dns", None, 0),
    ("ingress not enforced", "[Ingress]\n  ingress", "[Egress]\n  ingress", "network/effective", FAIL, 37),
    ("selects nothing", SELECTED, SELECTED.replace("db", "bd"), "network/used", WARN, 30),
    ("another default", "{}\n  policyTypes: [Ingress, Egress]", "{}\n  policyTypes: [Ingress]", "network/isolated", None, 0),
    ("refused", "port: 5432}", "port: 543200}", "network/accepted", FAIL, 28),
    ("not read", "kind: NetworkPolicy\nmetadata: {name: deny", "kind: [\nmetadata: {name: deny", "network/read", UNKNOWN, 4),
]  # fmt: skip


SPACE = "namespaceSelector: {matchExpressions: [%s]}, podSelector: {matchLabels: {app: web}}"
WIDE = [
    ("a pod label anywhere", "namespaceSelector: {}, podSelector: {matchLabels: {app: web}}"),
    ("a name that exists", SPACE % "{key: kubernetes.io/metadata.name, operator: Exists}"),
    ("a label that exists", SPACE % "{key: team, operator: Exists}"),
    ("all but one", SPACE % "{key: kubernetes.io/metadata.name, operator: NotIn, values: [other]}"),
    ("all without a label", SPACE % "{key: team, operator: DoesNotExist}"),
    ("256 blocks", "}, {".join(f"ipBlock: {{cidr: 10.{number}.0.0/16}}" for number in range(256))),
    ("most of them", "}, {".join(f"ipBlock: {{cidr: 10.{number}.0.0/16}}" for number in range(256) if number % 3)),
    ("spread blocks", "}, {".join(f"ipBlock: {{cidr: {number}.7.0.0/16}}" for number in range(11, 100, 7))),
    ("two halves of a /15", "ipBlock: {cidr: 10.8.0.0/16}}, {ipBlock: {cidr: 10.9.0.0/16}"),
    ("an excepted bit", "}, {".join(f"ipBlock: {{cidr: 10.{n}.0.0/16, except: [10.{n}.3.0/24]}}" for n in range(64))),
    ("every pod of k3s", "ipBlock: {cidr: 10.42.0.0/16}"),
    ("most pods of Flannel", "ipBlock: {cidr: 10.244.0.0/17}}, {ipBlock: {cidr: 10.244.128.0/18}"),
    ("IPv6", "}, {".join(f"ipBlock: {{cidr: '2001:db8:{number:x}::/48'}}" for number in range(16))),
]
NARROW = [
    ("two blocks", "ipBlock: {cidr: 10.0.0.0/16}}, {ipBlock: {cidr: 172.16.0.0/16}"),
    ("one node's pods", "ipBlock: {cidr: 10.42.7.0/24}"),
    ("many small ones", "}, {".join(f"ipBlock: {{cidr: 10.0.{number}.0/24}}" for number in range(256))),
    ("a label with a value", SPACE % "{key: team, operator: In, values: [a, b]}"),
    ("one and not another", SPACE % "{key: team, operator: In, values: [a]}, {key: env, operator: NotIn, values: [test]}"),
]


@pytest.mark.parametrize("peer", [one[1] for one in WIDE], ids=[one[0] for one in WIDE])
def test_width_is_judged_by_who_is_let_in(tmp_path: Path, peer: str) -> None:
    result = judge(shop(tmp_path / "in", policies=changed(POLICIES, FROM_WEB, f"from: [{{{peer}}}]")))
    assert {one.outcome for one in of(result, "network/ingress")} == {FAIL}, bad(result)
    out = judge(shop(tmp_path / "out", policies=changed(POLICIES, DB, to(peer))))
    assert FAIL in {one.outcome for one in of(out, "network/egress")}, bad(out)


@pytest.mark.parametrize("peer", [one[1] for one in NARROW], ids=[one[0] for one in NARROW])
def test_what_is_named_is_not_wide(tmp_path: Path, peer: str) -> None:
    assert not of(judge(shop(tmp_path, policies=changed(POLICIES, FROM_WEB, f"from: [{{{peer}}}]"))), "network/ingress")


def test_blocks_of_several_policies_count_together_on_one_port(tmp_path: Path) -> None:
    def more(first: int, port: int) -> str:
        blocks = ", ".join(f"{{ipBlock: {{cidr: 10.{first + number}.0.0/16}}}}" for number in range(4))
        return f"""---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: from-{first}, namespace: shop}}
spec:
  podSelector: {{matchLabels: {{app: db}}}}
  policyTypes: [Ingress]
  ingress: [{{from: [{blocks}], ports: [{{port: {port}}}]}}]
"""

    spread = more(0, 5432).replace("10.1.", "20.1.").replace("10.2.", "30.2.").replace("10.3.", "40.3.")
    filled = more(0, 5432).replace("10.0.", "10.1.").replace("from-0", "filled")
    assert not of(judge(shop(tmp_path / "one", policies=POLICIES + spread)), "network/ingress")
    (found,) = of(judge(shop(tmp_path / "two", policies=POLICIES + spread + filled)), "network/ingress")
    assert "10.0.0.0/" in found.text
    apart = filled.replace("port: 5432", "port: 80").replace("cidr: 10.2", "cidr: 60.2").replace("cidr: 10.3", "cidr: 61.3")
    assert not of(judge(shop(tmp_path / "three", policies=POLICIES + spread + apart)), "network/ingress")


def test_dns_pods_of_any_namespace_are_a_warning(tmp_path: Path) -> None:
    policies = changed(POLICIES, "{matchLabels: {kubernetes.io/metadata.name: kube-system}}", "{}")
    assert [one.outcome for one in of(judge(shop(tmp_path, policies=policies)), "network/egress")] == [WARN]


@pytest.mark.parametrize(
    ("old", "new", "rule", "outcome", "line"), [one[1:] for one in MUTATIONS], ids=[one[0] for one in MUTATIONS]
)
def test_each_mutation_is_found_at_its_line(
    tmp_path: Path, old: str, new: str, rule: str, outcome: Outcome | None, line: int
) -> None:
    result = judge(shop(tmp_path / "shop", policies=changed(POLICIES, old, new)))
    found = of(result, rule)
    if outcome is None:
        assert not found
        return
    assert [one.outcome for one in found] == [outcome], bad(result)
    assert found[0].location is not None
    assert (found[0].location.path, found[0].location.line) == ("policies.yaml", line)
    assert f"policies.yaml:{line}" in found[0].text
    assert found[0].fix


def test_a_namespace_without_a_default_is_open(tmp_path: Path) -> None:
    other = "apiVersion: v1\nkind: Pod\nmetadata: {name: stray, namespace: other}\nspec: {containers: []}\n"
    result = judge(shop(tmp_path / "shop", other))
    found = of(result, "network/isolated")
    assert [(one.about, one.outcome) for one in found] == [
        ("Pod other/stray ingress", FAIL),
        ("Pod other/stray egress", FAIL),
    ]
    assert "namespace: other" in found[0].fix
    assert {"network/metadata", "network/api-server"} <= set(bad(result)), "an open pod reaches both"


def test_what_follows_from_one_cause_is_one_line(tmp_path: Path) -> None:
    made = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: other}\nspec: {containers: []}\n"
    result = judge(shop(tmp_path / "shop", *(made % f"p{number}" for number in range(5))))
    for rule in ("network/metadata", "network/api-server"):
        (found,) = of(result, rule)
        assert (found.outcome, found.about) == (FAIL, "Namespace other egress")
        assert "Pod other/p0 and 4 more workload(s)" in found.text
    unknown = of(
        judge(shop(tmp_path / "unknown", made % "p", made % "q"), NetworkSafetyPolicy(enforcer="calico")), "network/api-server"
    )
    assert [(one.outcome, one.about) for one in unknown] == [(UNKNOWN, "Namespace other egress")]


def test_the_next_pod_counts_too(tmp_path: Path) -> None:
    for_web = changed(
        POLICIES, "{}\n  policyTypes: [Ingress, Egress]", "{matchLabels: {app: web}}\n  policyTypes: [Ingress, Egress]"
    )
    found = of(judge(shop(tmp_path / "shop", policies=for_web)), "network/isolated")
    assert [(one.outcome, one.about) for one in found] == [(WARN, "Namespace shop ingress")]


def test_a_baseline_policy_that_denies_everything_closes_pods(tmp_path: Path) -> None:
    baseline = """\
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
  egress: [{action: Deny, to: [{namespaces: {}}, {networks: [0.0.0.0/0, "::/0"]}]}]
"""
    alone = judge(shop(tmp_path / "alone", policies=baseline))
    [one] = of(alone, "network/isolated")
    assert one.about == "Namespace shop ingress", "clients outside are in no namespace, so ingress stays open to them"
    assert "Deployment shop/web, StatefulSet shop/db" in one.text


def test_an_admin_policy_shields_metadata_whatever_namespaces_say(tmp_path: Path) -> None:
    wide = changed(POLICIES, DB, "  egress: [{to: [{ipBlock: {cidr: 169.254.0.0/16}}], ports: [{port: 80}]}]\n")
    shield = """\
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: shield}
spec:
  priority: 1
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [169.254.169.254/32]}]}]
"""
    assert of(judge(shop(tmp_path / "open", policies=wide)), "network/metadata")
    assert not of(judge(shop(tmp_path / "shielded", shield, policies=wide)), "network/metadata")


def test_the_address_of_the_api_server_is_not_known(tmp_path: Path) -> None:
    site = NetworkSafetyPolicy(enforcer="calico")
    assert judge(shop(tmp_path / "closed"), site).verdict is Verdict.GREEN
    https = changed(POLICIES, DB, "  egress: [{to: [{ipBlock: {cidr: 198.51.100.7/32}}], ports: [{port: 443}]}]\n")
    assert [one.outcome for one in of(judge(shop(tmp_path / "open", policies=https), site), "network/api-server")] == [UNKNOWN]


@pytest.mark.parametrize(
    ("enforcer", "port", "outcome"),
    [
        ("", "5432", UNKNOWN),
        ("flannel", "5432", UNKNOWN),
        ("calico", "5432", None),
        ("azure-npm", "5432", None),
        ("azure-npm", "5432, endPort: 5433", FAIL),
        ("azure-npm", "5432, protocol: SCTP", FAIL),
        ("calico", "5432, protocol: SCTP", None),
    ],
)
def test_what_the_site_cannot_enforce_is_never_green(tmp_path: Path, enforcer: str, port: str, outcome: Outcome | None) -> None:
    folder = shop(tmp_path / "shop", policies=changed(POLICIES, "port: 5432", f"port: {port}"))
    assert bad(judge(folder, NetworkSafetyPolicy(enforcer=enforcer))).get("network/enforced") is outcome


REDIRECT = "apiVersion: cilium.io/v2\nkind: CiliumLocalRedirectPolicy\nmetadata: {name: x, namespace: shop}\nspec: {}\n"


def test_what_is_not_understood_is_unknown_until_somebody_says_that_it_is_harmless(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", REDIRECT, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\n")
    found = of(judge(folder), "network/understood")
    assert [(one.outcome, one.about) for one in found] == [(UNKNOWN, "CiliumLocalRedirectPolicy.cilium.io shop/x")]
    said = NetworkSafetyPolicy(enforcer="calico", harmless=("CiliumLocalRedirectPolicy.cilium.io",))
    assert judge(folder, said).verdict is Verdict.GREEN


def test_labels_of_a_namespace_that_is_not_declared_are_unknown(tmp_path: Path) -> None:
    by_label = changed(POLICIES, FROM_WEB, "from: [{namespaceSelector: {matchLabels: {team: a}}}]")
    assert not of(judge(shop(tmp_path / "declared", policies=by_label)), "network/understood")
    undeclared = SHOP.partition("---\n")[2]
    found = of(judge(shop(tmp_path / "not", manifests=undeclared, policies=by_label)), "network/understood")
    assert [(one.outcome, one.about) for one in found] == [(UNKNOWN, "Namespace shop")]


@pytest.mark.parametrize("spec", ["type: NodePort\n", "type: LoadBalancer\n", "externalIPs: [192.0.2.9]\n"])
def test_ways_in_must_be_granted(tmp_path: Path, spec: str) -> None:
    folder = shop(
        tmp_path / "shop",
        manifests=changed(SHOP, "  selector: {app: web}\n  ports", f"  {spec}  selector: {{app: web}}\n  ports"),
    )
    found = of(judge(folder), "network/entries")
    assert [(one.outcome, one.about) for one in found] == [(FAIL, "Service shop/web")]
    assert "Deployment shop/web" in found[0].text
    granted = NetworkSafetyPolicy(enforcer="calico", entries=("Service shop/web",))
    assert judge(folder, granted).verdict is Verdict.GREEN


def test_ports_and_networks_of_nodes(tmp_path: Path) -> None:
    on_node = changed(SHOP, "{containerPort: 8080, name: http}", "{containerPort: 8080, name: http, hostPort: 80}")
    assert bad(judge(shop(tmp_path / "port", manifests=on_node))) == {"network/entries": FAIL}
    host = changed(
        SHOP,
        "    spec:\n      containers:\n        - name: web",
        "    spec:\n      hostNetwork: true\n      containers:\n        - name: web",
    )
    assert bad(judge(shop(tmp_path / "host", manifests=host)))["network/host"] is FAIL


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
    - host: shop.example
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
"""
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: front}
spec:
  hostnames: [shop.example]
  rules:
    - backendRefs: [{name: web, namespace: shop, port: 80}]
"""
GRANT = """\
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: from-front, namespace: shop}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: front}]
  to: [{group: "", kind: Service, name: web}]
"""


def test_routes_lead_somewhere(tmp_path: Path) -> None:
    granted = NetworkSafetyPolicy(enforcer="calico", entries=("Ingress shop/web", "HTTPRoute front/web"), schemas=False)

    def found(name: str, *manifests: str) -> dict[str, Outcome]:
        return bad(judge(shop(tmp_path / name, *manifests), granted))

    assert not found("ingress", INGRESS)
    assert found("no service", changed(INGRESS, "name: web, port", "name: wep, port")) == {"network/backends": FAIL}
    assert found("no port", changed(INGRESS, "number: 80", "number: 81")) == {"network/backends": FAIL}
    assert not found("granted", ROUTE, GRANT)
    assert found("not granted", ROUTE) == {"network/backends": FAIL}
    assert found("another's grant", ROUTE, changed(GRANT, "namespace: front}]", "namespace: back}]")) == {
        "network/backends": FAIL
    }
    assert found("for another", ROUTE, changed(GRANT, "name: web}", "name: db}")) == {"network/backends": FAIL}


def test_a_rule_that_another_contains_is_named_with_it(tmp_path: Path) -> None:
    twin = changed(POLICIES.rpartition("---\n")[2], "name: db,", "name: db-again,")
    found = of(judge(shop(tmp_path / "shop", twin)), "network/used")
    assert [one.outcome for one in found] == [WARN]
    assert "adds nothing" in found[0].text


def test_equal_priorities_are_undefined(tmp_path: Path) -> None:
    one = """\
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: NAME}
spec: {priority: 1, subject: {namespaces: {}}, ingress: [{name: x, action: ACTION, from: [{namespaces: {}}]}]}
"""

    def judged_with(action: str) -> GateResult:
        other = one.replace("NAME", "b").replace("ACTION", action)
        return judge(shop(tmp_path / action, one.replace("NAME", "a").replace("ACTION", "Deny"), other))

    result = judged_with("Pass")
    assert of(judged_with("Deny"), "network/understood") == [], "the order of rules that do the same does not matter"
    assert {finding.about for finding in of(result, "network/understood")} == {"AdminNetworkPolicy a", "AdminNetworkPolicy b"}


@pytest.mark.parametrize("given", [{"metadata": ("cloud",)}, {"api_server": ("10.0.0.0/33",)}, {"dns_labels": ("kube-dns",)}])
def test_a_policy_with_nonsense_is_refused(given: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Refused, match="gate 'network'"):
        NetworkSafetyPolicy(**given)  # type: ignore[arg-type]  # one field at a time


def test_the_shipped_policy_for_a_known_site_is_usable(tmp_path: Path) -> None:
    shipped = load_policy("network-aks-arc").gates["network"]
    assert isinstance(shipped, NetworkSafetyPolicy)
    assert judge(shop(tmp_path / "shop"), shipped).verdict is Verdict.GREEN


def test_the_shipped_policy_for_any_site_waits_for_the_plugin_s_name(tmp_path: Path) -> None:
    shipped = load_policy("network").gates["network"]
    assert isinstance(shipped, NetworkSafetyPolicy)
    assert bad(judge(shop(tmp_path / "shop"), shipped)) == {"network/enforced": Outcome.UNKNOWN}


def test_nothing_is_not_sound(tmp_path: Path) -> None:
    words = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\n"
    (tmp_path / "words.yaml").write_text(words)
    assert bad(judge(tmp_path)) == {"network/isolated": UNKNOWN}
    (tmp_path / "policies.yaml").write_text(POLICIES)
    assert bad(judge(tmp_path))["network/isolated"] is WARN


def test_labels_that_only_controllers_know_are_unknown(tmp_path: Path) -> None:
    both = "\n  policyTypes: [Ingress, Egress]"
    hashed = f"podSelector: {{matchExpressions: [{{key: pod-template-hash, operator: DoesNotExist}}]}}{both}"
    folder = shop(tmp_path / "shop", policies=changed(POLICIES, f"podSelector: {{}}{both}", hashed))
    assert bad(judge(folder))["network/understood"] is UNKNOWN


def test_a_rule_that_passes_on_opens_nothing(tmp_path: Path) -> None:
    passing = """\
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: pass}
spec:
  priority: 5
  subject: {namespaces: {}}
  ingress: [{action: Pass, from: [{namespaces: {}}]}]
"""
    assert judge(shop(tmp_path / "pass", passing)).verdict is Verdict.GREEN
    allowing = judge(shop(tmp_path / "allow", passing.replace("action: Pass", "action: Allow")))
    assert bad(allowing) == {"network/ingress": FAIL, "network/ports": WARN}


def test_custom_objects_need_a_definition_unless_the_policy_asks_for_none(tmp_path: Path) -> None:
    """What was not held against its own schema is UNKNOWN; a policy may do without, and the answer says so."""
    route = ROUTE.replace("namespace: front", "namespace: shop").replace("namespace: shop, port", "port")
    asks = NetworkSafetyPolicy(enforcer="calico", entries=("HTTPRoute shop/web",))
    without = replace(asks, schemas=False)
    folder = shop(tmp_path / "shop", route)
    assert bad(judge(folder, asks)) == {"network/schema": UNKNOWN}
    (said,) = [one.text for one in judge(folder, without).findings if one.rule == "network/schema"]
    assert "1 object(s) or rule(s) were not checked" in said
    assert not bad(judge(folder, without))
    assert not bad(judge(shop(tmp_path / "defined", route, DEFINITION), asks))
    refuses = DEFINITION.replace("endsWith('.example')", "endsWith('.test')")
    assert bad(judge(shop(tmp_path / "refused", route, refuses), without)) == {"network/accepted": FAIL}
