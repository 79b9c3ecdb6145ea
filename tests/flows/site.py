"""A whole site on one machine: Prefect's server with its services, our deployments and automations, a worker, and a bench."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from arcops.result import Report
from artifacts.index import Filter, Listed
from artifacts.store import Store, object_path
from tests.models import Bench, bench
from tests.postgres import free_port
from tests.waiting import until

HOUSE = Path(__file__).resolve().parents[2]
PATIENT, IMPATIENT = 900, 10
"""Seconds of silence after which a run is lost. The second is the shortest that Prefect's triggers know."""

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
    worker: subprocess.Popen[bytes] | None = field(default=None)

    def prefect(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *words],
            env=self.environment, cwd=HOUSE, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    def arcops(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "adapters.cli", *words],
            env=self.environment, cwd=HOUSE, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    def python(self, program: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", program], env=self.environment, cwd=HOUSE, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def silence(self, seconds: int) -> None:
        """Put the automations, with so much patience."""
        self.python(
            "import asyncio; from datetime import timedelta; from flows.prefect.automations import apply; "
            f"asyncio.run(apply(silence=timedelta(seconds={seconds})))"
        )

    def start_worker(self) -> None:
        with (self.folder / "worker.log").open("a") as out:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "prefect", "worker", "start", "--pool", "arcops", "--type", "process"],
                env=self.environment, cwd=self.folder, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def kill_worker(self) -> None:
        """The worker and every process that it started, at once and without warning."""
        assert self.worker is not None
        for pid in _session(self.worker.pid):
            os.kill(pid, signal.SIGKILL)
        self.worker.wait()
        self.worker = None

    def run(self, deployment: str, *, watch: bool = False, **parameters: str) -> subprocess.CompletedProcess[str]:
        given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
        return self.prefect("deployment", "run", deployment, *given, *(["--watch"] if watch else []))

    def begin(self, deployment: str, **parameters: str) -> str:
        """Begin a run and give its id."""
        done = self.run(deployment, **parameters)
        assert done.returncode == 0, done.stdout + done.stderr
        return next(line.split()[-1] for line in done.stdout.splitlines() if "UUID" in line)

    def ask(self, path: str, body: object = None) -> Any:  # JSON as Prefect answers it
        return self._answer("GET" if body is None else "POST", path, body).json()

    def change(self, path: str, changes: object) -> None:
        self._answer("PATCH", path, changes)

    def _answer(self, method: str, path: str, body: object) -> httpx.Response:
        """The API's answer. On SQLite it says 503 while another writes, and every client of Prefect asks again then."""

        def asked() -> httpx.Response | None:
            answer = httpx.request(method, self.api + path, json=body, timeout=120)
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
def site(folder: Path, database: str) -> Iterator[Site]:
    """Everything up: the server answers, deployments and automations are put, and a worker runs."""
    port = free_port()
    here = bench(folder)
    api = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ, **here.environment, **QUICK, "OPENBLAS_NUM_THREADS": "1",
        "PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": api, "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_SERVER_UI_ENABLED": "false",
        "PYTHONPATH": str(HOUSE), "ARCOPS_ROOTS": str(folder), "ARCOPS_PUBLIC_URL": "https://arcops.example",
    }  # fmt: skip
    if database:
        environment["PREFECT_API_DATABASE_CONNECTION_URL"] = database
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "server.log"
    with log.open("w") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as server:
        found = Site(api=api, environment=environment, bench=here, folder=folder)
        try:
            until(lambda: _answers(api, server), "Prefect's server", seconds=120, log=log.read_text)
            for words in (("work-pool", "create", "arcops", "--type", "process"), ("deploy", "--all")):
                done = found.prefect(*words)
                assert done.returncode == 0, done.stdout + done.stderr
            found.silence(PATIENT)
            found.start_worker()
            yield found
        finally:
            if found.worker is not None:
                found.kill_worker()
            server.terminate()


def _answers(api: str, server: subprocess.Popen[bytes]) -> bool:
    if server.poll() is not None:
        pytest.fail("Prefect's server ended")
    try:
        return httpx.get(f"{api}/health", timeout=2).is_success
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
