"""A check through ``arcops server`` begins at once, without the worker, and loses nothing by that: if its run is killed or
cancelled, its artifact is RED.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adapters.http.worker import template
from adapters.mcp.client import call
from arcops.verdict import Verdict
from artifacts.index import Filter
from artifacts.store import Store
from capabilities.model.check import Check, CheckedModel, check_model
from flows.prefect.at_once import AtOnce
from tests.adapters.serving import Served, served
from tests.adapters.test_server_lost import Prefect, ready
from tests.migrated import migrated
from tests.models import Bench, bench, good_model
from tests.waiting import until

on_a_site = [
    pytest.mark.requirement("ARC-4/no-failed-collector-is-green", "ARC-D1/deployments-run-on-a-site"),
    pytest.mark.xdist_group("server-at-once"),
    pytest.mark.site,
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("at-once"))


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


def check(site: Served, here: Bench, model: Path) -> CheckedModel:
    return call(
        site.url, check_model, Check(target=model, policy="bench"), settings=here.settings, environment={},
        stop=threading.Event(), progress=lambda done, total: None,
    )  # fmt: skip


@contextmanager
def checking(site: Served, here: Bench, model: Path) -> Iterator[Future[CheckedModel]]:
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(check, site, here, model)


def at_work(prefect: Prefect) -> str:
    """The id of the one run that is at work."""

    def found() -> str:
        runs = prefect.ask("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}})
        return runs[0]["id"] if runs else ""

    run = until(found, "a run is at work")
    assert run
    return run


def states(prefect: Prefect, run: str) -> list[str]:
    said = prefect.ask(f"/flow_run_states/?flow_run_id={run}")
    return [one["name"] for one in sorted(said, key=lambda one: str(one["timestamp"]))]


def newest(prefect: Prefect) -> str:
    ended = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}, "tags": {"all_": ["arcops"]}}}
    return str(prefect.ask("/flow_runs/filter", {"sort": "END_TIME_DESC", "limit": 1, **ended})[0]["id"])


def holding(log: str) -> list[int]:
    """The processes whose standard output is the file *log*: the warm one first, and then its runs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((entry / "fd" / "1").readlink()) == log:
                found.append(int(entry.name))
    return sorted(found)


class TestOnASite:
    pytestmark = on_a_site

    def test_no_worker_is_waited_for(self, site: Served, here: Bench, prefect: Prefect, small: Path) -> None:
        assert check(site, here, small).report.verdict is Verdict.RED
        assert states(prefect, newest(prefect)) == ["Scheduled", "Pending", "Running", "RED"]

    def test_what_the_operator_paused_is_the_workers(self, site: Served, here: Bench, prefect: Prefect, small: Path) -> None:
        deployment = f"/deployments/{prefect.deployment('readiness')['id']}"
        prefect.ask(f"{deployment}/pause_deployment", {})
        try:
            assert check(site, here, small).report.verdict is Verdict.RED
        finally:
            prefect.ask(f"{deployment}/resume_deployment", {})
        assert "Submitting" in states(prefect, newest(prefect))

    def test_a_run_that_was_killed_leaves_a_red_artifact(
        self, site: Served, here: Bench, prefect: Prefect, endless: Path
    ) -> None:
        with checking(site, here, endless) as found:
            run = at_work(prefect)
            _, *runs = holding(str(here.home / "prefect" / "runs.log"))
            for one in runs:
                os.kill(one, signal.SIGKILL)
            report = found.result().report
        assert report.verdict is Verdict.RED
        assert all(run in missing.reason for missing in report.missing)
        assert states(prefect, run)[-1] == "Crashed"

    def test_a_run_that_was_cancelled_in_prefect_ends_and_leaves_one_red_artifact(
        self, site: Served, here: Bench, prefect: Prefect, endless: Path
    ) -> None:
        with checking(site, here, endless) as found:
            run = at_work(prefect)
            prefect.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
            answer = found.result()
        assert answer.report.verdict is Verdict.RED
        assert states(prefect, run)[-2:] == ["Cancelling", "Cancelled"]
        with Store(here.settings.store) as store:
            assert answer.artifact in [one.artifact for one in store.list(Filter(subject="endless"))]

    def test_without_the_warm_process_the_worker_runs_it(
        self, site: Served, here: Bench, prefect: Prefect, small: Path
    ) -> None:
        for one in holding(str(here.home / "prefect" / "runs.log")):
            os.kill(one, signal.SIGKILL)
        assert check(site, here, small).report.verdict is Verdict.RED
        assert "Submitting" in states(prefect, newest(prefect))


class Asked:
    """Prefect's answers about a pool with one queue."""

    def __init__(self, pool: dict[str, Any], queue: dict[str, Any]) -> None:
        self._pool, self._queue = SimpleNamespace(**pool), SimpleNamespace(**queue)

    async def read_work_pool(self, name: str) -> SimpleNamespace:
        return self._pool

    async def read_work_queues(self, name: str, named: object) -> list[SimpleNamespace]:
        return [self._queue]


FREE = {"is_paused": False, "concurrency_limit": None}
DEPLOYMENT = {
    "work_pool_name": "arcops", "work_queue_name": "default", "paused": False, "job_variables": {}, "pull_steps": None,
    "storage_document_id": None,
}  # fmt: skip


def other(at: Path, *path: str, value: object) -> dict[str, Any]:
    """Our template with one other value in it."""
    changed = template(at)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


ENV = ("variables", "properties", "env", "default")
COMMAND = ("variables", "properties", "command", "default")


@pytest.mark.parametrize(
    ("may", "deployment", "pool", "queue", "changed"),
    [
        (True, {}, {}, {}, ()),
        (False, {"paused": True}, {}, {}, ()),
        (False, {"work_pool_name": "elsewhere"}, {}, {}, ()),
        (False, {"work_queue_name": None}, {}, {}, ()),
        (False, {"job_variables": {"env": {"A": "b"}}}, {}, {}, ()),
        (False, {"pull_steps": [{"a": "b"}]}, {}, {}, ()),
        (False, {}, {"is_paused": True}, {}, ()),
        (False, {}, {"concurrency_limit": 3}, {}, ()),
        (False, {}, {}, {"is_paused": True}, ()),
        (False, {}, {}, {"concurrency_limit": 0}, ()),
        (False, {}, {}, {}, (*ENV, {"A": "b"})),
        (False, {}, {}, {}, (*COMMAND, "python -m prefect.engine")),
        (False, {}, {}, {}, (*COMMAND, None)),
        (False, {}, {}, {}, (*COMMAND, "a 'quote that does not end")),
        (False, {}, {}, {}, ("variables", "properties", "working_dir", "default", "/srv")),
        (False, {}, {}, {}, ("job_configuration", "command", "nice {{ command }}")),
        (False, {}, {}, {}, ("job_configuration", "env", {"A": "b"})),
    ],
)
def test_what_an_operator_set_is_the_workers(
    tmp_path: Path, may: bool, deployment: Any, pool: Any, queue: Any, changed: tuple[Any, ...]
) -> None:
    runs = tmp_path / "runs.socket"
    runs.touch()
    made = other(runs, *changed[:-1], value=changed[-1]) if changed else template(runs)
    asked = Asked({**FREE, "base_job_template": made, **pool}, {**FREE, **queue})
    at_once = AtOnce(pool="arcops", runs=runs, log=tmp_path / "log")
    found = asyncio.run(at_once.takes(cast(Any, asked), cast(Any, SimpleNamespace(**{**DEPLOYMENT, **deployment}))))
    assert found is may


def test_without_a_warm_process_nothing_is_asked(tmp_path: Path) -> None:
    at_once = AtOnce(pool="arcops", runs=tmp_path / "runs.socket", log=tmp_path / "log")
    assert asyncio.run(at_once.takes(cast(Any, None), cast(Any, SimpleNamespace(**DEPLOYMENT)))) is False
