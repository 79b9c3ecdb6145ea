"""What one caller began, no other caller sees: sessions of 2025-11-25, and tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from adapters.mcp.names import TASKS
from tests.adapters.serving import Served, served
from tests.models import bench
from tests.simulators.issuer import Issuer, issuing

pytestmark = [pytest.mark.requirement("ARC-3/callers-are-identified"), pytest.mark.xdist_group("owners")]

AUDIENCE = "https://arcops.example/mcp"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Issuer]]:
    here = bench(tmp_path_factory.mktemp("owners"))
    with issuing() as issuer:
        more = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_ROOTS": str(here.home)}
        with served("mcp", "--http", env={**here.environment, **more}) as server:
            yield server, issuer


def client(site: tuple[Served, Issuer], name: str) -> httpx2.Client:
    claims = {"aud": AUDIENCE, "sub": name, "exp": time.time() + 600, "scope": "arcops:read arcops:check"}
    headers = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {site[1].token(**claims)}"}
    return httpx2.Client(headers=headers, timeout=600)


def test_a_session_answers_only_to_who_opened_it(site: tuple[Served, Issuer]) -> None:
    url = site[0].mcp
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    with client(site, "ada") as ada, client(site, "bob") as bob, client(site, "ada") as ada_again:
        opened = ada.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about})
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        assert ada.post(url, json=ping, headers=session).status_code == 200
        assert bob.post(url, json=ping, headers=session).status_code == 404
        assert bob.delete(url, headers=session).status_code == 404
        assert ada_again.post(url, json=ping, headers=session).status_code == 200


def test_a_task_is_there_only_for_who_began_it(site: tuple[Served, Issuer]) -> None:
    def ask(by: httpx2.Client, method: str, named: str, **params: Any) -> Any:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
        }
        headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": method, "mcp-name": named}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        return by.post(site[0].mcp, json=body, headers=headers).json()

    with client(site, "ada") as ada, client(site, "bob") as bob:
        task = ask(ada, "tools/call", "check_store", name="check_store", arguments={"keys": []})["result"]["taskId"]
        assert ask(ada, "tasks/get", task, taskId=task)["result"]["taskId"] == task
        for method in ("tasks/get", "tasks/cancel"):
            assert ask(bob, method, task, taskId=task)["error"]["code"] == -32602
