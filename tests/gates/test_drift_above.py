"""Drift above the policies: what only a cluster's Ingress, Gateways and mesh open, by one changed word each."""

from __future__ import annotations

from pathlib import Path

import pytest

from reach.drift import Way, compare
from tasks.network.network import read_manifests
from tests.gates.test_gateway import EDGE, INGRESS
from tests.gates.test_mesh import AMBIENT, IN_MESH, MESH, OF_DB, PRINCIPALS
from tests.manifests import SHOP, changed, shop

pytestmark = pytest.mark.requirement("ARC-B3/drift-is-by-reachability")

GAINED, LOST = Way.GAINED, Way.LOST
TRIED = ("{name: deny, namespace: shop}", "{name: deny, namespace: shop, annotations: {istio.io/dry-run: 'true'}}")
TOKENS = """\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec: {jwtRules: [{issuer: https://login.example, jwksUri: https://login.example/keys}]}
"""
PATHS = changed(INGRESS, "path: /,", "path: /shop,")
MATCHED = changed(EDGE, "    - backendRefs", "    - matches: [{path: {value: /shop}}]\n      backendRefs")


HEADER, QUERY, CALLED = (
    changed(MATCHED, "{path: {value: /shop}}", said)
    for said in (
        "{headers: [{name: a, value: b}]}",
        "{queryParams: [{name: a, value: b}]}",
        "{method: {service: a, method: b}}",
    )
)
CALLED = changed(CALLED, "kind: HTTPRoute", "kind: GRPCRoute")
SERVED = changed(MESH, "[pay.example]", "[pay.example]\n  resolution: STATIC\n  endpoints: [{address: 'fd00::7'}]")
BLOCKS = changed(MESH, PRINCIPALS, "[{source: {ipBlocks: ['2001:db8::/64']}}]")


def ways(folder: Path, declared: str, live: str, pods: str = SHOP, live_pods: str = "") -> set[Way]:
    was = read_manifests(shop(folder / "declared", declared, manifests=pods))
    now = read_manifests(shop(folder / "live", live, manifests=live_pods or pods))
    return {one.way for one in compare(was, now).reach}


@pytest.mark.parametrize(
    ("text", "old", "new", "found"),
    [
        (INGRESS, "namespace: shop}", "namespace: shop, annotations: {haproxy.org/ssl-redirect: 'false'}}", {GAINED}),
        (INGRESS, "namespace: shop}", "namespace: shop, annotations: {nginx.org/server-snippets: x}}", {GAINED}),
        (INGRESS, "namespace: shop}", "namespace: shop, annotations: {nginx.org/other: x}}", set()),
        (INGRESS, "path: /,", "path: /shop,", {LOST}),
        (INGRESS, "pathType: Prefix", "pathType: Exact", {LOST}),
        (PATHS, "path: /shop,", "path: /,", {GAINED}),
        (PATHS, "path: /shop,", "path: /admin,", {GAINED, LOST}),
        (PATHS, "pathType: Prefix", "pathType: Exact", {GAINED, LOST}),
        (EDGE, "    - backendRefs", "    - matches: [{path: {type: PathPrefix, value: /}}]\n      backendRefs", set()),
        (EDGE, "    - backendRefs", "    - matches: [{path: {value: /shop}}]\n      backendRefs", {LOST}),
        (MATCHED, "value: /shop", "value: /", {GAINED}),
        (MATCHED, "{path: {value: /shop}}", "{path: {value: /shop}}, {headers: [{name: a, value: b}]}", {GAINED}),
        (MATCHED, "{path: {value: /shop}}", "{path: {value: /shop}, method: GET}", {GAINED, LOST}),
        (EDGE, "  gatewayClassName: envoy\n", "  allowedListeners: {namespaces: {from: All}}\n", {GAINED}),
        (EDGE, "wellKnownCACertificates: System", "caCertificateRefs: [{group: '', kind: ConfigMap, name: a}]", {GAINED, LOST}),
        (EDGE, "hostname: web.shop", "hostname: other.shop", {GAINED, LOST}),
        (MESH, "[pay.example]", "[pay.example]\n  resolution: STATIC\n  endpoints: [{address: 192.0.2.7}]", {GAINED, LOST}),
        (HEADER, "value: b}", "type: RegularExpression, value: b}", {GAINED, LOST}),
        (HEADER, "value: b}", "type: Exact, value: b}", set()),
        (QUERY, "value: b}", "type: RegularExpression, value: b}", {GAINED, LOST}),
        (QUERY, "value: b}", "type: Exact, value: b}", set()),
        (CALLED, "method: b}", "method: b, type: RegularExpression}", {GAINED, LOST}),
        (CALLED, "method: b}", "method: b, type: Exact}", set()),
        (SERVED, "fd00::7", "FD00:0::7", set()),
        (SERVED, "fd00::7", "fd00::8", {GAINED, LOST}),
        (BLOCKS, "2001:db8::/64", "2001:DB8:0::/64", set()),
        (BLOCKS, "2001:db8::/64", "2001:db8::/65", {GAINED, LOST}),
        (MESH, *TRIED, {GAINED}),
        (TOKENS, "login.example/keys", "other.example/keys", {GAINED, LOST}),
        (TOKENS, "/keys}", "/keys, audiences: [shop]}", {GAINED, LOST}),
        (TOKENS, "jwksUri: https://login.example/keys", "jwks: '{}'", {GAINED, LOST}),
    ],
)  # fmt: skip
def test_one_changed_word_is_drift(tmp_path: Path, text: str, old: str, new: str, found: set[Way]) -> None:
    pods = IN_MESH if text in (MESH, TOKENS, SERVED, BLOCKS) else SHOP
    live = changed(text, old, new)
    assert ways(tmp_path, text, live, pods) == found
    assert ways(tmp_path / "same", live, live, pods) == set()


def test_other_tokens_that_only_the_cluster_takes(tmp_path: Path) -> None:
    assert ways(tmp_path / "gained", MESH, f"{MESH}---\n{TOKENS}", IN_MESH) == {GAINED}
    assert ways(tmp_path / "lost", f"{MESH}---\n{TOKENS}", MESH, IN_MESH) == {LOST}


def test_pods_of_the_mesh_that_have_another_account_have_its_rights(tmp_path: Path) -> None:
    spec = "    spec:\n      containers:\n        - name: web"
    other = changed(IN_MESH, spec, spec.replace("    spec:\n", "    spec:\n      serviceAccountName: db\n"))
    same = changed(IN_MESH, spec, spec.replace("    spec:\n", "    spec:\n      serviceAccountName: default\n"))
    assert ways(tmp_path / "other", MESH, MESH, IN_MESH, other) == {GAINED, LOST}
    assert ways(tmp_path / "same", MESH, MESH, IN_MESH, same) == set()
    outside = changed(SHOP, spec, spec.replace("    spec:\n", "    spec:\n      serviceAccountName: db\n"))
    assert ways(tmp_path / "out", "", "", SHOP, outside) == set()


def test_of_several_settings_of_the_mesh_the_one_that_allows_most_counts(tmp_path: Path) -> None:
    one = """apiVersion: v1
kind: ConfigMap
metadata: {name: NAME, namespace: istio-system}
data: {mesh: 'outboundTrafficPolicy: {mode: MODE}'}
---
"""
    text = one.replace("NAME", "istio").replace("MODE", "REGISTRY_ONLY")
    text += changed(MESH, "  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n", "")
    strict, loose = (one.replace("NAME", "istio-canary").replace("MODE", mode) for mode in ("REGISTRY_ONLY", "ALLOW_ANY"))
    assert ways(tmp_path / "same", text, f"{text}---\n{strict}", IN_MESH) == set()
    assert ways(tmp_path / "wider", text, f"{text}---\n{loose}", IN_MESH) == {GAINED}
    assert ways(tmp_path / "first", f"{loose}{text}", f"{text}---\n{loose}", IN_MESH) == set()


@pytest.mark.parametrize(
    ("pods", "annotation", "found"),
    [
        (IN_MESH, "traffic.sidecar.istio.io/excludeInboundPorts: '80'", {GAINED}),
        (IN_MESH, "ambient.istio.io/bypass-inbound-capture: 'true'", set()),
        (AMBIENT, "traffic.sidecar.istio.io/excludeInboundPorts: '80'", set()),
        (AMBIENT, "ambient.istio.io/bypass-inbound-capture: 'true'", {GAINED}),
    ],
)
def test_an_annotation_opens_something_only_in_the_mode_that_reads_it(
    tmp_path: Path, pods: str, annotation: str, found: set[Way]
) -> None:
    past = changed(pods, OF_DB, OF_DB.replace("}}", f"}}, annotations: {{{annotation}}}}}"))
    assert ways(tmp_path, MESH, MESH, pods, past) == found


def test_a_cluster_that_says_which_one_it_is_has_no_drift_by_that(tmp_path: Path) -> None:
    system = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system, uid: 0b1c}\n"
    was = read_manifests(shop(tmp_path / "declared", system.replace(", uid: 0b1c", "")))
    now = read_manifests(shop(tmp_path / "live", system))
    assert (was.cluster, now.cluster) == ("", "0b1c")
    found = compare(was, now, ("kube-*",))
    assert (found.objects, found.reach, found.layers) == ((), (), ())


def test_tokens_that_only_one_side_has_are_named_by_their_kind(tmp_path: Path) -> None:
    was = read_manifests(shop(tmp_path / "declared", manifests=IN_MESH))
    now = read_manifests(shop(tmp_path / "live", TOKENS, manifests=IN_MESH))
    assert [one.title for one in compare(was, now).objects] == ["RequestAuthentication shop/tokens"]
