"""A real API server: the definitions within its cost budget, and server-side apply as the operator relies on it.

Name a context in ``ARCOPS_TEST_CONTEXT`` (and ``ARCOPS_TEST_KUBECONFIG``). What is written is in a namespace of its own, which
the tests make and delete; definitions are only sent as a dry run.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.kube.api import Changed, Cluster
from adapters.kube.connecting import connected
from adapters.kube.kinds import Kind
from arcops.request import LiveCluster
from arcops.tier import Tier
from foundation.egress.kube import KubeClient
from manifests.crds.definitions import ServerKind, definition

CONFIG = Kind(api_version="v1", kind="ConfigMap", plural="configmaps")
SPACE = Kind(api_version="v1", kind="Namespace", plural="namespaces", namespaced=False)
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def client() -> Iterator[KubeClient]:
    context = os.environ.get("ARCOPS_TEST_CONTEXT", "")
    if not context:
        pytest.skip("no real API server: name a context of a kubeconfig in ARCOPS_TEST_CONTEXT")
    named = os.environ.get("ARCOPS_TEST_KUBECONFIG")
    live = LiveCluster(context=context, clusters=None, kubeconfig=Path(named) if named else None)
    made = connected(live, Tier.RESTRICTED, dict(os.environ))
    yield made
    made.close()


@pytest.fixture(scope="module")
def space(client: KubeClient) -> Iterator[str]:
    name = f"arcops-test-{secrets.token_hex(4)}"
    cluster = Cluster(client)
    made = cluster.create(SPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    cluster.delete(SPACE, "", name, str(made["metadata"]["uid"]))  # type: ignore[index,call-overload]


@pytest.mark.parametrize("kind", ServerKind)
def test_the_definitions_are_within_the_cost_of_rules(client: KubeClient, kind: ServerKind) -> None:
    import json

    body = json.dumps(definition(kind).value).encode()
    query = (("dryRun", "All"), ("fieldManager", "arcops-tests"), ("force", "true"))
    name = definition(kind).name.name
    answered = client.ask("PATCH", f"{DEFINITIONS}/{name}", query, body, form="application/apply-patch+yaml", seconds=30)
    assert answered.ok, answered.body.decode()


def _config(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_the_same_apply_writes_nothing(client: KubeClient, space: str) -> None:
    cluster = Cluster(client)
    first = cluster.apply(CONFIG, space, "same", _config("same", a="1"), force=False)
    second = cluster.apply(CONFIG, space, "same", _config("same", a="1"), force=True)
    assert first.created
    assert not second.created
    assert first.value["metadata"]["resourceVersion"] == second.value["metadata"]["resourceVersion"]  # type: ignore[index,call-overload]


def test_a_field_that_is_not_applied_any_more_is_gone(client: KubeClient, space: str) -> None:
    cluster = Cluster(client)
    cluster.apply(CONFIG, space, "less", _config("less", a="1", b="2"), force=False)
    assert cluster.apply(CONFIG, space, "less", _config("less", a="1"), force=True).value["data"] == {"a": "1"}


def test_an_apply_for_another_uid_is_refused(client: KubeClient, space: str) -> None:
    cluster = Cluster(client)
    body = _config("other", a="1")
    cluster.apply(CONFIG, space, "other", body, force=False)
    body["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(Changed):
        cluster.apply(CONFIG, space, "other", body, force=True)
