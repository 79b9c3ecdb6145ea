"""The fixture of the conformance suite starts and serves both eras, so that it cannot rot; and tasks keep to their rules.

The suite itself takes Node and minutes (`make conformance`); this takes neither.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client

from adapters.mcp.client import call
from adapters.mcp.names import TASKS
from arcops.errors import Broken, Refused
from arcops.request import silent
from capabilities.catalogue import all_tools
from capabilities.contract import Tool
from foundation.settings import read_settings
from tests.adapters.serving import Served, served
from tests.conformance.everything import OFFERED
from tests.conformance.working import WORKING, Nothing, failing_job, protocol_error_job, slow_compute

pytestmark = [pytest.mark.requirement("BASE-1/passes-the-conformance-suite"), pytest.mark.xdist_group("conformance")]

ERAS = ("2026-07-28", "legacy")
WITH_TASKS = {"elicitation": {}, "extensions": {TASKS: {}}}


@pytest.fixture(scope="module")
def fixture() -> Iterator[Served]:
    with served(module="tests.conformance.everything", env={}) as server:
        yield server


def post(server: Served, method: str, params: dict[str, Any], able: dict[str, Any], **headers: str) -> httpx2.Response:
    """One request of 2026-07-28 as a client sends it, with *headers* in place of what it would say."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": able,
    }
    named = str(params.get("name") or params.get("taskId") or "")
    usual = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **({"mcp-name": named} if named else {}),
    }
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": meta}}
    sent = {name: value for name, value in (usual | headers).items() if value}
    return httpx2.post(server.mcp, json=body, headers=sent, timeout=600)


def begin(server: Served, tool: Tool[Any, Any], **arguments: Any) -> str:
    answer = post(server, "tools/call", {"name": tool.name, "arguments": arguments}, WITH_TASKS).json()["result"]
    assert answer["resultType"] == "task"
    return str(answer["taskId"])


def state(server: Served, task: str) -> dict[str, Any]:
    answer: dict[str, Any] = post(server, "tasks/get", {"taskId": task}, WITH_TASKS).json()["result"]
    return answer


def ended(server: Served, task: str) -> dict[str, Any]:
    for _ in range(1000):
        found = state(server, task)
        if found["status"] not in ("working", "input_required"):
            return found
    raise AssertionError(f"the task is still {found['status']}")


def remotely(server: Served, tool: Tool[Any, Any], ask: Any, folder: Path) -> Any:
    settings = read_settings({"ARCOPS_HOME": str(folder)})
    return call(server.mcp, tool, ask, settings=settings, environment={}, stop=threading.Event(), progress=silent)


class TestServed:
    @pytest.mark.parametrize("era", ERAS)
    def test_its_own_beside_ours(self, fixture: Served, era: str) -> None:
        async def ask() -> None:
            async with Client(fixture.mcp, mode=era) as client:
                names = [one.name for one in (await client.list_tools()).tools]
                assert names == [*(one.name for one in (*all_tools(), *WORKING)), "find_tools", "use_tool", *OFFERED]
                (text,) = (await client.call_tool("test_simple_text", {})).content
                assert text.text.startswith("This is a simple text")
                ours = await client.call_tool("explain_rule", {"name": "integrity"})
                assert ours.structured_content["gates"][0]["gate"] == "integrity"
                (binary,) = (await client.read_resource("test://static-binary")).contents
                assert binary.mime_type == "image/png"
                prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": "x", "arg2": "y"})
                assert "arg1='x', arg2='y'" in prompt.messages[0].content.text
                done = await client.call_tool("slow_compute", {"seconds": 0, "label": "quick"})
                assert done.structured_content == {"said": "quick: 0.0 seconds"}

        asyncio.run(ask())

    @pytest.mark.parametrize("era", ERAS)
    def test_it_asks_its_client(self, fixture: Served, era: str) -> None:
        async def answer(ctx: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
            return types.ElicitResult(action="accept", content={"name": "Ada", "username": "ada", "email": "a@example.org"})

        async def ask() -> Any:
            async with Client(fixture.mcp, mode=era, elicitation_callback=answer) as client:
                if era == "legacy":
                    return await client.call_tool("test_elicitation", {"message": "who?"})
                return await client.call_tool("test_input_required_result_elicitation", {})

        said = asyncio.run(ask()).content[0].text
        assert ("ada" if era == "legacy" else "Hello, Ada!") in said

    def test_state_that_was_changed_on_the_way(self, fixture: Served) -> None:
        name = "test_input_required_result_tampered_state"
        first = post(fixture, "tools/call", {"name": name, "arguments": {}}, WITH_TASKS).json()["result"]
        given = {"name": name, "arguments": {}, "inputResponses": {"confirm": {"action": "accept", "content": {"ok": True}}}}
        sealed = first["requestState"]
        kept = post(fixture, "tools/call", {**given, "requestState": sealed}, WITH_TASKS).json()
        assert kept["result"]["content"][0]["text"] == "state-ok"
        changed = sealed[:-1] + ("A" if sealed[-1] != "A" else "B")
        assert post(fixture, "tools/call", {**given, "requestState": changed}, WITH_TASKS).json()["error"]["code"] == -32602
        other = {**given, "name": "test_input_required_result_request_state", "requestState": sealed}
        assert post(fixture, "tools/call", other, WITH_TASKS).json()["error"]["code"] == -32602


class TestTasks:
    """The rules of the extension, on `adapters/mcp/tasks.py`."""

    @pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
    def test_only_for_clients_that_declare_them(self, fixture: Served, method: str) -> None:
        task = begin(fixture, slow_compute, seconds=0)
        answer = post(fixture, method, {"taskId": task}, {})
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"] == -32021
        assert TASKS in error["data"]["requiredCapabilities"]["extensions"]
        assert "result" in post(fixture, method, {"taskId": task}, WITH_TASKS).json()

    @pytest.mark.parametrize("name", ["", "another", "=?base64?!?="])
    def test_the_header_must_name_the_task(self, fixture: Served, name: str) -> None:
        task = begin(fixture, slow_compute, seconds=0)
        answer = post(fixture, "tasks/get", {"taskId": task}, WITH_TASKS, **{"mcp-name": name})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == -32020

    def test_a_task_that_there_is_not(self, fixture: Served) -> None:
        assert post(fixture, "tasks/get", {"taskId": "none"}, WITH_TASKS).json()["error"]["code"] == -32602

    def test_not_in_the_earlier_era(self, fixture: Served) -> None:
        headers = {"accept": "application/json, text/event-stream"}
        about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        with httpx2.Client(headers=headers, timeout=30) as client:
            first = client.post(fixture.mcp, json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about})
            client.headers.update({"mcp-session-id": first.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"})
            client.post(fixture.mcp, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
            asked = {"jsonrpc": "2.0", "id": 2, "method": "tasks/get", "params": {"taskId": "x"}}
            assert '"code":-32601' in client.post(fixture.mcp, json=asked).text

    def test_an_error_of_the_tool_is_a_result_and_a_break_of_the_server_none(self, fixture: Served, tmp_path: Path) -> None:
        failed = ended(fixture, begin(fixture, failing_job))
        assert (failed["status"], failed["result"]["isError"]) == ("completed", True)
        broken = ended(fixture, begin(fixture, protocol_error_job))
        assert (broken["status"], broken["error"]["code"]) == ("failed", -32603)
        assert "result" not in broken
        with pytest.raises(Refused, match="always fails"):
            remotely(fixture, failing_job, Nothing(), tmp_path)
        with pytest.raises(Broken, match="always breaks"):
            remotely(fixture, protocol_error_job, Nothing(), tmp_path)

    def test_a_stop_ends_it_as_cancelled(self, fixture: Served) -> None:
        task = begin(fixture, slow_compute, seconds=60)
        assert post(fixture, "tasks/cancel", {"taskId": task}, WITH_TASKS).json()["result"]["resultType"] == "complete"
        assert ended(fixture, task)["status"] == "cancelled"
