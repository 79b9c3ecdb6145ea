"""A network policy that someone else writes beside a server, and takes away again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.kube.cache import Cache
from adapters.kube.other_policies import POLICIES as POLICY_KINDS
from adapters.kube.other_policies import group_of, own_policies
from manifests.crds.definitions import LONGEST_NAME
from manifests.objects import ObjectName
from manifests.server.network import policy_names
from services.operator.observed import Child, Observed, SeenConfigMap
from services.operator.site import NamespacePolicy, Site
from tests.adapters.kube.world import a_cluster, condition, operator, ready, server, until
from tests.services.operator.cases import made, written
from tests.services.operator.test_profiles import CALICO, CILIUM, outbound
from tests.simulators.kube.faults import Fault
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.requirement("OPER-4/no-policy-of-others-opens-more")
POLICIES = "networkpolicies.networking.k8s.io"


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        yield one


def opening(namespace: str = "team", **labels: str) -> dict[str, Any]:
    """It lets all pods of a namespace reach everything."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open", "namespace": namespace, "labels": labels},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
    }


def _stopped(found: Cluster) -> bool:
    return (condition(found) or {}).get("reason") == "NotEnforceable" and not found.get("deployments.apps", "team", "time")


def test_a_server_does_not_run_while_it_is_there(found: Cluster) -> None:
    found.create("networkpolicies", opening("arcops-mcp"), "networking.k8s.io")
    found.create("mcpservers", server(), "ome.io")
    with operator(found):
        until(lambda: ready(found))
        found.create("networkpolicies", opening(**{"app.kubernetes.io/managed-by": "arcops"}), "networking.k8s.io")
        until(lambda: _stopped(found))
        assert "NetworkPolicy open" in condition(found)["message"]
        found.do(lambda: found.api.writing.delete(found.api.kinds["networking.k8s.io", "networkpolicies"], "team", "open"))
        until(lambda: ready(found))
        found.create("networkpolicies", opening(), "networking.k8s.io")
        until(lambda: _stopped(found))
    # Another process sees it from the beginning.
    with operator(found) as one:
        until(lambda: one.idle)
        assert _stopped(found)


OURS = "ome.io/v1beta1"
HIDING: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "behind no one": ("open", {"apiVersion": "nothing.example/v1", "kind": "MCPServer", "name": "x", "uid": "none"}, {}),
    "behind a kind of someone": ("open", {"apiVersion": "nothing.example/v1", "kind": "Other", "name": "x", "uid": "none"}, {}),
    "behind a server that is refused": ("open", {"apiVersion": OURS, "kind": "MCPServer", "name": "bad"}, {}),
    "as the policy of a server that is refused": ("bad", {"apiVersion": OURS, "kind": "MCPServer", "name": "bad"}, {}),
    "behind the server itself": ("open", {"apiVersion": OURS, "kind": "MCPServer", "name": "time"}, {}),
    "behind the server, for its pods alone": (
        "open",
        {"apiVersion": OURS, "kind": "MCPServer", "name": "time"},
        {"matchLabels": {"arcops.dev/mcp-server": "time"}},
    ),
    "behind no one, for its pods alone": (
        "open",
        {"apiVersion": "nothing.example/v1", "kind": "MCPServer", "name": "time", "uid": "none"},
        {"matchLabels": {"arcops.dev/mcp-server": "time"}},
    ),
}


@pytest.mark.parametrize(("name", "owner", "selector"), HIDING.values(), ids=HIDING)
def test_none_hides_behind_what_it_says_of_its_owner(
    found: Cluster, name: str, owner: dict[str, Any], selector: dict[str, Any]
) -> None:
    found.api.upkeep.collects = False  # a real collector leaves alone what is owned by a kind that no one knows
    found.create("mcpservers", server("bad", targetPort=15080), "ome.io")
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: ready(found) and (condition(found, "bad") or {}).get("status") == "False")
        if "uid" not in owner:
            owner = owner | {"uid": found.get("mcpservers.ome.io", "team", owner["name"])["metadata"]["uid"]}
        hiding = opening(**{"app.kubernetes.io/managed-by": "arcops"})
        hiding["metadata"] |= {"name": name, "ownerReferences": [owner | {"controller": True}]}
        hiding["spec"]["podSelector"] = selector
        found.create("networkpolicies", hiding, "networking.k8s.io")
        until(lambda: _stopped(found))
        assert f"NetworkPolicy {name}" in condition(found)["message"]
        found.do(lambda: found.api.writing.delete(found.api.kinds["networking.k8s.io", "networkpolicies"], "team", name))
        until(lambda: ready(found))
        until(lambda: one.idle)


def test_one_that_is_for_the_pods_of_another_server_makes_no_pass(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: ready(found))
        until(lambda: one.idle)
        before = one.made
        elsewhere = opening()
        elsewhere["spec"]["podSelector"] = {"matchLabels": {"arcops.dev/mcp-server": "other"}}
        found.create("networkpolicies", elsewhere, "networking.k8s.io")
        until(lambda: any(place == ("team", "open") for cache in one.passes._owned.values() for place in cache.places()))
        until(lambda: one.idle)
        assert (one.made, bool(ready(found))) == (before, True)


def test_what_cannot_be_seen_lets_none_run(found: Cluster) -> None:
    fault = Fault(verb="list", resource=POLICIES, status=403, times=1000)
    found.api.faults.add(fault)
    found.create("mcpservers", server(), "ome.io")
    with operator(found):
        until(lambda: (condition(found) or {}).get("reason") == "Waiting")
        assert found.get("deployments.apps", "team", "time") is None
        found.api.faults.waiting.clear()
        until(lambda: ready(found), 40.0)


def _policy(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": "team", **metadata}, "spec": spec}


OWN = {"matchLabels": {"arcops.dev/mcp-server": "time"}}
GROUPS: dict[str, tuple[dict[str, Any], str]] = {
    "all pods": (_policy("NetworkPolicy", "a", {"podSelector": {}}), "team/"),
    "one server": (_policy("NetworkPolicy", "a", {"podSelector": OWN}), "team/time"),
    "one server, and an expression": (
        _policy("NetworkPolicy", "a", {"podSelector": OWN | {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}),
        "team/time",
    ),
    "by an expression": (
        _policy(
            "NetworkPolicy",
            "a",
            {"podSelector": {"matchExpressions": [{"key": "arcops.dev/mcp-server", "operator": "In", "values": ["time"]}]}},
        ),
        "team/",
    ),
    "a selector of another kind": (_policy("NetworkPolicy", "a", {"endpointSelector": OWN}), "team/"),
    "Cilium": (_policy("CiliumNetworkPolicy", "a", {"endpointSelector": OWN}), "team/time"),
    "Cilium's several rules": (
        {**_policy("CiliumNetworkPolicy", "a", {"endpointSelector": OWN}), "specs": [{"endpointSelector": {}}]},
        "team/",
    ),
    "nonsense": (_policy("NetworkPolicy", "a", {"podSelector": {"matchLabels": {"arcops.dev/mcp-server": 1}}}), "team/"),
}


@pytest.mark.parametrize(("policy", "group"), GROUPS.values(), ids=GROUPS)
def test_a_policy_is_found_by_the_pods_that_it_may_select(policy: dict[str, Any], group: str) -> None:
    assert group_of(policy) == group


def _child(kind: str, name: str, **metadata: Any) -> tuple[ObjectName, Child]:
    place = ObjectName(api_version="x/v1", kind=kind, namespace="team", name=name)
    return place, Child(name=place, uid="1", owner="u", resource_version="1", live=_policy(kind, name, {}, **metadata))


def test_only_what_a_pass_puts_back_or_deletes_is_its_own() -> None:
    mine = dict((_child("NetworkPolicy", "time"), _child("CiliumNetworkPolicy", "time-api")))
    others = dict((_child("NetworkPolicy", "time-api"), _child("CiliumNetworkPolicy", "time")))
    held = dict((_child("CiliumNetworkPolicy", "time-hosts", deletionTimestamp="2026-01-01T00:00:00Z"),))
    assert set(own_policies(mine | others | held, "time")) == mine.keys()


@pytest.mark.parametrize("at", [CILIUM, CALICO], ids=lambda one: one.network.cni)
@pytest.mark.parametrize("name", ["tools", "n" * LONGEST_NAME])
def test_all_policies_of_a_server_have_names_that_are_known_and_select_its_pods_alone(at: Site, name: str) -> None:
    hosts = [] if at is CALICO else ["*.example.com"]
    profile = json.dumps(outbound(*hosts, "kubernetes.default.svc", "198.51.100.7", ports=(6443,)))
    seen = Observed(config_maps={"p": SeenConfigMap(resource_version="1", data={"p.json": profile})})
    granted = replace(at, policies={"shop": NamespacePolicy(api_server=True)})
    told = {"type": "configmap", "name": "p", "key": "p.json"}
    objects = made(written(name=name, permissionProfile=told), seen, granted).objects
    policies = [one for one in objects if one.name.kind in POLICY_KINDS]
    assert len(policies) == (1 if at is CALICO else 3)
    assert {(one.name.kind, one.name.name) for one in policies} <= policy_names(name)
    assert {group_of(dict(one.value)) for one in policies} == {f"shop/{name}"}


def test_a_group_follows_its_objects() -> None:
    cache = Cache(lambda *said: None, group_of)
    cache.heard(_policy("NetworkPolicy", "a", {"podSelector": {}}, uid="1", resourceVersion="1"))
    assert [place for place, _ in cache.within("team/")] == [("team", "a")]
    cache.heard(_policy("NetworkPolicy", "a", {"podSelector": OWN}, uid="1", resourceVersion="2"))
    assert [place for place, _ in cache.within("team/time")] == [("team", "a")]
    cache.gone(_policy("NetworkPolicy", "a", {"podSelector": OWN}, uid="1", resourceVersion="3"))
    assert not [*cache.within("team/"), *cache.within("team/time")]
    assert not cache._groups
