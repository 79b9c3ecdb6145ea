"""The first answer over standard streams comes before the server is imported, and is the one that the server gives."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from adapters.mcp.first_answer import HANDSHAKES, FirstAnswer, answer
from adapters.mcp.kept_list import KeptList
from adapters.mcp.server import build
from capabilities.catalogue import all_tools
from capabilities.work import Work
from tests.adapters.serving import REPOSITORY, environment
from tests.examples import share
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("BASE-1/serves-both-protocol-versions")

CLIENT = {"name": "t", "version": "1"}


def hello(**changes: Any) -> dict[str, Any]:
    params = {"protocolVersion": "2025-11-25", "capabilities": {"roots": {"listChanged": True}}, "clientInfo": CLIENT}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {**params, **changes}}


def answered(message: object) -> dict[str, Any] | None:
    return answer(json.dumps(message).encode())


def test_it_is_what_the_server_itself_answers(tmp_path_factory: pytest.TempPathFactory) -> None:
    work = Work(long=1)
    server = build(all_tools(), bench(tmp_path_factory.mktemp("first")).place(), work)

    async def ask() -> dict[str, Any]:
        async with Client(server, mode="legacy") as client:
            return {
                "capabilities": client.server_capabilities.model_dump(by_alias=True, exclude_none=True),
                "instructions": client.instructions,
                "protocolVersion": client.protocol_version,
                "serverInfo": client.server_info.model_dump(by_alias=True, exclude_none=True),
            }

    try:
        found = answered(hello())
        assert found is not None
        assert found["result"] == asyncio.run(ask())
    finally:
        work.close()
    assert HANDSHAKES == HANDSHAKE_PROTOCOL_VERSIONS


@pytest.mark.parametrize(("asked", "said"), [*((one, one) for one in HANDSHAKES), ("2099-01-01", HANDSHAKES[-1])])
def test_the_revision_is_the_one_that_was_asked_for_if_it_is_spoken(asked: str, said: str) -> None:
    found = answered(hello(protocolVersion=asked))
    assert found is not None
    assert found["result"]["protocolVersion"] == said


@pytest.mark.parametrize(
    "client",
    [
        CLIENT, {**CLIENT, "title": "T"},
        {**CLIENT, "title": "Claude Code", "description": "An agent.", "websiteUrl": "https://agent.example"},
    ],
)  # fmt: skip
def test_what_real_clients_say_of_themselves_is_plain(client: dict[str, str]) -> None:
    assert answered(hello(clientInfo=client, capabilities={"roots": {}, "elicitation": {}})) is not None
    assert answered(hello(clientInfo={**client, "icons": []})) is None
    assert answered(hello(clientInfo={**client, "description": 1})) is None


@pytest.mark.parametrize(
    "message",
    [
        [], 5, None, "initialize", {}, {**hello(), "id": None}, {**hello(), "id": True}, {**hello(), "id": 1.5},
        {**hello(), "jsonrpc": "1.0"}, {**hello(), "method": "server/discover"}, {**hello(), "more": 1},
        hello(clientInfo={"name": "t"}), hello(clientInfo=None), hello(protocolVersion=5), hello(capabilities=[]),
        hello(capabilities={"sampling": True}), hello(capabilities={"roots": {"listChanged": "x"}}),
        hello(capabilities={"strange": {}}), hello(_meta={"progressToken": 1}),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_server(message: object) -> None:
    assert answered(message) is None


@share(1)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_line_breaks_it(line: bytes) -> None:
    assert answer(line) is None


def test_only_the_first_answer_to_that_request_is_dropped() -> None:
    first = FirstAnswer()
    assert not first.drops(1)
    first.waiting.append(1)
    assert [first.drops(one) for one in ("1", True, 2, 1, 1)] == [False, False, False, True, False]


LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@pytest.mark.parametrize("params", [{}, {"params": {}}, {"params": {"_meta": {}}}, {"params": {"_meta": {"progressToken": 1}}}])
def test_the_kept_list_answers_a_plain_request_after_the_handshake(tmp_path: Path, params: dict[str, Any]) -> None:
    told, passed = conversation(tmp_path, hello(), READY, {**LIST, **params}, kept={"tools": []})
    assert told == [answered(hello()), {"jsonrpc": "2.0", "id": 2, "result": {"tools": []}}]
    assert passed == [hello(), READY, {**LIST, **params}]


@pytest.mark.parametrize(
    "messages",
    [
        [LIST], [READY, LIST], [hello(), {"jsonrpc": "2.0", "id": 5, "method": "ping"}, LIST],
        [hello(), {**LIST, "params": {"cursor": "x"}}], [hello(), {**LIST, "params": None}], [hello(), {**LIST, "id": None}],
        [hello(), {**LIST, "id": True}], [hello(), {**LIST, "id": 1}], [hello(), {**LIST, "more": 1}],
        [hello(), {**LIST, "params": {"_meta": {"other": 1}}}], [hello(), [LIST]],
    ],
)  # fmt: skip
def test_any_other_request_for_the_list_is_left_to_the_server(tmp_path: Path, messages: list[Any]) -> None:
    told, passed = conversation(tmp_path, *messages, kept={"tools": []})
    assert [one for one in told if "tools" in one["result"]] == []
    assert passed == messages


def test_the_list_is_kept_by_the_server_that_made_it(tmp_path: Path) -> None:
    first = FirstAnswer(KeptList(tmp_path))
    first.protocol, first.listing = "2025-11-25", 2
    assert not first.drops(2, {"tools": [1]})
    assert KeptList(tmp_path).read("2025-11-25") == {"tools": [1]}
    assert KeptList(tmp_path).read("2025-06-18") is None
    first.listing = 3
    first.drops("3", {"tools": [2]})
    assert KeptList(tmp_path).read("2025-11-25") == {"tools": [1]}, "not an answer to that request"


@pytest.mark.parametrize("fault", ["written by others", "another text", "cut", "a link", "other code", "not an object"])
def test_a_list_that_was_not_kept_by_this_code_for_this_user_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    kept = KeptList(tmp_path)
    kept.keep("2025-11-25", {"tools": ["good"]} if fault != "not an object" else ["good"])
    path = tmp_path / "tools" / "2025-11-25.json"
    match fault:
        case "written by others":
            path.chmod(0o666)
        case "another text":
            path.write_bytes(path.read_bytes().replace(b"good", b"evil"))
        case "cut":
            path.write_bytes(path.read_bytes()[:-1])
        case "a link":
            path.rename(tmp_path / "elsewhere")
            path.symlink_to(tmp_path / "elsewhere")
        case "other code":
            monkeypatch.setattr("adapters.mcp.kept_list._PACKAGES", ("pytest",))
    assert KeptList(tmp_path).read("2025-11-25") is None


def conversation(folder: Path, *messages: object, kept: object) -> tuple[list[dict[str, Any]], list[Any]]:
    """What a client that sends *messages* is told, and what the server reads, if *kept* was kept."""
    list_ = KeptList(folder)
    list_.keep("2025-11-25", kept)
    first, pipes = FirstAnswer(KeptList(folder)), [os.pipe() for _ in range(3)]
    (client, writing), (reading, server), (told, output) = pipes
    os.write(writing, "".join(f"{json.dumps(one)}\n" for one in messages).encode())
    os.close(writing)
    first._pass_on(client, server, output)
    os.close(client)
    found = []
    for end in (told, reading):
        with os.fdopen(end) as lines:
            found.append([json.loads(line) for line in lines])
    return found[0], found[1]


def test_a_real_process_answers_each_request_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At the second start by what the first one kept; both say the same."""
    here = bench(tmp_path_factory.mktemp("process"))
    listed = [in_a_process(here) for _ in range(2)]
    assert listed[0] == listed[1]
    assert listed[0]["tools"]


def in_a_process(here: Bench) -> dict[str, Any]:
    """The list of tools that a process says."""
    messages = [hello(), READY, LIST, {"jsonrpc": "2.0", "id": 3, "method": "prompts/list"}]
    process = subprocess.Popen(
        [sys.executable, "-m", "adapters.cli", "mcp"],
        env=environment(here.environment), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write("".join(f"{json.dumps(one)}\n" for one in messages))
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(3)]
        rest, _ = process.communicate()
    assert [one["id"] for one in answers] == [1, 2, 3]
    assert answers[0] == answered(hello())
    assert answers[2]["result"]["prompts"]
    assert (rest, process.returncode) == ("", 0)
    found: dict[str, Any] = answers[1]["result"]
    return found
