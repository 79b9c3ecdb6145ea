"""A network policy that someone else writes beside a server, and takes away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.kube.world import a_cluster, condition, operator, ready, server, until
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


def test_what_cannot_be_seen_lets_none_run(found: Cluster) -> None:
    fault = Fault(verb="list", resource=POLICIES, status=403, times=1000)
    found.api.faults.add(fault)
    found.create("mcpservers", server(), "ome.io")
    with operator(found):
        until(lambda: (condition(found) or {}).get("reason") == "Waiting")
        assert found.get("deployments.apps", "team", "time") is None
        found.api.faults.waiting.clear()
        until(lambda: ready(found), 40.0)
