"""Rules by host name: exact ones are GREEN if the plugin enforces them and no answer could open what must stay closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.finding import Finding, Outcome
from arcops.result import GateResult
from arcops.verdict import Verdict
from gates.network.network.gate import NetworkSafetyPolicy, network
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.manifests import changed, shop

pytestmark = pytest.mark.requirement("ARC-B1/hosts-by-name-are-held")

SITE = NetworkSafetyPolicy(enforcer="cilium", api_server=("10.96.0.1",), schemas=False)
HOSTS = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: hosts, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
    - toFQDNs: [{matchName: pay.example}]
      toPorts: [{ports: [{port: "443", protocol: TCP}]}]
  egressDeny:
    - toCIDR: [169.254.169.254/32, "fd00:ec2::254/128", 168.63.129.16/32, 10.96.0.1/32]
"""
CLUSTER = """\
apiVersion: policy.networking.k8s.io/v1beta1
kind: ClusterNetworkPolicy
metadata: {name: shop-web-hosts}
spec:
  tier: Admin
  priority: 100
  subject:
    pods:
      namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}
      podSelector: {matchLabels: {app: web}}
  egress:
    - action: Deny
      to: [{networks: [169.254.169.254/32, "fd00:ec2::254/128", 168.63.129.16/32, 10.96.0.1/32]}]
    - action: Accept
      to: [{domainNames: [pay.example]}]
      protocols: [{tcp: {destinationPort: {number: 443}}}]
"""
ALIKE = NetworkSafetyPolicy(enforcer="kube-network-policies", api_server=("10.96.0.1",), schemas=False)


def judge(folder: Path, policy: NetworkSafetyPolicy) -> GateResult:
    return judged(network, policy, [read_manifests(folder)], subject_name="manifests")


def bad(result: GateResult) -> list[Finding]:
    return [one for one in result.findings if one.outcome is not Outcome.PASS]


@pytest.mark.parametrize(("text", "site"), [(HOSTS, SITE), (CLUSTER, ALIKE)], ids=["cilium", "cluster"])
def test_exact_names_are_green(tmp_path: Path, text: str, site: NetworkSafetyPolicy) -> None:
    result = judge(shop(tmp_path / "shop", text), site)
    assert result.verdict is Verdict.GREEN, bad(result)


NAME, DENIED, SHUT = "{matchName: pay.example}", "169.254.169.254/32, ", "  egressDeny:"
ACCEPT = "    - {action: Accept, to: [{domainNames: [shop.example]}]}\n"
MUTATIONS = [
    (HOSTS, SITE, NAME, '{matchPattern: "*.pay.example"}', "network/hosts", Outcome.WARN, Verdict.AMBER),
    (HOSTS, SITE, NAME, '{matchPattern: "*"}', "network/hosts", Outcome.FAIL, Verdict.RED),
    (HOSTS, SITE, NAME, '{matchPattern: "*.com"}', "network/hosts", Outcome.FAIL, Verdict.RED),
    (HOSTS, SITE, NAME, '{matchPattern: "pay.*"}', "network/hosts", Outcome.FAIL, Verdict.RED),
    (HOSTS, SITE, DENIED, "", "network/metadata", Outcome.UNKNOWN, Verdict.RED),
    (HOSTS, SITE, ", 10.96.0.1/32", "", "network/api-server", Outcome.UNKNOWN, Verdict.RED),
    (HOSTS, SITE, SHUT, f"{SHUT}\n    - toEndpoints: []", "network/read", Outcome.UNKNOWN, Verdict.RED),
    (CLUSTER, ALIKE, "[pay.example]", '["*.pay.example"]', "network/hosts", Outcome.WARN, Verdict.AMBER),
    (CLUSTER, ALIKE, DENIED, "", "network/metadata", Outcome.UNKNOWN, Verdict.RED),
    (CLUSTER, ALIKE, "    - action: Deny\n", f"{ACCEPT}    - action: Deny\n", "network/metadata", Outcome.UNKNOWN, Verdict.RED),
    (CLUSTER, ALIKE, "action: Accept", "action: Deny", "network/accepted", Outcome.FAIL, Verdict.RED),
]  # fmt: skip


@pytest.mark.parametrize(("text", "site", "old", "new", "rule", "outcome", "verdict"), MUTATIONS)
def test_each_mutation_is_found(
    tmp_path: Path, text: str, site: NetworkSafetyPolicy, old: str, new: str, rule: str, outcome: Outcome, verdict: Verdict
) -> None:
    result = judge(shop(tmp_path / "shop", changed(text, old, new)), site)
    assert (rule, outcome) in {(one.rule, one.outcome) for one in bad(result)}, bad(result)
    assert result.verdict is verdict


@pytest.mark.parametrize(
    ("text", "enforcer", "what"),
    [
        (HOSTS, "calico", "policies of Cilium and rules by host name"),
        (HOSTS, "azure-npm", "policies of Cilium and rules by host name"),
        (CLUSTER, "calico", "rules by host name"),
        (CLUSTER, "cilium", "policies for the whole cluster"),
        (HOSTS, "kubenet", "kubenet"),
    ],
)
def test_a_plugin_that_is_not_known_to_enforce_them_is_red(tmp_path: Path, text: str, enforcer: str, what: str) -> None:
    result = judge(
        shop(tmp_path / "shop", text), NetworkSafetyPolicy(enforcer=enforcer, api_server=("10.96.0.1",), schemas=False)
    )
    (found,) = [one for one in bad(result) if one.rule == "network/enforced"]
    assert what in found.text
    assert result.verdict is Verdict.RED
