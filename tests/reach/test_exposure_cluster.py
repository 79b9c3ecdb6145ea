"""Policies for the whole cluster count in what is open from outside, as they do everywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.seen.network import Direction
from reach.addresses import AddressSpan
from reach.exposure import UnlistedPods, exposures
from reach.openings import openings
from tasks.network.network import read_manifests
from tests.gates.test_network import INGRESS
from tests.manifests import POLICIES, SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B2/ways-in-from-outside-are-shown")

RULE = """
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress: [{name: all, action: %s, from: [%s]}]
"""
ADMIN = (
    "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: a}\nspec:\n  priority: 5"
)
BASELINE = (
    "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\nspec:"
)
CLUSTER = (
    "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c}\n"
    "spec:\n  tier: Admin\n  priority: 5"
)
ALL = "{namespaces: {}}"
FRONT = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 8080}]}]
"""
PROXY = "{pods: {namespaceSelector: {matchLabels: {team: x}}, podSelector: {matchLabels: {app: proxy}}}}"


def callers(tmp_path: Path, *more: str, policies: str = POLICIES) -> dict[str, set[str]]:
    network = read_manifests(shop(tmp_path / "shop", *more, policies=policies))
    found: dict[str, set[str]] = {}
    for one in exposures(network):
        if one.direction is Direction.INGRESS and isinstance(one.who, UnlistedPods) and not one.known:
            who = "everybody" if one.who.whole_cluster else ",".join(label.value for label in one.who.pods.labels)
            found.setdefault(one.pods.name, set()).add(f"{who}: {one.ports}")
    return found


@pytest.mark.parametrize(("head", "allow"), [(ADMIN, "Allow"), (CLUSTER, "Accept")])
def test_what_an_admin_lets_in_is_open(tmp_path: Path, head: str, allow: str) -> None:
    found = callers(tmp_path, head + RULE % (allow, ALL))
    assert found == {"web": {"everybody: all ports"}, "db": {"everybody: all ports"}}
    some = callers(tmp_path / "some", head + RULE % (allow, PROXY))
    assert some == {"web": {"proxy: all ports"}, "db": {"proxy: all ports"}}


@pytest.mark.parametrize(("head", "deny"), [(ADMIN, "Deny"), (CLUSTER, "Deny"), (BASELINE, "Deny")])
def test_what_they_deny_is_closed(tmp_path: Path, head: str, deny: str) -> None:
    assert callers(tmp_path, policies="") == {"web": {"everybody: all ports"}, "db": {"everybody: all ports"}}
    assert callers(tmp_path / "denied", head + RULE % (deny, ALL), policies="") == {}


def test_a_pass_leaves_it_to_the_namespace(tmp_path: Path) -> None:
    assert callers(tmp_path, ADMIN + RULE % ("Pass", ALL)) == {}


def test_addresses_are_not_closed_by_rules_about_pods(tmp_path: Path) -> None:
    network = read_manifests(shop(tmp_path, ADMIN + RULE % ("Deny", ALL), policies=""))
    spans = {
        one.pods.name for one in exposures(network) if isinstance(one.who, AddressSpan) and one.direction is Direction.INGRESS
    }
    assert spans == {"web", "db"}


@pytest.mark.parametrize(
    ("head", "allow", "is_open"), [(ADMIN, "Deny", False), (ADMIN, "Allow", True), (CLUSTER, "Accept", True)]
)
def test_an_ingress_is_open_if_all_policies_together_let_a_caller_in(
    tmp_path: Path, head: str, allow: str, is_open: bool
) -> None:
    policies = POLICIES if is_open else POLICIES + FRONT
    (found,) = openings(read_manifests(shop(tmp_path, INGRESS, head + RULE % (allow, ALL), policies=policies)))
    assert found.open is is_open
    assert {one.allows for one in found.rules} == {is_open}
    assert any("AdminNetworkPolicy" in one.policy or "ClusterNetworkPolicy" in one.policy for one in found.rules)


@pytest.mark.parametrize(
    ("manifests", "said"),
    [
        (
            changed(
                SHOP, "ports: [{name: http, port: 80, targetPort: 8080}]", "ports: [{name: http, port: 81, targetPort: 8080}]"
            ),
            "has no port",
        ),
        (SHOP.rpartition("---\n")[0], "is not among these manifests"),
    ],
)
def test_an_ingress_that_leads_nowhere_known_is_listed_and_not_certain(tmp_path: Path, manifests: str, said: str) -> None:
    (found,) = openings(read_manifests(shop(tmp_path, INGRESS, manifests=manifests)))
    assert found.open
    assert said in found.doubts[0]
