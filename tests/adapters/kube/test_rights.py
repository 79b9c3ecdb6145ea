"""The rights that are shipped are those that are used: with them all works, and each of them is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manifests.operator.rights import Right, own_rights, rights, rules
from services.operator.verdicts import Verdicts
from tests.adapters.kube.world import Told, a_cluster, a_site, condition, operator, ready, server, until
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.requirement("OPER-2/its-rights-are-one-table")
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        yield one


def _shipped(found: Cluster) -> str:
    """The operator's own account with the shipped roles; the name of its context."""
    of = {"kind": "ServiceAccount", "namespace": "arcops-system", "name": "arcops-operator"}
    for kind, table, namespace in (("ClusterRole", rights(a_site().network), ""), ("Role", own_rights(), "arcops-system")):
        meta: dict[str, Any] = {"name": "arcops-operator", **({"namespace": namespace} if namespace else {})}
        bound = {"apiVersion": f"{RBAC}/v1", "metadata": meta}
        found.create(f"{kind.lower()}s", {**bound, "kind": kind, "rules": rules(table)}, RBAC)
        reference = {"apiGroup": RBAC, "kind": kind, "name": "arcops-operator"}
        binding = {**bound, "kind": f"{kind}Binding", "roleRef": reference, "subjects": [of]}
        found.create(f"{kind.lower()}bindings", binding, RBAC)
    return found.account("arcops-system", "arcops-operator")


def _all(table: tuple[Right, ...]) -> set[tuple[str, str, str]]:
    return {(verb, one.group, one.resource) for one in table for verb in one.verbs}


def test_with_what_is_shipped_all_works_and_nothing_else_is_asked_for(found: Cluster) -> None:
    told = Told()
    answers = ["no answer"]
    told.shaken = lambda resource, addresses: answers[0]
    with operator(found, told, context=_shipped(found)) as one:
        wide = server("wide", replicas=2)
        wide["metadata"]["annotations"] = {"arcops.dev/max-replicas": "4"}
        found.create("mcpservers", server(), "ome.io")
        found.create("mcpservers", wide, "ome.io")
        found.create("clustermcpservers", _cluster_wide(), "ome.io")
        until(lambda: (condition(found) or {}).get("reason") == "HandshakeFailed")
        answers[0] = ""
        one.handshakes.forget_all()
        one.all_again()
        until(lambda: ready(found) and ready(found, "wide") and ready(found, "shared", "", "clustermcpservers"), 20.0)
        assert found.get("horizontalpodautoscalers.autoscaling", "team", "wide")
        # The same refusal again is the same event.
        told.known = Verdicts()
        one.all_again()
        until(lambda: (condition(found) or {}).get("reason") == "ImageNotAllowed")
        until(lambda: found.get("deployments.apps", "team", "time") is None)
        until(lambda: one.idle)
        assert one.failed == 0
    assert not found.api.access.denied
    used = {right[1:] for right in found.api.access.used if right[0].endswith(":arcops-operator")}
    shipped = _all(rights(a_site().network)) | _all(own_rights())
    assert used <= shipped, "the operator asks for what it may not do"
    # Not used here: what happens only if an object stops being wanted, or an event repeats (shown beside their own tests).
    rest = {(verb, resource) for verb, _, resource in shipped - used}
    assert rest <= {("delete", one) for one in _KEPT} | {("patch", "events")}, rest


_KEPT = (
    "services", "serviceaccounts", "configmaps", "networkpolicies", "poddisruptionbudgets", "horizontalpodautoscalers",
)  # fmt: skip


def _cluster_wide() -> dict[str, Any]:
    made = server("shared")
    made["kind"] = "ClusterMCPServer"
    del made["metadata"]["namespace"]
    return made
