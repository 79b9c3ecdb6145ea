"""``arcops server`` and the blows to its runs: a check begins at once, a run that is killed or cancelled leaves a RED artifact,
and a restart of the worker undoes nothing that an operator switched.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.mcp.client import call
from arcops.verdict import Verdict
from artifacts.index import Filter
from artifacts.objects import object_path
from artifacts.store import Store
from capabilities.model.check import Check, CheckedModel, check_model
from tests.adapters.serving import Served, served
from tests.migrated import migrated
from tests.models import Bench, bench, good_model
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
        until((here.home / "prefect" / "runs.socket").exists, "a process is warm")
        yield server


@pytest.fixture(scope="module")
def prefect(here: Bench, site: Served) -> Prefect:
    return Prefect(here, site)


def ready(server: Served) -> bool:
    try:
        return httpx2.get(f"{server.url}/readyz", timeout=600).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture(scope="module")
def small(here: Bench) -> Path:
    return good_model(here, signed=False)


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A model that takes longer to read than any test waits."""
    model = tmp_path / "endless"
    model.mkdir()
    with (model / "model.safetensors").open("wb") as file:
        file.truncate(1 << 42)
    return model


@pytest.fixture
def some_seconds(tmp_path: Path) -> Path:
    """A model that takes a few seconds to read."""
    model = tmp_path / "some-seconds"
    model.mkdir()
    with (model / "model.safetensors").open("wb") as file:
        file.truncate(1 << 32)
    return model


def check(site: Served, here: Bench, model: Path, stop: threading.Event | None = None) -> CheckedModel:
    return call(
        site.url, check_model, Check(target=model, policy="bench"), settings=here.settings, environment={},
        stop=stop or threading.Event(), progress=lambda done, total: None,
    )  # fmt: skip


@contextmanager
def checking(site: Served, here: Bench, model: Path) -> Iterator[Future[CheckedModel]]:
    """A check under way. If the block fails, it is stopped: no one waits for the end of an endless model."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        try:
            yield thread.submit(check, site, here, model, stop)
        finally:
            stop.set()


def runs_of(prefect: Prefect, model: Path, *states: str, **asked: object) -> list[str]:
    """The ids of the runs that check *model* and are in one of these *states*: no others that a schedule may have begun."""
    flow_runs = {"state": {"type": {"any_": states}}, "tags": {"all_": ["arcops"]}}  # not what accounts for another run
    found = prefect.ask("/flow_runs/filter", {"flow_runs": flow_runs, **asked})
    return [one["id"] for one in found if one["parameters"].get("target") == str(model)]


def at_work(prefect: Prefect, model: Path) -> str:
    """The id of the one run that is at work on *model*."""
    (run,) = until(lambda: runs_of(prefect, model, "RUNNING"), "a run is at work")
    return run


def states(prefect: Prefect, run: str) -> list[str]:
    said = prefect.ask(f"/flow_run_states/?flow_run_id={run}")
    return [one["name"] for one in sorted(said, key=lambda one: str(one["timestamp"]))]


def newest(prefect: Prefect, model: Path) -> str:
    return runs_of(prefect, model, "COMPLETED", "FAILED", sort="END_TIME_DESC")[0]


def holding(log: str) -> list[int]:
    """The processes whose standard output is the file *log*: the warm one first, and then its runs."""
    found: list[tuple[int, int]] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((entry / "fd" / "1").readlink()) == log:
                began = int((entry / "stat").read_text().rpartition(")")[2].split()[19])
                found.append((began, int(entry.name)))
    return [pid for _, pid in sorted(found)]  # numbers of processes begin again at some time


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


class TestRunsThatBeginAtOnce:
    """The server hands a check to the process that is warm; without the worker, and nothing is lost by that."""

    def test_no_worker_is_waited_for(self, site: Served, here: Bench, prefect: Prefect, small: Path) -> None:
        assert check(site, here, small).report.verdict is Verdict.RED
        assert states(prefect, newest(prefect, small)) == ["Scheduled", "Pending", "Running", "RED"]

    def test_what_the_operator_paused_is_the_workers(self, site: Served, here: Bench, prefect: Prefect, small: Path) -> None:
        deployment = f"/deployments/{prefect.deployment('readiness')['id']}"
        prefect.ask(f"{deployment}/pause_deployment", {})
        try:
            assert check(site, here, small).report.verdict is Verdict.RED
        finally:
            prefect.ask(f"{deployment}/resume_deployment", {})
        assert "Submitting" in states(prefect, newest(prefect, small))

    def test_a_run_that_was_killed_leaves_a_red_artifact(
        self, site: Served, here: Bench, prefect: Prefect, endless: Path
    ) -> None:
        with checking(site, here, endless) as found:
            run = at_work(prefect, endless)
            _, *runs = holding(str(here.home / "prefect" / "runs.log"))
            for one in runs:
                os.kill(one, signal.SIGKILL)
            report = found.result(timeout=MOST_SECONDS).report
        assert report.verdict is Verdict.RED
        assert {missing.reason for missing in report.missing if run not in missing.reason} == set()
        assert states(prefect, run)[-1] == "Crashed"

    def test_the_account_of_a_killed_run_does_not_rest_on_prefects_automation(
        self, site: Served, here: Bench, prefect: Prefect, endless: Path
    ) -> None:
        """A server of Prefect that was started again evaluates some events a quarter of an hour late."""
        (account,) = [one for one in prefect.ask("/automations/filter", {}) if "without an artifact" in one["name"]]
        prefect.ask(f"/automations/{account['id']}", {"enabled": False}, method="PATCH")
        try:
            with checking(site, here, endless) as found:
                run = at_work(prefect, endless)
                _, *runs = holding(str(here.home / "prefect" / "runs.log"))
                for one in runs:
                    os.kill(one, signal.SIGKILL)
                report = found.result(timeout=MOST_SECONDS).report
        finally:
            prefect.ask(f"/automations/{account['id']}", {"enabled": True}, method="PATCH")
        assert report.verdict is Verdict.RED
        assert {missing.reason for missing in report.missing if run not in missing.reason} == set()

    def test_a_run_that_was_cancelled_in_prefect_ends_and_leaves_one_red_artifact(
        self, site: Served, here: Bench, prefect: Prefect, endless: Path
    ) -> None:
        with checking(site, here, endless) as found:
            run = at_work(prefect, endless)
            prefect.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
            answer = found.result(timeout=MOST_SECONDS)
        assert answer.report.verdict is Verdict.RED
        assert states(prefect, run)[-2:] == ["Cancelling", "Cancelled"]
        with Store(here.settings.store) as store:
            assert answer.artifact in [one.artifact for one in store.list(Filter(subject="endless"))]

    def test_a_run_that_was_suspended_in_prefect_ends_by_its_verdict_all_the_same(
        self, site: Served, here: Bench, prefect: Prefect, some_seconds: Path
    ) -> None:
        """It has no place at which it could go on later, so it is judged now and says so."""
        with checking(site, here, some_seconds) as found:
            run = at_work(prefect, some_seconds)
            prefect.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "PAUSED", "name": "Suspended"}})
            report = found.result(timeout=MOST_SECONDS).report
        assert report.verdict is Verdict.RED
        assert "Suspended" in states(prefect, run)
        assert states(prefect, run)[-1] == "RED"

    def test_if_prefects_server_is_killed_meanwhile_the_run_ends_at_the_next_one(
        self, site: Served, here: Bench, prefect: Prefect, some_seconds: Path
    ) -> None:
        with checking(site, here, some_seconds) as found:
            run = at_work(prefect, some_seconds)
            assert list((here.home / "prefect" / "concurrency_leases").glob("*-*.json")), "its slot outlives the server"
            for one in holding(str(here.home / "prefect" / "server.log")):
                os.kill(one, signal.SIGKILL)
            assert found.result(timeout=MOST_SECONDS).report.verdict is Verdict.RED
        assert states(prefect, run)[-1] == "RED"

    def test_without_the_warm_process_the_worker_runs_it(
        self, site: Served, here: Bench, prefect: Prefect, small: Path
    ) -> None:
        socket = here.home / "prefect" / "runs.socket"
        for one in holding(str(here.home / "prefect" / "runs.log")):
            os.kill(one, signal.SIGKILL)
        socket.unlink()
        socket.mkdir()  # so no other one listens there meanwhile
        try:
            assert check(site, here, small).report.verdict is Verdict.RED
        finally:
            socket.rmdir()
        assert "Submitting" in states(prefect, newest(prefect, small))
        until(socket.exists, "a process is warm again")
