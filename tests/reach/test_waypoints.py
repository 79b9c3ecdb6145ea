"""What passes the waypoint of an ambient mesh: two connections for policies, the caller's name for the waypoint's own policies,
and the waypoint's name for those of the pods.
"""

from __future__ import annotations

import pytest

from arcops.finding import Outcome
from arcops.seen.network import Network
from gates.network.mesh.gate import MeshPolicy, mesh
from reach.changes import Way
from reach.drift import compare
from reach.question import Answer, ask
from tasks.network.network import network_of
from tests.evidence import judged
from tests.manifests import SHOP, changed

pytestmark = pytest.mark.requirement("ARC-B2/the-mesh-is-part-of-the-answer")

LABELS = "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: way"
AMBIENT = changed(SHOP, "metadata: {name: shop}\n", f"metadata: {{name: shop, labels: {{{LABELS}}}}}\n")
PLAIN = AMBIENT.replace(", istio.io/use-waypoint: way", "")
GATEWAY = """---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: way, namespace: shop, labels: {istio.io/waypoint-for: FOR}}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
"""
PROXY = """---
apiVersion: v1
kind: Pod
metadata:
  name: way
  namespace: shop
  labels: {gateway.networking.k8s.io/gateway-name: way, istio.io/dataplane-mode: none}
spec: {serviceAccountName: way, containers: []}
"""
SERVICE = """---
apiVersion: v1
kind: Service
metadata: {name: data, namespace: shop, labels: {LABELS}}
spec: {selector: {app: db}, ports: [{port: 5432}]}
"""
CLOSED = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {PEER}}}], ports: [{port: 15008}]}]
"""
POLICY = """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: NAME, namespace: shop}
spec: SPEC
"""
WAY, FOR_SERVICES = GATEWAY.replace("FOR", "all") + PROXY, GATEWAY.replace("FOR", "service") + PROXY
AT_WAY = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: way}]"
AT_SERVICE = "targetRefs: [{kind: Service, group: '', name: data}]"
BARE = """---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop, labels: {app: db}}
spec: {containers: []}
"""
DATA = SERVICE.replace("LABELS", "a: b") + BARE
FROM_WAY = 'rules: [{from: [{source: {principals: ["cluster.local/ns/shop/sa/way"]}}]}]'
FROM_WEB = 'rules: [{from: [{source: {principals: ["cluster.local/ns/shop/sa/default"]}}]}]'
FROM_OTHER = 'rules: [{from: [{source: {principals: ["cluster.local/ns/shop/sa/other"]}}]}]'
READS = "rules: [{to: [{operation: {methods: [GET]}}]}]"


def made(*more: str, manifests: str = AMBIENT) -> Network:
    return network_of([("all.yaml", "---\n".join([manifests, *more]).encode())])


def asked(*more: str, target: str = "shop/data:5432", manifests: str = AMBIENT) -> Answer:
    return ask(made(*more, manifests=manifests), "shop/web", target)


def policy(*parts: str, name: str = "one") -> str:
    return POLICY.replace("NAME", name).replace("SPEC", f"{{{', '.join(parts)}}}")


def certain(answer: Answer) -> bool | None:
    """Yes or no; `None` if it is not certain."""
    return None if any("waypoint" in one or "AuthorizationPolicy" in one for one in answer.doubts) else answer.allowed


def test_policies_see_the_way_to_the_waypoint_and_from_it() -> None:
    by_way, direct = CLOSED.replace("PEER", "gateway.networking.k8s.io/gateway-name: way"), CLOSED.replace("PEER", "app: web")
    assert certain(asked(DATA, WAY, by_way)) is True
    assert certain(asked(DATA, WAY, direct)) is False
    assert certain(asked(DATA, direct, manifests=PLAIN)) is True
    assert certain(asked(DATA, by_way, manifests=PLAIN)) is False


@pytest.mark.parametrize(
    ("gateway", "target", "passes"),
    [
        (WAY, "shop/data:5432", True),
        (WAY, "shop/bare:5432", True),
        (FOR_SERVICES, "shop/data:5432", True),
        (FOR_SERVICES, "shop/bare:5432", False),
        (GATEWAY.replace("FOR", "workload") + PROXY, "shop/data:5432", False),
        (GATEWAY.replace("FOR", "none") + PROXY, "shop/bare:5432", False),
    ],
)
def test_a_waypoint_is_for_services_or_for_pods(gateway: str, target: str, passes: bool) -> None:
    by_way = CLOSED.replace("PEER", "gateway.networking.k8s.io/gateway-name: way")
    assert certain(asked(DATA, gateway, by_way, target=target)) is passes


@pytest.mark.parametrize(
    "label", ["istio.io/use-waypoint: none", "istio.io/use-waypoint: way, istio.io/use-waypoint-namespace: far"]
)
def test_a_service_may_leave_the_waypoint_of_its_namespace(label: str) -> None:
    direct = CLOSED.replace("PEER", "app: web")
    found = certain(asked(SERVICE.replace("LABELS", label), WAY, direct))
    assert found is (True if "none" in label else None), "a waypoint of another namespace is not shown"


@pytest.mark.parametrize("shown", [(), (GATEWAY.replace("FOR", "all"),)])
def test_without_the_waypoint_or_its_pods_it_is_not_certain(shown: tuple[str, ...]) -> None:
    assert certain(asked(DATA, *shown)) is None


@pytest.mark.parametrize(
    ("policies", "answer"),
    [
        ((policy(AT_WAY, FROM_WEB),), True),
        ((policy(AT_WAY, FROM_OTHER),), False),
        ((policy(AT_SERVICE, FROM_WEB),), True),
        ((policy(AT_SERVICE, FROM_OTHER),), False),
        ((policy(AT_SERVICE.replace("data", "other"), FROM_OTHER),), True),
        ((policy(AT_WAY, "action: DENY", FROM_WEB),), False),
        ((policy(AT_WAY, READS),), None),
        # The proxy of the node knows the waypoint as the caller, and not the pod that called it.
        ((policy(FROM_WAY),), True),
        ((policy(FROM_WEB),), False),
        ((policy(FROM_WAY), policy(AT_WAY, FROM_OTHER, name="two")), False),
    ],
)
def test_the_waypoint_knows_the_caller_and_the_pods_know_the_waypoint(policies: tuple[str, ...], answer: bool | None) -> None:
    assert certain(asked(DATA, WAY, *policies)) is answer


def test_what_is_for_a_waypoint_does_nothing_without_one() -> None:
    assert certain(asked(DATA, policy(AT_WAY, FROM_OTHER), manifests=PLAIN)) is True
    assert certain(asked(DATA, FOR_SERVICES, policy(AT_WAY, FROM_OTHER), target="shop/bare:5432")) is True


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        ((READS,), False),
        (("action: DENY", READS), False),
        (("action: DENY", "rules: [{from: [{source: {namespaces: [far]}}], to: [{operation: {methods: [GET]}}]}]"), True),
        (("rules: [{to: [{operation: {ports: ['5432']}}]}]",), True),
        (("rules: [{to: [{operation: {ports: ['5432']}}], when: [{key: 'request.headers[a]', values: [b]}]}]",), False),
        (("rules: [{from: [{source: {requestPrincipals: ['*']}}]}]",), False),
    ],
)
def test_the_proxy_of_a_node_reads_no_requests(parts: tuple[str, ...], answer: bool) -> None:
    assert certain(asked(DATA, policy(*parts), manifests=PLAIN)) is answer


@pytest.mark.parametrize("parts", [(AT_WAY, FROM_WEB), (AT_SERVICE, FROM_WEB), (AT_WAY, "action: DENY", FROM_WEB)])
@pytest.mark.parametrize(
    "lost",
    [
        {"gateway": GATEWAY.replace("FOR", "none") + PROXY},
        {"gateway": PROXY},
        {"manifests": PLAIN},
    ],
    ids=["for nothing", "no gateway", "no label"],
)
def test_a_lost_waypoint_is_drift(parts: tuple[str, ...], lost: dict[str, str]) -> None:
    """Without its waypoint, a policy for it opens what it closed."""
    declared = made(DATA, WAY, policy(*parts))
    assert not compare(declared, made(DATA, WAY, policy(*parts))).reach
    live = made(DATA, lost.get("gateway", WAY), policy(*parts), manifests=lost.get("manifests", AMBIENT))
    gained = [one for one in compare(declared, live).reach if one.way is Way.GAINED]
    assert any("caller" in one.source for one in gained), gained


def used(*more: str, manifests: str = AMBIENT) -> list[tuple[Outcome, str]]:
    result = judged(mesh, MeshPolicy(), [made(*more, manifests=manifests)])
    return [(one.outcome, one.text) for one in result.findings if one.rule == "mesh/used"]


@pytest.mark.parametrize(
    ("more", "manifests", "outcome", "words"),
    [
        ((WAY, DATA, policy(AT_WAY, FROM_WEB)), AMBIENT, Outcome.PASS, ""),
        ((WAY, DATA, policy(AT_SERVICE, FROM_WEB)), AMBIENT, Outcome.PASS, ""),
        ((DATA,), AMBIENT, Outcome.UNKNOWN, "no manifest shows its Gateway"),
        ((DATA, policy(AT_WAY, FROM_WEB)), PLAIN, Outcome.FAIL, "which is in no manifest, so nothing enforces it"),
        ((DATA, policy(AT_SERVICE, FROM_WEB)), PLAIN, Outcome.FAIL, "which has no waypoint, so nothing enforces it"),
        ((WAY, policy(AT_SERVICE, FROM_WEB)), AMBIENT, Outcome.FAIL, "Service data, which is in no manifest"),
        (
            (GATEWAY.replace("FOR", "workload") + PROXY, DATA, policy(AT_SERVICE, FROM_WEB)),
            AMBIENT,
            Outcome.FAIL,
            "which has no waypoint",
        ),
        ((DATA, policy(READS)), PLAIN, Outcome.WARN, "it allows nothing"),
        ((DATA, policy("action: DENY", READS)), PLAIN, Outcome.WARN, "it denies more than it says"),
        ((DATA, policy(FROM_WEB)), PLAIN, Outcome.PASS, ""),
    ],
)
def test_what_no_one_enforces_is_named(more: tuple[str, ...], manifests: str, outcome: Outcome, words: str) -> None:
    found = used(*more, manifests=manifests)
    assert {one for one, _ in found} == {outcome}, found
    assert any(words in text for _, text in found)
