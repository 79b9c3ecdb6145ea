"""The gate ``drift``: the smallest change on the side of the cluster that may open something shows, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.finding import Finding, Outcome
from arcops.result import GateResult
from arcops.seen.declared import Declared
from arcops.verdict import Verdict
from gates.network.drift.gate import DriftPolicy, drift
from tasks.network.network import read_manifests
from tests.evidence import judged
from tests.manifests import POLICIES, SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B3/drift-is-a-signed-gate")

MESH = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  hostnames: [shop.example]
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""
SYSTEM = """\
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {containers: []}
"""


def compared(
    tmp_path: Path,
    *more: str,
    declared: tuple[str, ...] = (),
    manifests: str = SHOP,
    policies: str = POLICIES,
    policy: DriftPolicy | None = None,
) -> GateResult:
    was = read_manifests(shop(tmp_path / "declared", *declared))
    now = read_manifests(shop(tmp_path / "live", *more, manifests=manifests, policies=policies))
    return judged(drift, policy or DriftPolicy(), [Declared(network=was), now])  # type: ignore[arg-type]  # a gate of any policy


def bad(result: GateResult) -> list[Finding]:
    return [one for one in result.findings if one.outcome is not Outcome.PASS]


def rules(result: GateResult) -> set[tuple[str, Outcome]]:
    return {(one.rule, one.outcome) for one in bad(result)}


def test_the_same_is_green(tmp_path: Path) -> None:
    result = compared(tmp_path, MESH, ROUTE, declared=(MESH, ROUTE))
    assert (result.verdict, bad(result)) == (Verdict.GREEN, [])


def test_what_the_server_fills_in_is_no_drift(tmp_path: Path) -> None:
    filled = changed(POLICIES, "ports: [{port: 5432}]", "ports: [{port: 5432, protocol: TCP}]")
    service = changed(
        SHOP,
        "ports: [{name: http, port: 80, targetPort: 8080}]",
        "type: ClusterIP\n  clusterIP: 10.0.0.9\n  ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}]",
    )
    result = compared(tmp_path, manifests=service, policies=filled)
    assert result.verdict is Verdict.GREEN
    assert [one.text for one in result.findings if one.rule == "drift/text"] == ["No object differs from its declaration."]


WEB = "    spec:\n      containers:\n        - name: web"
PORT = "ports: [{containerPort: 8080, name: http}]"


@pytest.mark.parametrize(
    ("old", "new", "about"),
    [
        ("ports: [{name: http,", "type: NodePort\n  ports: [{name: http,", "Service shop/web (NodePort) port 80"),
        (PORT, PORT.replace("}", ", hostPort: 80}"), "port 80 of its node"),
        (WEB, WEB.replace("containers:", "hostNetwork: true\n      containers:"), "the network of its node"),
    ],
)
def test_ways_past_the_policies_are_red(tmp_path: Path, old: str, new: str, about: str) -> None:
    result = compared(tmp_path, manifests=changed(SHOP, old, new))
    assert rules(result) == {("drift/gained", Outcome.FAIL)}
    assert about in bad(result)[0].about


def test_a_way_in_that_was_declared_and_is_gone_is_amber(tmp_path: Path) -> None:
    entry = "apiVersion: v1\nkind: Service\nmetadata: {name: way, namespace: shop}\n"
    entry += "spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 443, targetPort: 8080}]}\n"
    result = compared(tmp_path, declared=(entry,))
    assert (result.verdict, rules(result)) == (Verdict.AMBER, {("drift/lost", Outcome.WARN)})


@pytest.mark.parametrize(
    ("declared", "live", "about"),
    [
        (MESH, changed(MESH, "STRICT", "PERMISSIVE"), "plain text of any caller to a new pod in namespace shop in the mesh"),
        (ROUTE, changed(ROUTE, "shop.example", "'*.example'"), "clients of *.example by Gateway shop/edge"),
        (ROUTE, changed(ROUTE, "name: edge", "name: other"), "clients of shop.example by Gateway shop/other"),
    ],
)
def test_what_mesh_and_gateways_open_is_judged(tmp_path: Path, declared: str, live: str, about: str) -> None:
    result = compared(tmp_path, live, declared=(declared,))
    assert [one.rule for one in bad(result) if one.about.startswith(about)] == ["drift/gained"]
    assert not [one for one in bad(result) if one.outcome is Outcome.UNKNOWN]
    narrowed = compared(tmp_path / "back", declared, declared=(live,))
    assert [one.rule for one in bad(narrowed) if one.about.startswith(about)] == ["drift/lost"]


def test_a_workload_that_left_the_mesh_is_drift(tmp_path: Path) -> None:
    labelled = changed(SHOP, "metadata: {name: shop}\n", "metadata: {name: shop, labels: {istio-injection: enabled}}\n")
    was, now = shop(tmp_path / "declared", manifests=labelled), shop(tmp_path / "live")
    bodies = [Declared(network=read_manifests(was)), read_manifests(now)]
    result = judged(drift, DriftPolicy(), bodies)  # type: ignore[arg-type]  # a gate of any policy
    assert {(one.rule, one.about) for one in bad(result)} == {
        ("drift/gained", f"callers without a certificate of the mesh to {title}: outside of the mesh")
        for title in ("Deployment shop/web", "StatefulSet shop/db")
    }


def test_namespaces_are_taken_as_found_only_if_they_are_not_declared(tmp_path: Path) -> None:
    found = DriftPolicy(as_found=("kube-*",))
    assert compared(tmp_path / "1", SYSTEM).verdict is Verdict.RED
    assert compared(tmp_path / "2", SYSTEM, policy=found).verdict is Verdict.GREEN
    declared = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n"
    assert compared(tmp_path / "3", SYSTEM, declared=(declared,), policy=found).verdict is Verdict.RED


def test_what_is_found_does_not_hide_what_was_opened_to_it(tmp_path: Path) -> None:
    opened = changed(POLICIES, "podSelector: {matchLabels: {k8s-app: kube-dns}}\n      ports:", "podSelector: {}\n      ports:")
    wide = changed(opened, "ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]", "ports: [{port: 53}, {port: 80}]")
    result = compared(tmp_path, SYSTEM, policies=wide, policy=DriftPolicy(as_found=("kube-*",)))
    assert {one.about for one in bad(result)} == {
        "Deployment shop/web to Pod kube-system/dns: TCP 80",
        "StatefulSet shop/db to Pod kube-system/dns: TCP 80",
        "Deployment shop/web to Pod kube-system/dns: UDP 53",
        "StatefulSet shop/db to Pod kube-system/dns: UDP 53",
        "Deployment shop/web to a new pod in namespace kube-system: TCP 53,80",
        "StatefulSet shop/db to a new pod in namespace kube-system: TCP 53,80",
    }


def test_policies_of_the_whole_cluster_are_nobodys_namespace(tmp_path: Path) -> None:
    opens = (
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: open}\n"
        "spec:\n  priority: 1\n  subject: {namespaces: {}}\n  ingress: [{action: Allow, from: [{namespaces: {}}]}]\n"
        "  egress: [{action: Allow, to: [{namespaces: {}}]}]\n"
    )
    result = compared(tmp_path, opens, policy=DriftPolicy(as_found=("*",)))
    assert ("drift/gained", Outcome.FAIL) in rules(result)


def test_many_notes_are_still_notes(tmp_path: Path) -> None:
    idle = "".join(
        f"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: idle-{number}, namespace: shop}}\n"
        "spec: {podSelector: {matchLabels: {app: nothing}}, policyTypes: [Ingress]}\n"
        for number in range(250)
    )
    result = compared(tmp_path, idle)
    notes = [one for one in result.findings if one.rule == "drift/text"]
    assert (result.verdict, len(notes)) == (Verdict.GREEN, 201)
    assert notes[-1].text == "50 more objects differ and are not listed here."


def test_an_object_of_an_unknown_kind_is_unknown_until_it_is_known_to_be_harmless(tmp_path: Path) -> None:
    other = "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: x, namespace: shop}\n"
    assert rules(compared(tmp_path / "1", other)) == {("drift/seen", Outcome.UNKNOWN)}
    known = DriftPolicy(harmless=("Backup.velero.io",))
    assert compared(tmp_path / "2", other, policy=known).verdict is Verdict.GREEN
