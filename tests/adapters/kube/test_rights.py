"""The rights that are shipped are exactly those that are used: with them all works, and each of them is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manifests.operator.rights import KEYS_URL, Right, own_rights, rights, secret_rights
from services.operator.site import NamespacePolicy
from services.operator.verdicts import Verdicts
from tests.adapters.kube.kubectl import Kubectl
from tests.adapters.kube.world import Told, a_cluster, a_site, condition, operator, public_key, ready, server, shipped, until
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.requirement("OPER-2/its-rights-are-one-table")
TOKENS = {"type": "kubernetes", "kubernetes": {"audience": "x"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "team"}, "data": {"url": "eA=="}}
SCALED = {"arcops.dev/max-replicas": "4"}


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        yield one


def _all(*tables: tuple[Right, ...]) -> set[tuple[str, str, str]]:
    return {(verb, one.group, one.resource) for table in tables for one in table for verb in one.verbs}


def test_with_what_is_shipped_all_works_and_nothing_else_is_asked_for(found: Cluster) -> None:
    told = Told(settings=a_site(policies={"team": NamespacePolicy(rotate_secrets=True)}))
    found.api.token_keys = {"keys": [public_key("a")]}
    answers = ["no answer"]
    told.shaken = lambda resource, addresses: answers[0]
    with operator(found, told, context=shipped(found, rotating=("team",))) as one:
        wide = server("wide", replicas=2, oidcConfig=TOKENS)
        wide["metadata"]["annotations"] = SCALED
        found.create("secrets", SECRET)
        secret = {"name": "db", "key": "url", "targetEnvName": "DATABASE_URL"}
        found.create("mcpservers", server(secrets=[secret]), "ome.io")
        found.create("mcpservers", wide, "ome.io")
        found.create("mcpservers", _remote(limited=True), "ome.io")
        found.create("clustermcpservers", _cluster_wide(), "ome.io")
        until(lambda: (condition(found) or {}).get("reason") == "HandshakeFailed")
        answers[0] = ""
        one.handshakes.forget_all()
        one.all_again()
        until(lambda: all(ready(found, name) for name in ("time", "wide", "far")), 20.0)
        until(lambda: ready(found, "shared", "", "clustermcpservers"))
        assert found.get("horizontalpodautoscalers.autoscaling", "team", "wide")
        _with_less(found)
        # The same refusal again is the same event.
        for known in (Verdicts(), told.known, Verdicts()):
            told.known = known
            one.all_again()
            until(lambda allowed=bool(known.images): bool(found.get("deployments.apps", "team", "time")) is allowed)
            until(lambda: one.idle)
        assert one.failed == 0
    assert not found.api.access.denied
    used = {right[1:] for right in found.api.access.used if right[0].endswith(":arcops-operator")}
    table = _all(rights(a_site().network), own_rights(), secret_rights()) | {("get", "", KEYS_URL)}
    assert used == table


def _with_less(found: Cluster) -> None:
    """Take from the servers what they had objects for, so that these go."""
    kubectl = Kubectl(found)
    kubectl.good("-n", "team", "annotate", "mcpserver", "wide", "arcops.dev/max-replicas-")
    less = {"spec": {"replicas": 1, "serviceAccount": "own"}}
    kubectl.good("-n", "team", "patch", "mcpserver", "wide", "--type=merge", "-p", json.dumps(less))
    gone = [
        ("horizontalpodautoscalers.autoscaling", "wide"),
        ("poddisruptionbudgets.policy", "wide"),
        ("serviceaccounts", "wide"),
    ]
    kubectl.good("-n", "team", "patch", "mcpserver", "far", "--type=merge", "-p", '{"spec": {"oidcConfig": null}}')
    gone += [(kind, "far") for kind in ("services", "configmaps", "networkpolicies.networking.k8s.io", "deployments.apps")]
    for kind, name in gone:
        until(lambda kind=kind, name=name: found.get(kind, "team", name) is None, what=f"{kind} {name}")


def _remote(*, limited: bool) -> dict[str, Any]:
    made = server("far")
    made["spec"] = {"type": "Remote", "url": "https://mcp.example.com/mcp", "transport": "streamable-http"}
    made["spec"] |= {"oidcConfig": TOKENS} if limited else {}
    return made


def _cluster_wide() -> dict[str, Any]:
    made = server("shared")
    made["kind"] = "ClusterMCPServer"
    del made["metadata"]["namespace"]
    return made
