"""Drift is what may talk and was not declared to, and the other way about; text alone is no drift."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from arcops.seen.network import Network
from arcops.verdict import Verdict
from reach.drift import Drift, Way, compare
from tasks.network.network import read_manifests
from tests.examples import share
from tests.manifests import POLICIES, SHOP, changed, shop
from tests.reach.networks import networks

pytestmark = pytest.mark.requirement("ARC-B3/drift-is-by-reachability")

FROM_CLUSTER = """\
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: ReplicaSet
    metadata:
      name: web-6b746f74dc
      namespace: shop
      ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, controller: true, uid: "1"}]
    spec:
      selector: {matchLabels: {app: web, pod-template-hash: 6b746f74dc}}
      template:
        metadata: {labels: {app: web, pod-template-hash: 6b746f74dc}}
        spec: {containers: [{name: web, ports: [{containerPort: 8080, name: http}]}]}
    status: {replicas: 1}
  - apiVersion: v1
    kind: Pod
    metadata:
      name: web-6b746f74dc-kkzzk
      namespace: shop
      labels: {app: web, pod-template-hash: 6b746f74dc}
      ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-6b746f74dc, controller: true, uid: "2"}]
    spec: {containers: [{name: web, ports: [{containerPort: 8080, name: http, protocol: TCP}]}]}
    status: {podIP: 10.0.0.9}
  - apiVersion: v1
    kind: Pod
    metadata:
      name: db-0
      namespace: shop
      labels: {app: db}
      ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true, uid: "3"}]
    spec: {containers: [{name: db, ports: [{containerPort: 5432, name: postgres, protocol: TCP}]}]}
"""


def networks_of(tmp_path: Path, policies: str, *more: str, manifests: str = SHOP) -> tuple[Network, Network]:
    return read_manifests(shop(tmp_path / "declared")), read_manifests(
        shop(tmp_path / "live", *more, manifests=manifests, policies=policies)
    )


def test_the_same_network_has_no_drift_however_it_is_written(tmp_path: Path) -> None:
    parts = POLICIES.split("---\n")
    found = compare(*networks_of(tmp_path, "---\n".join(reversed(parts))))
    assert (found.objects, found.reach) == ((), ())
    assert found.verdict(certain=True) is Verdict.GREEN
    assert found.verdict(certain=False) is Verdict.RED


def test_pods_of_a_cluster_are_those_of_the_workloads_that_were_declared(tmp_path: Path) -> None:
    only_pods = "---\n".join([SHOP.split("---\n")[0], *SHOP.split("---\n")[3:]])
    found = compare(*networks_of(tmp_path, POLICIES, FROM_CLUSTER, manifests=only_pods))
    assert (found.objects, found.reach) == ((), ())


def test_what_was_opened_is_named_with_its_ports(tmp_path: Path) -> None:
    found = compare(*networks_of(tmp_path, changed(POLICIES, "ports: [{port: 5432}]", "ports: [{port: 5432}, {port: 22}]")))
    assert [(one.way, one.title) for one in found.objects] == [(None, "NetworkPolicy shop/web")]
    assert not found.reach, "db lets no one in on 22, so the text changed and nothing else"
    wide = changed(POLICIES, "from: [{podSelector: {matchLabels: {app: web}}}]\n      ports: [{port: postgres}]", "from: []")
    found = compare(*networks_of(tmp_path / "wide", wide))
    assert {(one.way, one.source, one.target, one.ports) for one in found.reach} == {
        (Way.GAINED, "0.0.0.0-255.255.255.255", "StatefulSet shop/db", "all ports"),
        (Way.GAINED, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "StatefulSet shop/db", "all ports"),
        (Way.GAINED, "a new pod in a new namespace", "StatefulSet shop/db", "all ports"),
    }, "pods of the shop may still go nowhere else"
    assert found.verdict(certain=True) is Verdict.RED


def test_what_was_closed_is_amber(tmp_path: Path) -> None:
    without = "---\n".join(POLICIES.split("---\n")[:-1])
    found = compare(*networks_of(tmp_path, without))
    assert [(one.way, one.source, one.target, one.ports) for one in found.reach] == [
        (Way.LOST, "Deployment shop/web", "StatefulSet shop/db", "TCP 5432")
    ]
    assert [(one.way, one.title) for one in found.objects] == [(Way.LOST, "NetworkPolicy shop/db")]
    assert found.verdict(certain=True) is Verdict.AMBER


def test_a_workload_that_no_one_declared_is_drift(tmp_path: Path) -> None:
    stray = "apiVersion: v1\nkind: Pod\nmetadata: {name: stray, namespace: shop, labels: {app: web}}\nspec: {containers: []}\n"
    found = compare(*networks_of(tmp_path, POLICIES, stray))
    assert [(one.way, one.title) for one in found.objects] == [(Way.GAINED, "Pod shop/stray")]
    assert ("Pod shop/stray", "StatefulSet shop/db", "TCP 5432") in {(one.source, one.target, one.ports) for one in found.reach}


def ends(way: Way, found: Drift) -> set[tuple[str, str, str]]:
    return {(one.source, one.target, one.ports) for one in found.reach if one.way is way}


def created(end: str) -> bool:
    """Is it a pod that could be created? What it may do without any policy is gained, and was never declared."""
    return end.startswith("a new pod")


@share(0.2, large=True)
@given(one=networks(), other=networks())
def test_gained_one_way_is_lost_the_other(one: Network, other: Network) -> None:
    there, back = compare(one, other), compare(other, one)
    gained, lost = ({one: ends(found, one) for one in (there, back)} for found in Way)
    for this, other_way in ((there, back), (back, there)):
        assert {found for found in gained[this] if not any(map(created, found))} == {
            found for found in lost[other_way] if not any(map(created, found))
        }
    assert not compare(one, one).reach


def test_one_pod_of_a_workload_that_may_more_is_drift_of_the_workload(tmp_path: Path) -> None:
    owner = "ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true}]"
    marked = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: db-0, namespace: shop, labels: {{app: web}}, {owner}}}\n"
    found = compare(*networks_of(tmp_path, POLICIES, marked + "spec: {containers: []}\n"))
    assert [(one.way, one.source, one.target, one.ports) for one in found.reach] == [
        (Way.GAINED, "StatefulSet shop/db (app=web)", "StatefulSet shop/db (app=db)", "TCP 5432")
    ]
    assert not found.objects
