"""The same tests against the simulated API server, so that the simulator is held to what a real one is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kube.connecting import connected
from arcops.request import LiveCluster
from arcops.tier import Tier
from foundation.egress.kube import KubeClient
from tests.adapters.cluster.test_api_server import (
    space,
    test_a_field_that_is_not_applied_any_more_is_gone,
    test_an_apply_for_another_uid_is_refused,
    test_the_definitions_are_within_the_cost_of_rules,
    test_the_same_apply_writes_nothing,
)
from tests.simulators.kube.serving import cluster

__all__ = [
    "space",
    "test_a_field_that_is_not_applied_any_more_is_gone",
    "test_an_apply_for_another_uid_is_refused",
    "test_the_definitions_are_within_the_cost_of_rules",
    "test_the_same_apply_writes_nothing",
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeClient]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    with cluster(folder) as found:
        made = connected(LiveCluster(context="admin", clusters=None, kubeconfig=found.kubeconfig), Tier.RESTRICTED, {})
        yield made
        made.close()
