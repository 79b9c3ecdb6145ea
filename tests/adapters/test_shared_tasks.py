"""A long call that one instance works on, asked for at another: its state, its result, its stop, and the end of its host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from adapters.mcp.app import over_http, owner, shared_tasks
from adapters.mcp.names import TASKS
from adapters.mcp.server import build
from adapters.mcp.shared_tasks import SharedTasks
from arcops.errors import Refused, Stopped
from arcops.tier import Tier
from capabilities.contract import Scope, tool
from capabilities.work import Work
from flows.place import Place
from foundation.database.address import read_address
from foundation.database.engine import Database, connected
from foundation.database.migrating import ready
from foundation.database.tasks import TaskRows
from foundation.identity.accepting import Accepting
from foundation.settings import read_settings
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.adapters.test_sessions import Believing
from tests.waiting import until

pytestmark = [pytest.mark.requirement("BASE-1/sessions-resume"), pytest.mark.xdist_group("sessions")]

LET_GO = threading.Event()


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word."""

    word: str = ""


@tool(title="Wait", scope=Scope.READ, long=True)
def wait_long(ask: Word, at: Place) -> Word:
    """Wait until the test lets go, and answer the same word."""
    while not LET_GO.wait(0.01):
        if at.stop.is_set():
            raise Stopped("stopped")
    return Word(word=ask.word)


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@dataclass
class Pair:
    urls: list[str]
    shared: list[SharedTasks]
    database: Database
    client: httpx2.Client

    def ask(self, at: int, method: str, who: str = "t/ada", **params: Any) -> Any:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
        }
        named = str(params.get("name") or params.get("taskId"))
        headers = {
            "accept": "application/json, text/event-stream", "authorization": f"Bearer {who}",
            "mcp-protocol-version": "2026-07-28", "mcp-method": method, "mcp-name": named,
        }  # fmt: skip
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        return self.client.post(self.urls[at], json=message, headers=headers).json()

    def begin(self, at: int = 0) -> str:
        return str(self.ask(at, "tools/call", name="wait_long", arguments={"word": "here"})["result"]["taskId"])

    def state(self, at: int, task: str) -> Any:
        return self.ask(at, "tasks/get", taskId=task)["result"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    address = read_address(f"sqlite:///{tmp_path_factory.mktemp('shared')}/arcops.sqlite")
    with ExitStack() as held:
        urls, shared = [], []
        for name in ("one", "two"):
            settings = read_settings({"ARCOPS_HOME": str(tmp_path_factory.mktemp(name))})
            place = Place(settings=settings, now=lambda: datetime.now(UTC), signer=_nothing, secret=_nothing, roots=())
            door = replace(door_for(), accepting=cast(Accepting, Believing()))
            work = Work(long=2)
            known = SharedTasks(lambda: TaskRows(ready(connected(address, Tier.AIR_GAPPED))), every=3600)
            server = build((wait_long,), place, work, owner=owner, hide=True, shared=known)
            found = over_http(server, work, resource="http://127.0.0.1/mcp", door=door, shared=known)
            app = Starlette(routes=found.routes, lifespan=lambda _, found=found: found.running)  # type: ignore[misc]
            urls.append(f"http://127.0.0.1:{held.enter_context(loopback(app, lifespan='on'))}/mcp")
            shared.append(known)
        database = held.enter_context(ready(connected(address, Tier.AIR_GAPPED)))
        client = held.enter_context(httpx2.Client(timeout=600, trust_env=False))
        yield Pair(urls, shared, database, client)
        LET_GO.set()


@pytest.fixture(autouse=True)
def held_back() -> Iterator[None]:
    LET_GO.clear()
    yield
    LET_GO.set()


def test_another_instance_tells_the_state_and_the_result(pair: Pair) -> None:
    task = pair.begin()
    assert pair.state(0, task)["status"] == "working"
    far = pair.state(1, task)
    assert (far["status"], far["taskId"]) == ("working", task)
    LET_GO.set()
    until(lambda: pair.state(1, task)["status"] != "working", "the task ended")
    far = pair.state(1, task)
    assert far["status"] == "completed"
    assert far["result"]["structuredContent"] == {"word": "here"}
    assert pair.state(0, task)["result"] == far["result"]


@pytest.mark.parametrize("who", ["t/bob", "u/ada"])
def test_another_caller_is_told_of_no_task(pair: Pair, who: str) -> None:
    task = pair.begin()
    for at in (0, 1):
        for method in ("tasks/get", "tasks/cancel", "tasks/update"):
            answer = pair.ask(at, method, who, taskId=task)
            assert f"there is no task '{task}'" in answer["error"]["message"], (at, method)
    assert "there is no task" in pair.ask(1, "tasks/get", taskId="none")["error"]["message"]
    assert pair.state(1, task)["status"] == "working"


def test_another_instance_stops_it(pair: Pair) -> None:
    task = pair.begin()
    assert "error" not in pair.ask(1, "tasks/cancel", taskId=task)
    pair.shared[0].look()
    until(lambda: pair.state(1, task)["status"] != "working", "the task ended")
    assert pair.state(1, task)["status"] == "cancelled"


def test_a_task_whose_host_is_gone_has_failed(pair: Pair) -> None:
    task = pair.begin()
    with pair.database.writing() as connection:
        connection.execute(text("UPDATE arcops_task SET alive = 1 WHERE id = :id"), {"id": task})
    far = pair.state(1, task)
    assert far["status"] == "failed"
    assert "call the tool again" in far["error"]["message"]
    pair.shared[0].look()
    assert pair.state(1, task)["status"] == "working", "it was only late"


def test_instances_share_tasks_if_they_share_a_server(tmp_path: Path) -> None:
    environment = {"ARCOPS_HOME": str(tmp_path), "ARCOPS_TIER": "restricted"}
    assert shared_tasks(read_settings(environment)) is None
    server = {"ARCOPS_DATABASE": "postgresql+psycopg://arcops@db.example.org/arcops"}
    assert shared_tasks(read_settings({**environment, **server})) is not None
