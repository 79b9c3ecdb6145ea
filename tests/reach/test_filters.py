"""EnvoyFilters: an answer about pods that one selects is not certain, and every other answer stays as it was."""

from __future__ import annotations

import pytest

from arcops.finding import Outcome
from arcops.seen.network import Network
from gates.network.mesh.gate import MeshPolicy, mesh
from gates.network.network.gate import NetworkSafetyPolicy, network
from reach.doubts import doubts
from reach.question import Answer, ask
from tasks.network.network import network_of
from tests.evidence import judged
from tests.gates.test_mesh import IN_MESH, MESH
from tests.manifests import POLICIES, changed

pytestmark = pytest.mark.requirement("ARC-B2/the-mesh-is-part-of-the-answer")

NAMED = changed(
    IN_MESH,
    "    spec:\n      containers:\n        - name: web",
    "    spec:\n      serviceAccountName: web\n      containers:\n        - name: web",
)
FILTER = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: x, namespace: shop}
spec:
  workloadSelector: {labels: {app: db}}
  configPatches:
    - {applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}}
"""
OTHER = """\
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: shop, labels: {app: other}}
spec: {containers: [{name: other, ports: [{containerPort: 5432}]}]}
"""


def read(*more: str, policies: str = POLICIES) -> Network:
    files = (NAMED, policies, MESH, OTHER, *more)
    return network_of([(f"{number}.yaml", text.encode()) for number, text in enumerate(files)])


def answer(found: Network, source: str = "shop/web", to: str = "shop/db:5432") -> Answer:
    return ask(found, source, to)


@pytest.mark.parametrize(
    ("old", "new", "doubtful"),
    [
        ("", "", True),
        ("SIDECAR_INBOUND", "SIDECAR_OUTBOUND", False),  # those are connections that db opens
        ("SIDECAR_INBOUND", "GATEWAY", False),
        ("match: {context: SIDECAR_INBOUND}", "match: {}", True),
        ("context: SIDECAR_INBOUND", "context: LATER", True),
        ("app: db", "app: other", False),
        ("{labels: {app: db}}", "{}", True),
        ("namespace: shop", "namespace: elsewhere", False),
        ("namespace: shop", "namespace: istio-system", True),
        ("{app: db}}\n", "{app: web}}\n", False),
        (
            "{app: db}}\n  configPatches:\n    - {applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}}",
            "{app: web}}\n  configPatches: [{}]",
            True,
        ),
    ],
)
def test_an_answer_is_doubtful_by_a_filter_for_its_pods_alone(old: str, new: str, doubtful: bool) -> None:
    plain = answer(read())
    assert plain.allowed
    assert not plain.doubts
    found = answer(read(changed(FILTER, old, new) if old else FILTER))
    assert found.allowed
    assert bool(found.doubts) is doubtful
    assert any(one.startswith("4.yaml:1: EnvoyFilter") for one in found.doubts) is doubtful


def test_what_the_mesh_closes_may_be_opened_by_a_filter_and_what_policies_close_may_not() -> None:
    opened = POLICIES.replace("app: web", "app: other")
    for policies, allowed, sure in ((opened, True, False), (POLICIES, False, True)):
        plain = answer(read(policies=policies), "shop/other")
        assert not plain.allowed
        assert not plain.doubts
        found = answer(read(FILTER, policies=policies), "shop/other")
        assert (found.allowed, not found.doubts) == (allowed, sure)


def test_a_filter_for_gateways_is_for_pods_of_that_gateway() -> None:
    gateway = changed(
        OTHER,
        "name: other, namespace: shop, labels: {app: other}",
        "name: edge, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: edge}",
    )
    for target, touched in (("edge", True), ("inner", False)):
        by_name = changed(
            FILTER,
            "workloadSelector: {labels: {app: db}}",
            f"targetRefs: [{{kind: Gateway, group: gateway.networking.k8s.io, name: {target}}}]",
        )
        said = [one.text for one in doubts(read(gateway, by_name))]
        assert any("Pod shop/edge" in one for one in said) is touched
        assert not any("StatefulSet shop/db" in one for one in said)


def outcomes(found: Network) -> dict[str, Outcome]:
    results = (
        judged(mesh, MeshPolicy(), [found]),
        judged(network, NetworkSafetyPolicy(enforcer="calico", schemas=False), [found]),
    )
    return {one.rule: one.outcome for result in results for one in result.findings if "EnvoyFilter" in one.text}


def test_a_filter_is_unknown_with_its_workloads_or_without_effect() -> None:
    assert outcomes(read(FILTER)) == {"network/understood": Outcome.UNKNOWN}
    assert ["StatefulSet shop/db do" in one.text for one in doubts(read(FILTER))] == [True]
    absent = changed(FILTER, "app: db", "app: absent")
    assert outcomes(read(absent)) == {"mesh/used": Outcome.WARN}
    elsewhere = changed(FILTER, "namespace: shop", "namespace: elsewhere")
    assert outcomes(read(elsewhere)) == {"network/understood": Outcome.UNKNOWN}
    assert ["none of its pods is shown" in one.text for one in doubts(read(elsewhere))] == [True]
