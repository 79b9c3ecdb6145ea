"""The operator against a cluster: it makes the objects of a server, keeps them, and says in the status how it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.kube.world import Told, a_cluster, condition, operator, ready, server, until
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.requirement("OPER-2/the-controller-keeps-the-objects")
CHILDREN = (
    "deployments.apps",
    "services",
    "serviceaccounts",
    "configmaps",
    "networkpolicies.networking.k8s.io",
)


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        yield one


def test_a_server_gets_its_objects_and_is_ready(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: ready(found), what=str(condition(found)))
        for kind in CHILDREN:
            child = found.get(kind, "team", "time")
            assert child is not None, kind
            assert child["metadata"]["ownerReferences"][0]["kind"] == "MCPServer"
            assert {m["manager"] for m in child["metadata"]["managedFields"] if m["operation"] == "Apply"} == {
                "arcops-operator"
            }
        status = found.get("mcpservers.ome.io", "team", "time")["status"]
        assert status["url"].startswith("http://time.team.svc")
        assert status["observedGeneration"] == 1
        until(lambda: one.idle)
        assert one.failed == 0


def test_a_second_pass_writes_nothing(found: Cluster) -> None:
    for number in range(5):
        found.create("mcpservers", server(f"s{number}"), "ome.io")
    told = Told()
    with operator(found, told) as one:
        until(lambda: all(ready(found, f"s{number}") for number in range(5)))
        until(lambda: one.idle)
        writes, before = found.api.store.writes, len(found.api.log)
        found.do(found.api.store.cut)
        one.all_again()
        until(lambda: one.idle)
    writers = [entry for entry in found.api.log[before:] if entry[2] != "leases.coordination.k8s.io"]
    assert not writers
    assert writes <= found.api.store.writes
