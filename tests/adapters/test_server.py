"""``arcops server``: Prefect behind the front, silent, with the tools' long work handed to it; real browser, real processes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from adapters.http.supervised import Supervised, memory_of
from adapters.mcp.client import call
from arcops.request import silent
from arcops.verdict import Verdict
from artifacts.bundle import open_statement
from artifacts.store import Store
from capabilities.model.check import Check, check_model
from capabilities.publishing.receivers import AddReceiver, RemoveReceiver, add_receiver, remove_receiver
from tests.adapters.serving import REPOSITORY, Served, environment, served
from tests.browser import PATIENCE_MS, chromium
from tests.flows.site import now
from tests.hostile_folder import Hostile, as_a_wheel, hostile, told
from tests.migrated import migrated
from tests.models import Bench, bench, good_model
from tests.simulators.otlp import Collected, Spanned, collecting
from tests.simulators.webhook import inbox
from tests.waiting import until

pytestmark = [
    pytest.mark.requirement("ARC-D1/tools-hand-long-work-to-prefect", "BASE-7/metrics-and-probes"),
    pytest.mark.xdist_group("server"),
    pytest.mark.site,
]

PAGES = (
    "dashboard", "runs", "flows", "deployments", "work-pools", "blocks", "blocks/catalog", "variables", "automations",
    "automations/create", "events", "concurrency-limits", "settings", "artifacts",
)  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def otlp() -> Iterator[Collected]:
    with collecting() as one:
        yield one


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    return hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def site(here: Bench, otlp: Collected, repository: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """As somebody runs it who installed it: in a folder of their own, with packages by our names in it."""
    wheel = as_a_wheel(tmp_path_factory.mktemp("installed"))
    env = told(wheel, {**here.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.endpoint})
    migrated(here.home / "prefect")
    with served("server", env=env, program=wheel.command, cwd=repository.folder) as server:
        until(lambda: _ready(server), "everything is ready", log=(here.home / "prefect" / "server.log").read_text)
        worker = here.home / "prefect" / "worker.log"
        until(lambda: "are created" in worker.read_text(), "the deployments are created", log=worker.read_text)
        yield server


@pytest.fixture(scope="module")
def model(here: Bench) -> Path:
    return good_model(here, now=now())


def _ready(server: Served) -> bool:
    try:
        return httpx2.get(f"{server.url}/readyz", timeout=600).status_code == 200
    except httpx2.HTTPError:
        return False


def _password(here: Bench) -> str:
    return (here.home / "prefect" / "auth").read_text().strip()


def test_a_check_over_mcp_is_a_run_of_prefect(site: Served, here: Bench, model: Path) -> None:
    ask = Check(target=model, policy=str(here.policy))
    checked = call(site.mcp, check_model, ask, settings=here.settings, environment={}, stop=threading.Event(), progress=silent)
    assert checked.report.verdict is Verdict.GREEN
    user, _, password = _password(here).partition(":")
    runs = httpx2.post(f"{site.url}/prefect/api/flow_runs/filter", json={}, auth=(user, password)).json()
    (ours,) = [run for run in runs if run["parameters"].get("target") == str(model)]
    assert ours["state"]["name"] == "GREEN"
    notes = list((here.home / "cache" / "tasks").glob("*.json"))
    assert ours["id"] in {note.stem for note in notes}, "the task's id is the run's"
    page = site.get(f"/artifacts/{checked.artifact}").text
    assert f'href="/prefect/runs/flow-run/{ours["id"]}"' in page, "the artifact's page leads to its run"


@pytest.mark.requirement("BASE-10/developer-setup")
def test_the_flow_that_an_editor_starts_is_a_run_of_this_prefect(site: Served, here: Bench, model: Path) -> None:
    """In the process that is debugged, by the launch's own words; its artifact is kept like every other one."""
    launches = json.loads((REPOSITORY / ".vscode" / "launch.json").read_text())["configurations"]
    (launch,) = [one for one in launches if one["name"] == "flow"]
    said = [launch["program"], *launch["args"]]
    words = [one.replace("${workspaceFolder}", str(REPOSITORY)).replace("${input:target}", str(model)) for one in said]
    done = subprocess.run(
        [sys.executable, *words],
        env=environment({**here.environment, "ARCOPS_SERVER": site.url}),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    verdict = done.stdout.partition(":")[0]
    assert verdict in {"GREEN", "AMBER", "RED"}, done.stderr
    assert done.returncode == (3 if verdict == "RED" else 0)
    user, _, password = _password(here).partition(":")
    runs = httpx2.post(f"{site.url}/prefect/api/flow_runs/filter", json={}, auth=(user, password)).json()
    (ours,) = [one for one in runs if one["deployment_id"] is None]
    assert (ours["state"]["name"], ours["parameters"]["target"]) == (verdict, str(model))
    with Store.at(here.settings) as store:
        reports = [open_statement(store.get(one.artifact), [here.signer.public]).statement for one in store.entries()]
    assert any(ours["id"] in one.decode() for one in reports), "the artifact names its run"


@pytest.mark.requirement("ARC-R2/new-artifacts-reach-subscribers")
def test_a_receiver_is_told_by_the_server(site: Served, here: Bench, model: Path) -> None:
    secret = here.home / "hook.secret"
    secret.write_text("a-secret-of-twenty-four-bytes-or-more")
    secret.chmod(0o600)
    with inbox() as box:
        ask = AddReceiver(name="hook", address=box.url, secret=f"file:{secret}")
        add_receiver(ask, replace(here.place(now=now()), own=True))
        told = len(box.took)
        checked = call(
            site.mcp,
            check_model,
            Check(target=model, policy=str(here.policy)),
            settings=here.settings,
            environment={},
            stop=threading.Event(),
            progress=silent,
        )
        until(lambda: len(box.took) > told, "the receiver is told", log=lambda: str(box.took))
        assert checked.artifact in {one["data"]["artifact"] for one in box.took}
        remove_receiver(RemoveReceiver(name="hook"), replace(here.place(now=now()), own=True))


@pytest.mark.requirement("BASE-7/traces-cross-processes")
def test_the_run_is_part_of_the_trace_and_the_log_of_the_call(site: Served, here: Bench, otlp: Collected, model: Path) -> None:
    ask = Check(target=model, policy=str(here.policy))
    checked = call(site.mcp, check_model, ask, settings=here.settings, environment={}, stop=threading.Event(), progress=silent)

    def ours() -> list[dict[str, object]]:
        return [line for line in map(json.loads, filter(None, site.log)) if line.get("artifact") == checked.artifact]

    (line,) = until(ours, "the line about the artifact")
    assert (line["message"], line["verdict"]) == ("tool check_model: answered", "GREEN")

    def of_the_run(spans: Sequence[Spanned]) -> Spanned | None:
        return next(
            (one for one in spans if one.name == "flow readiness" and one.attributes["arcops.run.id"] == line["run"]), None
        )

    # Two processes send them, each in its own time.
    spans = otlp.until(lambda spans: (flow := of_the_run(spans)) is not None and any(one.id == flow.parent for one in spans))
    flow = of_the_run(spans)
    assert flow is not None
    (begun,) = [one for one in spans if one.id == flow.parent]
    assert (begun.name, begun.trace) == ("tools/call", flow.trace)
    below = {one.name for one in spans if one.parent == flow.id}
    assert {f"gate {one.gate}" for one in checked.report.results} <= below
    assert {f"collector {one.collector}" for one in checked.report.evidence} <= below
    assert "/" not in "".join(value for one in spans if one.trace == flow.trace for value in one.attributes.values())


def test_nothing_of_the_folder_it_was_started_in_was_run(site: Served, repository: Hostile, here: Bench, model: Path) -> None:
    """After a check that a worker's run made: server, worker, run and collector were all begun by then."""
    ask = Check(target=model, policy=str(here.policy))
    checked = call(site.mcp, check_model, ask, settings=here.settings, environment={}, stop=threading.Event(), progress=silent)
    assert "sboms" in {one.collector for one in checked.report.evidence}
    assert repository.ran() == []


def test_prefects_server_holds_no_passphrase_and_the_worker_hides_it(site: Served) -> None:
    (server,) = _children(site.process.pid, "server start")
    said = Path(f"/proc/{server}/environ").read_bytes()
    assert b"PREFECT_SERVER_API_AUTH_STRING=" in said
    assert b"ARCOPS_" not in said
    (worker,) = _children(site.process.pid, "worker")
    for process in (site.process.pid, worker):
        assert Path(f"/proc/{process}/environ").stat().st_uid == 0, "the kernel shows it to root alone"
        assert Path(f"/proc/{process}/cwd").readlink() != Path(f"/proc/{server}/cwd").readlink()


def test_its_processes_are_measured(site: Served) -> None:
    said = site.get("/metrics").text
    for process in ("Prefect's server", "Prefect's worker"):
        assert f'arcops_process_restarts_total{{process="{process}"}} 0.0' in said
    assert 'arcops_ready{part="prefect"} 1.0' in said


def test_its_api_takes_the_password_and_is_served_nowhere_else(site: Served, here: Bench) -> None:
    assert httpx2.post(f"{site.url}/prefect/api/flow_runs/filter", json={}).status_code == 401
    assert httpx2.post(f"{site.url}/prefect/api/flow_runs/filter", json={}, auth=("arcops", "x")).status_code == 401
    assert (here.home / "prefect" / "auth").stat().st_mode & 0o077 == 0
    settings = httpx2.get(f"{site.url}/prefect/ui-settings").json()
    assert settings["api_url"] == f"{site.url}/prefect/api"
    assert settings["auth"] == "BASIC"
    for path in ("/prefect/ui-settings", "/prefect/api/health"):
        assert httpx2.get(site.url + path, headers={"host": "evil.example"}).status_code == 421
        assert httpx2.get(site.url + path, headers={"origin": "https://evil.example"}).status_code == 403


class TestPages:
    def test_no_page_of_prefect_reaches_anybody(self, site: Served, here: Bench) -> None:
        """Every name but ours leads the browser to a listener of this test, which no page may reach."""
        with listener() as (port, reached), browser(port) as page:
            tried: list[str] = []
            page.on("request", lambda request: tried.append(request.url))
            password = base64.b64encode(_password(here).encode()).decode()
            page.add_init_script(f"localStorage.setItem('prefect-password', '{password}')")
            for version in ("", "v2/"):
                for name in PAGES:
                    page.goto(f"{site.url}/prefect/{version}{name}")
                    page.wait_for_load_state("networkidle")
            page.goto(f"{site.url}/prefect/v2/deployments")
            until(lambda: _shows(page, "account-for-run"), "the deployments are shown to who has the password")
            outside = {url for url in tried if not url.startswith((site.url, "blob:", "data:"))}
            assert outside, "Prefect's pages no longer try: then nothing is shown here, and the policy may be too strict"
            assert reached - CHROMIUMS_OWN == set()

    def test_the_listener_would_have_noticed(self, site: Served) -> None:
        with listener() as (port, reached), browser(port) as page:
            page.goto(f"{site.url}/livez")
            with pytest.raises(Exception, match="net::ERR"):
                page.goto("http://somebody.example/")
            until(lambda: "somebody.example" in reached, "the listener hears of it")


CHROMIUMS_OWN = {
    "accounts.google.com",
    "android.clients.google.com",
    "clients2.google.com",
    "content-autofill.googleapis.com",
    "mtalk.google.com",
    "optimizationguide-pa.googleapis.com",
    "redirector.gvt1.com",
    "update.googleapis.com",
    "www.google.com",
}
"""Hosts that the browser itself contacts, also with an empty page open; this test is about the hosts that pages contact."""


@contextmanager
def listener() -> Iterator[tuple[int, set[str]]]:
    """A port that takes any connection, and notes the host that was meant: the name in a TLS greeting, or in a request."""
    reached: set[str] = set()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closing = threading.Event()

        def listen() -> None:
            while True:
                connection, _ = listening.accept()
                if closing.is_set():
                    connection.close()
                    return
                with connection:
                    connection.settimeout(5)
                    with suppress(OSError):
                        said = connection.recv(4096)
                        reached.add(_meant_for(said) or f"no host named: {said[:20]!r}")

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listening.getsockname()[1], reached
        finally:
            closing.set()
            socket.create_connection(listening.getsockname()).close()
            thread.join()


def _meant_for(said: bytes) -> str:
    """The host in a TLS greeting (server_name, RFC 6066, section 3: a zero, two bytes of length, the name), or in a request."""
    if found := re.search(rb"\r\nHost: ([^\r:]+)", said):
        return found[1].decode()
    for at in range(len(said) - 3):
        name = said[at + 3 : at + 3 + int.from_bytes(said[at + 1 : at + 3])]
        if said[at] == 0 and re.fullmatch(rb"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
            return name.decode()
    return ""


@contextmanager
def browser(port: int) -> Iterator[Page]:
    """Chromium for which every host but loopback is the listener at *port*."""
    with chromium(f"--host-resolver-rules=MAP * 127.0.0.1:{port}, EXCLUDE 127.0.0.1") as started:
        page = started.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page


def _shows(page: Page, words: str) -> bool:
    """Does the page show *words* soon? If not it is asked for once more: on SQLite the API may have been busy."""
    try:
        page.wait_for_selector(f"text={words}", timeout=5000)
    except PlaywrightTimeoutError:
        page.reload()
        return False
    return True


class TestTheProcesses:
    def test_a_server_that_falls_is_begun_again(self, site: Served, here: Bench) -> None:
        (server,) = _children(site.process.pid, "server start")
        os.kill(server, signal.SIGKILL)
        until(lambda: _children(site.process.pid, "server start") not in ([], [server]), "it is begun again")
        until(lambda: _ready(site), "it answers again")

    def test_probes_name_what_the_work_stands_on(self, site: Served) -> None:
        said = httpx2.get(f"{site.url}/readyz").json()
        assert set(said["parts"]) >= {"prefect", "worker"}
        assert httpx2.get(f"{site.url}/livez", headers={"host": "10.0.0.7:8420"}).status_code == 200

    def test_memory_is_counted_with_the_children(self, site: Served) -> None:
        assert memory_of(site.process.pid) > memory_of(_children(site.process.pid, "server start")[0]) > 0


def test_what_takes_too_much_memory_is_begun_again(tmp_path: Path) -> None:
    greedy = Supervised(
        name="the greedy one",
        command=(sys.executable, "-c", "held = bytearray(300 << 20); import time; time.sleep(600)"),
        environment={},
        log=tmp_path / "log",
        ceiling=100 << 20,
        ready=lambda: True,
    )

    async def watch() -> None:
        async with greedy.running():
            while not greedy.restarts:
                await asyncio.sleep(0.05)
            assert "more than its limit of 104857600" in greedy.said

    asyncio.run(asyncio.wait_for(watch(), 240))
    assert _children(os.getpid(), "held = bytearray") == []


def _children(parent: int, words: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if above == parent and words in command:
            found.append(int(entry.name))
    return found


def test_nothing_is_left_when_the_server_is_killed(tmp_path: Path) -> None:
    here = bench(tmp_path)
    with served("server", "--no-worker", env=here.environment) as server:
        (child,) = until(lambda: _children(server.process.pid, "server start"), "Prefect's server is begun")
        server.process.kill()
        until(lambda: not Path(f"/proc/{child}").exists() or _zombie(child), "Prefect's server goes with it")


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_what_would_open_it_or_call_out_is_not_taken_from_outside(tmp_path: Path) -> None:
    from adapters.http.prefect import server_environment
    from adapters.http.prefect import site as place

    where = place(tmp_path, 4200, "http://127.0.0.1:8420", {})
    told = server_environment(where, {"PREFECT_SERVER_ANALYTICS_ENABLED": "true", "PREFECT_API_AUTH_STRING": "a:b"})
    assert told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert told["DO_NOT_TRACK"] == "1"
    assert told["PREFECT_SERVER_API_AUTH_STRING"] == where.password
    assert "PREFECT_API_AUTH_STRING" not in told
    assert place(tmp_path, 4200, "http://127.0.0.1:8420", {}).password == where.password
    assert json.dumps(told)
