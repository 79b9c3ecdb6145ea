"""``arcops server`` after a blow: a run whose worker and process were killed leaves a RED artifact, and a restart of the worker
undoes nothing that an operator switched.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from arcops.verdict import Verdict
from artifacts.index import Filter
from artifacts.objects import object_path
from artifacts.store import Store
from tests.adapters.serving import Served, served
from tests.migrated import migrated
from tests.models import Bench, bench
from tests.waiting import until

pytestmark = [
    pytest.mark.requirement("ARC-4/no-failed-collector-is-green", "ARC-D1/deployments-run-on-a-site"),
    pytest.mark.xdist_group("server-lost"),
    pytest.mark.site,
]

MOST_SECONDS = 180


class Prefect:
    """The server's Prefect, asked as its operator asks."""

    def __init__(self, here: Bench, site: Served) -> None:
        self._auth = tuple((here.home / "prefect" / "auth").read_text().strip().partition(":")[::2])
        self._api = f"{site.url}/prefect/api"

    def ask(self, path: str, body: object = None, *, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")

        def asked() -> httpx2.Response | None:
            answer = httpx2.request(method, self._api + path, json=body, auth=self._auth, timeout=600)
            return None if answer.status_code == 503 else answer

        answer = until(asked, f"{method} {path}")
        assert answer is not None
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(f"/deployments/name/{name}/{name}")
        return found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("lost"))


@pytest.fixture(scope="module")
def site(here: Bench) -> Iterator[Served]:
    migrated(here.home / "prefect")
    with served("server", env=here.environment) as server:
        until(lambda: ready(server), "everything is ready", log=(here.home / "prefect" / "server.log").read_text)
        yield server


@pytest.fixture(scope="module")
def prefect(here: Bench, site: Served) -> Prefect:
    return Prefect(here, site)


def ready(server: Served) -> bool:
    try:
        return httpx2.get(f"{server.url}/readyz", timeout=600).status_code == 200
    except httpx2.HTTPError:
        return False


def worker_of(here: Bench, server: int) -> int:
    """The worker: the child of the server that holds the worker's log open."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == server and (entry / "fd" / "1").readlink().name == "worker.log":
                return int(entry.name)
    pytest.fail("there is no worker")


def kill_with_children(leader: int) -> None:
    """*leader* and everything that it started, at once and without warning."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {leader}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    for pid in found:
        os.kill(pid, signal.SIGSTOP)  # none of them must see another one die
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_ready_means_that_a_check_can_begin(site: Served, prefect: Prefect) -> None:
    """As soon as the probe says so: the fixture waited for nothing else."""
    assert prefect.deployment("readiness")["version"]
    assert len(prefect.ask("/automations/filter", {})) >= 3


def test_a_lost_worker_leaves_a_red_artifact_and_every_switch_as_it_was(
    site: Served, here: Bench, prefect: Prefect, tmp_path: Path
) -> None:
    drift, recheck = prefect.deployment("network-drift"), prefect.deployment("recheck-expiring")
    (schedule,) = drift["schedules"]
    assert schedule["active"] is False
    given = {"declared": str(tmp_path), "context": "mine"}
    prefect.ask(f"/deployments/{drift['id']}/schedules/{schedule['id']}", {"active": True}, method="PATCH")
    prefect.ask(f"/deployments/{drift['id']}", {"parameters": given, "concurrency_limit": 1}, method="PATCH")
    (hourly,) = recheck["schedules"]
    prefect.ask(f"/deployments/{recheck['id']}/schedules/{hourly['id']}", {"active": False}, method="PATCH")
    prefect.ask(f"/deployments/{prefect.deployment('gpu-benchmark')['id']}/pause_deployment", {})
    automations = {one["name"]: one["updated"] for one in prefect.ask("/automations/filter", {})}

    endless = tmp_path / "endless"
    endless.mkdir()
    with (endless / "model.safetensors").open("wb") as file:
        file.truncate(1 << 42)  # sparse, and longer to read than this test waits
    readiness = prefect.deployment("readiness")["id"]
    asked = {"parameters": {"target": str(endless), "policy": "bench"}}
    run = prefect.ask(f"/deployments/{readiness}/create_flow_run", asked)["id"]
    log = (here.home / "prefect" / "worker.log").read_text
    until(lambda: prefect.ask(f"/flow_runs/{run}")["state"]["name"] == "Running", "the run begins", log=log)
    first = worker_of(here, site.process.pid)
    kill_with_children(first)
    killed = time.monotonic()

    def kept() -> bool:
        with Store(here.settings.store) as store:
            return bool(store.list(Filter(subject="endless")))

    until(kept, "its artifact", log=lambda: log() + "\n".join(site.log[-20:]), seconds=MOST_SECONDS + 60)
    assert time.monotonic() - killed < MOST_SECONDS
    with Store(here.settings.store) as store:
        (listed, *_) = store.list(Filter(subject="endless"))
    report = here.open(object_path(here.settings.store, listed.artifact))
    assert report.verdict is Verdict.RED
    assert all(run in missing.reason for missing in report.missing)

    assert worker_of(here, site.process.pid) != first
    assert "are created" in log().rpartition("are created")[0], "the new worker put what was missing"
    drift, recheck = prefect.deployment("network-drift"), prefect.deployment("recheck-expiring")
    assert [one["active"] for one in (*drift["schedules"], *recheck["schedules"])] == [True, False]
    assert (drift["parameters"], drift["global_concurrency_limit"]["limit"]) == (given, 1)
    assert prefect.deployment("gpu-benchmark")["paused"] is True
    assert {one["name"]: one["updated"] for one in prefect.ask("/automations/filter", {})} == automations
