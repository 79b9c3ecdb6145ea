"""Drift between pods of one owner that are not alike, and for pods that do not exist yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach.drift import Drift, Way, compare
from tasks.network.network import network_of, read_manifests
from tests.manifests import POLICIES, changed, shop

pytestmark = pytest.mark.requirement("ARC-B3/drift-is-by-reachability")

SPACES = """\
apiVersion: v1
kind: Namespace
metadata: {name: ml, labels: {kubernetes.io/metadata.name: ml}}
---
apiVersion: v1
kind: Namespace
metadata: {name: front, labels: {kubernetes.io/metadata.name: front, team: front}}
---
apiVersion: v1
kind: Namespace
metadata: {name: lab, labels: {kubernetes.io/metadata.name: lab}}
"""
POD = """
---
apiVersion: v1
kind: Pod
metadata:
  name: %s
  namespace: ml
  labels: {ray.io/cluster: ray, ray.io/node-type: %s}
  ownerReferences: [{apiVersion: v1, kind: %s, name: %s, controller: true}]
spec: {containers: [{name: ray, ports: [{containerPort: 8265, name: dashboard}]}]}
"""
DENY = """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: ml}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
HEAD = """
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: head, namespace: ml}
spec:
  podSelector: {matchLabels: {ray.io/node-type: head}}
  policyTypes: [Ingress]
  ingress:
    - from: [{namespaceSelector: {matchLabels: {team: front}}, podSelector: {matchLabels: {app: proxy}}}]
      ports: [{port: 8265}]
"""


def ray(kind: str = "RayCluster", name: str = "ray") -> str:
    return POD % ("head", "head", kind, name) + POD % ("worker", "worker", kind, name)


def drift(declared: str, live: str) -> Drift:
    was, now = (network_of([("all.yaml", text.encode())]) for text in (declared, live))
    return compare(was, now)


def rows(found: Drift) -> set[tuple[str, str, str, str]]:
    return {(one.way.value, one.source, one.target, one.ports) for one in found.reach}


BASE = SPACES + ray() + DENY + HEAD


@pytest.mark.parametrize(("kind", "name"), [("RayCluster", "ray"), ("Node", "edge-1")])
def test_unlike_pods_of_one_owner_do_not_hide_each_other(kind: str, name: str) -> None:
    declared = SPACES + ray(kind, name) + DENY + HEAD
    assert not drift(declared, declared).reach
    found = drift(declared, changed(declared, "podSelector: {matchLabels: {ray.io/node-type: head}}", "podSelector: {}"))
    opened = {one for one in rows(found) if one[0] == "gained"}
    assert any(one[2] == f"{kind} ml/{name} (ray.io/node-type=worker)" and one[3] == "TCP 8265" for one in opened), opened
    assert not [one for one in opened if "node-type=head)" in one[2]]


def test_a_label_that_a_webhook_adds_is_no_drift() -> None:
    added = BASE.replace("labels: {ray.io/cluster: ray,", "labels: {injected: 'yes', ray.io/cluster: ray,")
    assert added != BASE
    assert not drift(BASE, added).reach


def test_a_lost_default_deny_is_drift_although_every_pod_has_policies_of_its_own(tmp_path: Path) -> None:
    single = POLICIES.split("---\n")
    assert "name: deny" in single[0]
    own = [
        f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: close-{one}, namespace: shop}}\n"
        f"spec: {{podSelector: {{matchLabels: {{app: {one}}}}}, policyTypes: [Ingress, Egress]}}\n"
        for one in ("web", "db")
    ]
    declared = read_manifests(shop(tmp_path / "declared", policies="---\n".join([*single, *own])))
    live = read_manifests(shop(tmp_path / "live", policies="---\n".join([*single[1:], *own])))
    found = compare(declared, live)
    assert ("gained", "0.0.0.0-255.255.255.255", "a new pod in namespace shop", "all ports") in rows(found)
    assert all("a new pod" in one.source + one.target for one in found.reach if one.way is Way.GAINED)


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        ("ports: [{port: 8265}]", "ports: [{port: 8265}, {port: 10001}]", "gained"),
        ("ports: [{port: 8265}]", "ports: [{port: 10001}]", "lost"),
        (
            "matchLabels: {team: front}}, podSelector",
            "matchLabels: {kubernetes.io/metadata.name: evil}}, podSelector",
            "gained",
        ),
        ("{namespaceSelector: {matchLabels: {team: front}}, podSelector", "{namespaceSelector: {}, podSelector", "gained"),
        ("podSelector: {matchLabels: {app: proxy}}", "podSelector: {}", "gained"),
        (
            "podSelector: {matchLabels: {app: proxy}}",
            "podSelector: {matchExpressions: [{key: app, operator: In, values: [proxy, x]}]}",
            "gained",
        ),
        ("metadata: {name: lab, labels: {", "metadata: {name: lab, labels: {team: front, ", "gained"),
    ],
)
def test_callers_that_do_not_exist_yet_are_compared(old: str, new: str, way: str) -> None:
    found = drift(BASE, changed(BASE, old, new))
    assert way in {one[0] for one in rows(found)}, rows(found)
    assert all("a new pod" in one.source for one in found.reach), rows(found)


def test_a_value_that_is_no_longer_excluded_is_drift() -> None:
    declared = changed(
        BASE,
        "podSelector: {matchLabels: {app: proxy}}",
        "podSelector: {matchExpressions: [{key: env, operator: NotIn, values: [test]}]}",
    )
    found = drift(declared, changed(declared, "values: [test]", "values: [other]"))
    assert {(one.way.value, one.source) for one in found.reach} == {
        ("gained", "a new pod env=test in a new namespace team=front"),
        ("lost", "a new pod env=other in a new namespace team=front"),
    }


def test_policies_without_their_workload_are_compared() -> None:
    alone = SPACES + DENY + HEAD
    found = drift(alone, changed(alone, "ports: [{port: 8265}]", "ports: [{port: 9000}]"))
    target = "a new pod ray.io/node-type=head in namespace ml"
    assert {("gained", target, "TCP 9000"), ("lost", target, "TCP 8265")} <= {(way, to, on) for way, _, to, on in rows(found)}


def test_other_words_for_the_same_rule_are_no_drift() -> None:
    same = changed(BASE, "matchLabels: {app: proxy}", "matchExpressions: [{key: app, operator: In, values: [proxy]}]")
    assert not drift(BASE, same).reach


def test_a_namespace_that_only_the_cluster_has_loses_nothing() -> None:
    other = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n"
    assert not [one for one in drift(BASE, BASE + other).reach if one.way is Way.LOST]
