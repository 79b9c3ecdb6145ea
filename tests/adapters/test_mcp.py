"""MCP as its clients see it: the official SDK's client against the real process, over both transports, in both eras."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.server.streamable_http import GET_STREAM_KEY, EventMessage
from mcp_types import UNSUPPORTED_PROTOCOL_VERSION, JSONRPCNotification, JSONRPCResponse

from adapters.mcp.client import call
from adapters.mcp.events import Budget
from arcops.errors import Refused, Unavailable
from arcops.request import silent
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.index import Filter
from capabilities.artifact.store import list_artifacts
from capabilities.artifact.verify import Verify, verify_artifact
from capabilities.catalogue import all_tools
from capabilities.contract import Scope
from capabilities.model.check import Check, check_model
from capabilities.policy.explain import Explain, explain_rule
from tests.adapters.serving import REPOSITORY, Served, environment, served
from tests.adapters.typed import typed
from tests.models import Bench, bench, good_model

pytestmark = [
    pytest.mark.requirement(
        "ARC-3/every-capability-is-a-tool", "ARC-3/remote-is-as-local", "BASE-1/serves-both-protocol-versions"
    ),
    pytest.mark.xdist_group("mcp"),
]

ERAS = ("2026-07-28", "legacy")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("mcp"))


@pytest.fixture(scope="module")
def model(here: Bench) -> Path:
    return good_model(here, now=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module")
def http(here: Bench) -> Iterator[Served]:
    with served("mcp", "--http", env=here.environment) as server:
        yield server


def there(server: Served, tool: Any, ask: Any, here: Bench, stop: threading.Event | None = None, env: Any = None) -> Any:
    return call(
        server.mcp, tool, ask, settings=here.settings, environment=env or {}, stop=stop or threading.Event(), progress=silent
    )


class TestWhatIsOffered:
    @pytest.mark.parametrize("era", ERAS)
    def test_each_capability_is_a_tool_with_schemas_and_hints(self, http: Served, era: str) -> None:
        async def ask() -> Any:
            async with http.client(mode=era, query="?tools=all") as client:
                return (await client.list_tools()).tools

        *shown, find, use = asyncio.run(ask())
        assert (find.name, use.name) == ("find_tools", "use_tool")
        tools = [one for one in all_tools() if one.scope is not Scope.TRUST]  # the operator's, at the command line
        assert [one.name for one in shown] == [one.name for one in tools]
        for one, tool in zip(shown, tools, strict=True):
            assert one.title == tool.title
            assert one.description == tool.doc
            assert one.annotations.read_only_hint is tool.reads_only
            jsonschema_rs.meta.validate(one.input_schema)
            if one.output_schema is not None:
                jsonschema_rs.meta.validate(one.output_schema)

    def test_over_standard_streams_as_over_http(self, here: Bench, http: Served) -> None:
        stdio = StdioServerParameters(
            command=sys.executable, args=["-m", "adapters.cli", "mcp"], env=environment(here.environment)
        )

        async def ask(asked: AbstractAsyncContextManager[Client]) -> Any:
            async with asked as client:
                tools = (await client.list_tools()).tools
                said = await client.call_tool("explain_rule", {"name": "integrity"})
                return [one.name for one in tools], said.structured_content, client.protocol_version

        assert asyncio.run(ask(Client(stdio))) == asyncio.run(ask(http.client()))

    @pytest.mark.parametrize("era", ERAS)
    @pytest.mark.requirement("ARC-1/agents-can-read-it")
    def test_resources_and_prompts(self, http: Served, here: Bench, model: Path, era: str) -> None:
        checked = there(http, check_model, Check(target=model, policy=str(here.policy)), here)

        async def ask() -> None:
            async with http.client(mode=era) as client:
                listed = {str(one.uri) for one in (await client.list_resources()).resources}
                assert f"arcops://artifacts/{checked.artifact}" in listed
                for uri in sorted(listed):
                    (content,) = (await client.read_resource(uri)).contents
                    assert content.text
                evidence = checked.report.evidence[0]
                digest = evidence.digest
                (body,) = (await client.read_resource(f"arcops://evidence/{digest}")).contents
                assert json.loads(body.text)
                templates = (await client.list_resource_templates()).resource_templates
                assert {one.name for one in templates} == {
                    *(
                        "artifact",
                        "artifacts about a subject",
                        "artifacts from a position on",
                        "evidence",
                        "file",
                        "gate",
                        "policy",
                    ),
                    *("report", "schema"),
                    *("part of a file", "part of an artifact", "part of evidence", "part of a report"),
                }
                prompts = {one.name for one in (await client.list_prompts()).prompts}
                assert prompts == {"is_this_model_ready", "explain_this_red", "draft_a_waiver"}
                got = await client.get_prompt("is_this_model_ready", {"target": "/models/x"})
                assert "/models/x" in got.messages[0].content.text
                for wrong in ({}, {"target": "x", "outsider": "y"}):
                    with pytest.raises(MCPError, match="argument"):
                        await client.get_prompt("is_this_model_ready", wrong)
                for uri in ("arcops://artifacts/sha256:00", "arcops://nothing/x", "file:///etc/passwd"):
                    with pytest.raises(MCPError):
                        await client.read_resource(uri)

        asyncio.run(ask())


class TestCalls:
    @pytest.mark.parametrize("era", ERAS)
    def test_a_check_there_is_the_check_here(self, http: Served, here: Bench, model: Path, era: str) -> None:
        seen: list[float] = []

        async def told(progress: float, total: float | None, message: str | None) -> None:
            seen.append(progress)

        async def ask() -> Any:
            async with http.client(mode=era) as client:
                arguments = {"target": str(model), "policy": str(here.policy)}
                return await client.call_tool("check_model", arguments, progress_callback=told)

        result = asyncio.run(ask())
        assert not result.is_error
        assert result.content[0].text.startswith("GREEN model tiny sha256:")
        assert result.structured_content["verdict"] == "GREEN"
        verified = there(http, verify_artifact, Verify(artifact=result.structured_content["artifact"]), here)
        assert verified.report.verdict is Verdict.GREEN
        assert seen, "a client without tasks waits with progress"

    def test_errors_cross_as_what_they_are(self, http: Served, here: Bench) -> None:
        with pytest.raises(Refused, match="does not exist"):
            there(http, check_model, Check(target=Path("/nowhere/at-all")), here)
        with pytest.raises(Refused, match="no gate or rule"):
            there(http, explain_rule, Explain(name="nonsense"), here)

    def test_what_is_no_tool_or_no_ask_is_answered_by_the_rules(self, http: Served) -> None:
        async def ask() -> None:
            async with http.client() as client:
                with pytest.raises(MCPError, match="there is no tool 'rm'"):
                    await client.call_tool("rm", {})
                for wrong in ({"target": 5}, {}, {"target": "x", "outsider": 1}):
                    result = await client.call_tool("check_model", wrong)
                    assert result.is_error
                    assert "target" in result.content[0].text or "outsider" in result.content[0].text

        asyncio.run(ask())

    def test_two_hundred_at_once(self, http: Served) -> None:
        async def ask() -> None:
            async with http.client() as client:
                answers = await asyncio.gather(*(client.call_tool("explain_rule", {"name": "integrity"}) for _ in range(200)))
                assert all(not one.is_error for one in answers)
                assert len({json.dumps(one.structured_content) for one in answers}) == 1

        asyncio.run(ask())

    def test_a_server_that_is_not_there(self, here: Bench) -> None:
        nowhere = Served(url="http://127.0.0.1:9", process=None)  # type: ignore[arg-type]  # nothing runs there
        with pytest.raises(Unavailable, match="no ArcOps server answers at"):
            there(nowhere, explain_rule, Explain(), here)


class TestBadInput:
    HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}  # noqa: RUF012  # read only

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 400),
            (b"{", 400),
            (b"[]", 400),
            (b"null", 400),
            (b"\xff\xfe", 400),
            (b'{"jsonrpc": "1.0"}', 400),
            (b"[" * 100_000, 400),
        ],
    )
    def test_what_is_no_message(self, http: Served, body: bytes, status: int) -> None:
        answer = http.post(content=body, headers=self.HEADERS)
        assert answer.status_code == status
        assert "Traceback" not in answer.text
        assert "/work" not in answer.text
        assert httpx2.get(f"{http.url}/livez").status_code == 200

    def test_what_is_too_long(self, http: Served) -> None:
        try:
            answer = http.post(content=b" " * (5 * 1024 * 1024), headers=self.HEADERS)
        except httpx2.WriteError:  # it was cut off while it still wrote
            pass
        else:
            assert answer.status_code == 413
        assert httpx2.get(f"{http.url}/livez").status_code == 200

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"host": "evil.example"}, 421),
            ({"host": "127.0.0.1"}, 421),
            ({"origin": "https://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"x-forwarded-for": "10.0.0.1"}, 403),
        ],
    )
    def test_requests_that_come_through_a_browser_or_a_proxy(self, http: Served, headers: dict[str, str], status: int) -> None:
        answer = http.post(content=b"{}", headers={**self.HEADERS, **headers})
        assert answer.status_code == status

    @pytest.mark.parametrize("named", ["2099-01-01", "nonsense", "", "2026-07-28x"])
    @pytest.mark.parametrize("method", ["initialize", "tools/list", "server/discover"])
    def test_a_revision_that_is_not_spoken_is_answered_with_those_that_are(self, http: Served, named: str, method: str) -> None:
        body = {"jsonrpc": "2.0", "id": 7, "method": method}
        answer = http.post(json=body, headers={**self.HEADERS, "mcp-protocol-version": named})
        error = answer.json()["error"]
        assert (answer.status_code, answer.json()["id"], error["code"]) == (400, 7, UNSUPPORTED_PROTOCOL_VERSION)
        assert error["data"]["requested"] == named
        assert {"2025-11-25", "2026-07-28"} <= set(error["data"]["supported"])

    def test_a_request_that_names_its_own_revision_is_told_those_that_it_can_be_sent_in(self, http: Served) -> None:
        meta = {"io.modelcontextprotocol/protocolVersion": "2099-01-01", "io.modelcontextprotocol/clientCapabilities": {}}
        body = {"jsonrpc": "2.0", "id": 7, "method": "server/discover", "params": {"_meta": meta}}
        said = []
        for version in ("2099-01-01", "2026-07-28"):
            meta["io.modelcontextprotocol/protocolVersion"] = version
            headers = {**self.HEADERS, "mcp-protocol-version": version, "mcp-method": "server/discover"}
            said.append(http.post(json=body, headers=headers).json())
        assert said[0]["error"]["data"]["supported"] == said[1]["result"]["supportedVersions"]

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_whatever_the_method(self, http: Served, method: str) -> None:
        with http.stream(method, headers={**self.HEADERS, "mcp-protocol-version": "2099-01-01"}) as answer:
            assert answer.status_code == 400
            assert json.loads(answer.read())["error"]["data"]["supported"]

    def test_a_client_that_vanishes_stops_its_run(self, http: Served, here: Bench, tmp_path: Path) -> None:
        big = tmp_path / "big"
        big.mkdir()
        with (big / "model.safetensors").open("wb") as file:
            file.truncate(64 * 1024**3)  # hours of hashing, no disk
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "check_model",
                "arguments": {"target": str(big), "policy": str(here.policy)},
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "progressToken": 1,
                },
            },
        }
        headers = {
            **self.HEADERS,
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": "check_model",
        }
        with http.stream("POST", json=body, headers=headers, timeout=600) as answer:
            assert answer.status_code == 200
            assert next(answer.iter_lines())  # it has begun
        # gone: the run must end by itself, with a RED artifact, and free its turn
        for _ in range(600):
            newest = there(http, list_artifacts, Filter(subject="big"), here).artifacts
            if newest:
                break
        assert newest[0].verdict is Verdict.RED


@pytest.mark.requirement("BASE-1/sessions-resume")
class TestResuming:
    """A session of 2025-11-25 whose stream breaks while a tool is at work."""

    ACCEPT = {"content-type": "application/json", "accept": "application/json, text/event-stream"}  # noqa: RUF012  # read only

    def opened(self, http: Served) -> dict[str, str]:
        """The headers of a new session."""
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
        answer = http.post(json=body, headers=self.ACCEPT)
        headers = {**self.ACCEPT, "mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        http.post(json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=headers)
        return headers

    def events(self, answer: httpx2.Response) -> Iterator[tuple[str, Any]]:
        number = ""
        for line in answer.iter_lines():
            if line.startswith("id:"):
                number = line.removeprefix("id:").strip()
            elif line.startswith("data:"):
                said = line.removeprefix("data:").strip()
                yield number, json.loads(said) if said else None

    def test_gets_what_it_missed_and_no_other_client_does(self, http: Served, here: Bench, model: Path) -> None:
        headers = self.opened(http)
        arguments = {"target": str(model), "policy": str(here.policy)}
        params = {"name": "check_model", "arguments": arguments, "_meta": {"progressToken": 1}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        with http.stream("POST", json=body, headers=headers, timeout=600) as answer:
            last, _ = next(self.events(answer))  # it has begun; now the stream breaks
        outsider = self.opened(http)
        with http.stream("POST", json=body | {"method": "ping", "params": {}}, headers=outsider) as answer:
            assert list(self.events(answer))
        with http.stream("GET", headers=headers | {"last-event-id": last}, timeout=600) as answer:
            missed = next(said for _, said in self.events(answer) if said and said.get("id") == 1)
        assert missed["result"]["structuredContent"]["verdict"] == "GREEN"
        seen: list[Any] = []
        patience = httpx2.Timeout(10, read=2)  # the stream stays open for what may come
        with (
            suppress(httpx2.ReadTimeout),
            http.stream("GET", headers=outsider | {"last-event-id": last}, timeout=patience) as answer,
        ):
            seen.extend(said for _, said in self.events(answer) if said)
        assert all("structuredContent" not in json.dumps(said) for said in seen)


def test_what_was_sent_is_kept_within_a_budget() -> None:
    async def ask() -> None:
        budget = Budget(most=2000)
        ours, others = budget.session(), budget.session()
        message = JSONRPCNotification(jsonrpc="2.0", method="x", params={"said": "y" * 300})
        answer = JSONRPCResponse(jsonrpc="2.0", id=1, result={})
        first = await ours.store_event("1", message)
        sent: list[tuple[str | None, Any]] = []

        async def send(event: EventMessage) -> None:
            sent.append((event.event_id, event.message))

        assert await ours.replay_events_after(first, send) == "1"
        assert sent == []
        before, last = "", first
        for _ in range(10):
            before, last = last, await ours.store_event("1", message)
        assert await ours.replay_events_after(before, send) == "1"
        assert [id_ for id_, _ in sent] == [last]
        sent.clear()
        assert await ours.replay_events_after(first, send) == "1", "its answer is still to come"
        here = first.split("-")[0]
        for wrong in ("0", "-1", "x", f"{here}-0-1", f"{here}-99-1", f"{here}-11-2", f"{here}-11", f"{here}-{'9' * 400}-1"):
            assert await ours.replay_events_after(wrong, send) is None
        sent.clear()
        ended = await ours.store_event("1", answer)
        assert await ours.replay_events_after(last, send) is None, "there is nothing more to come"
        assert sent == [(ended, answer)]
        sent.clear()
        assert await ours.replay_events_after(ended, send) is None
        assert sent == []
        for _ in range(10):
            await others.store_event("2", message)
        for one in (first, ended):  # what is not kept any more is said
            assert await ours.replay_events_after(one, send) is None
            ((_, said),) = sent
            assert (said.id, "send the request again" in said.error.message) == (1, True)
            sent.clear()

    asyncio.run(ask())


def test_a_client_that_comes_back_elsewhere_is_told_what_is_lost() -> None:
    """Mutation: events of two instances are named alike, so one shows what the other had."""

    async def ask() -> None:
        ours, others = Budget().session(), Budget().session()
        message = JSONRPCNotification(jsonrpc="2.0", method="x", params={})
        sent: list[Any] = []

        async def send(event: EventMessage) -> None:
            sent.append(event.message)

        for stream, id_ in (("7", 7), ("a word", "a word"), ("line\n\ndata: x", "line\n\ndata: x"), ("007", 7)):
            event = await ours.store_event(stream, message)
            await others.store_event(stream, message)
            assert event.isprintable()
            assert await others.replay_events_after(event, send) is None
            assert [one.id for one in sent] == [id_]
            sent.clear()
        assert await others.replay_events_after(await ours.store_event(GET_STREAM_KEY, message), send) == GET_STREAM_KEY
        assert await others.replay_events_after(await ours.store_event("x" * 500, message), send) is None
        assert sent == []

    asyncio.run(ask())


class TestStops:
    def test_a_stop_here_brings_the_red_report_from_there(self, http: Served, here: Bench, tmp_path: Path) -> None:
        big = tmp_path / "endless"
        big.mkdir()
        with (big / "model.safetensors").open("wb") as file:
            file.truncate(64 * 1024**3)
        stop = threading.Event()

        def progress(done: int, total: int) -> None:
            stop.set()

        ask = Check(target=big, policy=str(here.policy))
        checked = call(http.mcp, check_model, ask, settings=here.settings, environment={}, stop=stop, progress=progress)
        assert checked.report.verdict is Verdict.RED


class TestCommands:
    def test_the_same_output_and_exit_code_as_here(self, http: Served, here: Bench, model: Path) -> None:
        def run(*command: str, at: str = "") -> tuple[int, str]:
            line = (*command, *(["--server", at] if at else []))
            done = typed(*line, environment=environment(here.environment), cwd=model.parent)
            return done.returncode, done.stdout

        for command in (
            ("explain", "integrity"),
            ("policy", "list"),
            ("check", "tiny", "--policy", here.policy.name, "--format", "junit"),
            ("check", "nowhere"),
            ("verify", "sha256:" + "0" * 64),
        ):
            code, said = run(*command)
            code_there, said_there = run(*command, at=http.mcp)
            assert (code_there, _bare(said_there)) == (code, _bare(said)), command

    def test_a_token_never_crosses_in_the_clear(self, here: Bench) -> None:
        settings = here.settings
        with pytest.raises(Refused, match="unencrypted"):
            call(
                "http://arcops.example", explain_rule, Explain(), settings=replace(settings, tier=Tier.CONNECTED),
                environment={"ARCOPS_TOKEN": "abc"}, stop=threading.Event(), progress=silent,
            )  # fmt: skip
        with pytest.raises(Refused, match="does not reach"):
            call(
                "https://arcops.example", explain_rule, Explain(), settings=settings, environment={},
                stop=threading.Event(), progress=silent,
            )  # fmt: skip


def _bare(said: str) -> str:
    return re.sub(r'sha256:[0-9a-f]{64}|time="[^"]*"|timestamp="[^"]*"|\d{4}-\d\d-\d\dT[0-9:]+Z?', "…", said)


def test_a_prefect_that_is_down_is_said_and_nothing_else_suffers(here: Bench, model: Path) -> None:
    gone = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
    with served("mcp", "--http", env={**here.environment, **gone}) as server:
        with pytest.raises(Unavailable, match="Prefect's API does not answer"):
            there(server, check_model, Check(target=model, policy=str(here.policy)), here)
        assert there(server, explain_rule, Explain(name="integrity"), here).gates


def test_nothing_of_the_protocol_is_read_before_it_is_needed() -> None:
    late = ("mcp", "starlette", "uvicorn", "pydantic", "joserfc")
    code = f"import sys; import adapters.cli.main; sys.exit(any(name in sys.modules for name in {late}))"
    assert subprocess.run([sys.executable, "-c", code], env=environment({}), cwd=REPOSITORY).returncode == 0
