"""A whole site on one machine: Prefect's server with its services, our deployments and automations, a worker, and a bench."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.http.serve import reserved_port
from adapters.http.worker import template
from arcops.result import Report
from artifacts.index import Filter, Listed
from artifacts.objects import object_path
from artifacts.store import Store
from flows.prefect.quiet import QUIET
from foundation.processes.starting import python
from tests.migrated import keep_migrated, migrated
from tests.models import Bench, bench
from tests.waiting import until

HOUSE = Path(__file__).resolve().parents[2]
PATIENT, IMPATIENT = 900, 10
"""Seconds of silence after which a run is lost. The second is the shortest that Prefect's triggers know."""

_ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

QUICK = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
    "PREFECT_SERVER_SERVICES_SCHEDULER_DEPLOYMENT_LOOP_SECONDS": "2",
    "PREFECT_SERVER_SERVICES_TRIGGERS_PG_NOTIFY_RECONNECT_INTERVAL_SECONDS": "1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_RUNNER_POLL_FREQUENCY": "1",
}


@dataclass
class Site:
    """``environment`` is that of everything at the site; ``bench`` the one whose store and key the worker uses."""

    api: str
    environment: dict[str, str]
    bench: Bench
    folder: Path
    client: httpx.Client
    worker: subprocess.Popen[bytes] | None = field(default=None)

    def prefect(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *words],
            env=self.environment, cwd=HOUSE, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip

    def arcops(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "adapters.cli", *words],
            env=self.environment, cwd=HOUSE, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip

    def silence(self, seconds: int) -> None:
        """Put the automations, with so much patience."""
        with reaching(self.api):
            from flows.prefect.automations import apply

            asyncio.run(apply(silence=timedelta(seconds=seconds)))

    def switch_schedules_off(self) -> None:
        """What a test sees must not depend on the minute of the hour: each run is one that a test began."""
        for deployment in self.ask("/deployments/filter", {}):
            for one in deployment["schedules"]:
                self.change(f"/deployments/{deployment['id']}/schedules/{one['id']}", {"active": False})

    def start_worker(self) -> None:
        with (self.folder / "worker.log").open("a") as out:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "prefect", "worker", "start", "--pool", "arcops", "--type", "process"],
                env=self.environment, cwd=self.folder, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def kill_worker(self) -> None:
        """The worker, if there is one, and every process that it started, at once and without warning."""
        if self.worker is None:
            return
        for pid in _session(self.worker.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.worker.wait()
        self.worker = None

    def run(self, deployment: str, **parameters: str) -> subprocess.CompletedProcess[str]:
        """A run as a person begins it at the command line and watches it to its end."""
        given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
        return self.prefect("deployment", "run", deployment, *given, "--watch")

    def begin(self, deployment: str, **parameters: object) -> str:
        """Begin a run and give its id."""
        found = self.ask(f"/deployments/name/{deployment}")["id"]
        return str(self.ask(f"/deployments/{found}/create_flow_run", {"parameters": parameters})["id"])

    def finish(self, run: str) -> tuple[str, str]:
        """Name and type of the state in which *run* ends."""

        def ended() -> tuple[str, str] | None:
            state = self.ask(f"/flow_runs/{run}")["state"] or {}
            return (state["name"], state["type"]) if state.get("type") in _ENDS else None

        found = until(ended, f"the run {run} ends", log=self.log)
        assert found is not None
        return found

    def cancel(self, run: str) -> None:
        """What `prefect flow-run cancel` asks for."""
        done = self.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        assert done["status"] == "ACCEPT", done
        until(lambda: self.state(run) == "Cancelled", f"the run {run} is cancelled", log=self.log)

    def ask(self, path: str, body: object = None) -> Any:  # JSON as Prefect answers it
        return self._answer("GET" if body is None else "POST", path, body).json()

    def change(self, path: str, changes: object) -> None:
        self._answer("PATCH", path, changes)

    def remove(self, path: str) -> None:
        self._answer("DELETE", path, None)

    def _answer(self, method: str, path: str, body: object) -> httpx.Response:
        """The API's answer. On SQLite it says 503 while another writes, and every client of Prefect asks again then."""

        def asked() -> httpx.Response | None:
            answer = self.client.request(method, self.api + path, json=body)
            return None if answer.status_code == 503 else answer

        answer = until(asked, f"{method} {path}", log=self.log)
        assert answer is not None
        answer.raise_for_status()
        return answer

    def state(self, run: str) -> str:
        state = self.ask(f"/flow_runs/{run}")["state"]
        return str(state["name"]) if state else "none"

    def kept(self, subject: str) -> tuple[Listed, ...]:
        with Store(self.bench.settings.store) as store:
            return store.list(Filter(subject=subject))

    def report(self, listed: Listed) -> Report:
        return self.bench.open(object_path(self.bench.settings.store, listed.artifact))

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()[-4000:]


@contextmanager
def reaching(api: str, *, retries: int = 5) -> Iterator[None]:
    """Prefect's API at *api* for what this process asks, whatever it asked before: Prefect reads its environment only once."""
    from flows.prefect.api import PrefectClient  # before Prefect itself, which must be told first not to call out

    assert PrefectClient
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    with temporary_settings({PREFECT_API_URL: api, PREFECT_CLIENT_MAX_RETRIES: retries}):
        yield


@contextmanager
def site(folder: Path, database: str = "") -> Iterator[Site]:
    """Everything up: the server answers, deployments and automations are put, and a worker runs.

    On *database* as any user of Prefect puts it up, with a process for each run. On SQLite as ``arcops server`` does: its runs
    are handed to a process that is warm.
    """
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        here = bench(folder)
        api = f"http://127.0.0.1:{port}/api"
        home = folder / "prefect"
        environment = {
            **os.environ, **here.environment, **QUICK, **QUIET, "OPENBLAS_NUM_THREADS": "1",
            "PREFECT_HOME": str(home), "PREFECT_API_URL": api, "PREFECT_SERVER_UI_ENABLED": "false",
            "PYTHONPATH": str(HOUSE), "ARCOPS_ROOTS": str(folder), "ARCOPS_PUBLIC_URL": "https://arcops.example",
            "ARCOPS_SITE": "lab",
        }  # fmt: skip
        if database:
            environment["PREFECT_API_DATABASE_CONNECTION_URL"] = database
        else:
            migrated(home)
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        log = folder / "server.log"
        out = stack.enter_context(log.open("w"))
        server = stack.enter_context(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
        stack.callback(server.terminate)
        client = stack.enter_context(httpx.Client(timeout=120, trust_env=False))
        until(lambda: _answers(api, client, server), "Prefect's server", log=log.read_text)
        found = Site(api=api, environment=environment, bench=here, folder=folder, client=client)
        if database:
            found.ask("/work_pools/", {"name": "arcops", "type": "process"})
            with reaching(api):
                asyncio.run(_put())
        else:
            keep_migrated(home)
            runs = home / "runs.socket"
            found.ask("/work_pools/", {"name": "arcops", "type": "process", "base_job_template": template(runs)})
            warm = stack.enter_context(
                subprocess.Popen(
                    python("foundation.processes.warm", str(runs), "prefect.engine", "flows.prefect.warm"),
                    env=environment, cwd=folder, stdout=out, stderr=out, start_new_session=True,
                )
            )  # fmt: skip
            stack.callback(warm.terminate)
            done = found.prefect("deploy", "--all")
            assert done.returncode == 0, done.stdout + done.stderr
            until(runs.exists, "the process for the runs is warm", log=log.read_text)
        found.switch_schedules_off()
        found.silence(PATIENT)
        found.start_worker()
        stack.callback(found.kill_worker)
        yield found


async def _put() -> None:
    from flows.prefect import put

    plan = await put.compare((HOUSE / "prefect.yaml").read_text())
    await put.create(plan.missing)


def _answers(api: str, client: httpx.Client, server: subprocess.Popen[bytes]) -> bool:
    if server.poll() is not None:
        pytest.fail("Prefect's server ended")
    try:
        return client.get(f"{api}/health").is_success
    except httpx.HTTPError:
        return False


def _session(leader: int) -> list[int]:
    """Every process in the session that *leader* leads, and their children that left it."""
    parents: dict[int, int] = {}
    found = {leader}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            if int(fields[3]) == leader:
                found.add(int(entry.name))
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return sorted(found)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
