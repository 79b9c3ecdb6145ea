"""The first answer over standard streams comes before the server is imported, and is the one that the server gives."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from adapters.mcp.first_answer import HANDSHAKES, FirstAnswer, answer
from adapters.mcp.server import build
from capabilities.catalogue import all_tools
from capabilities.work import Work
from tests.adapters.serving import REPOSITORY, environment
from tests.examples import share
from tests.models import bench

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
    first.waiting = 1
    assert [first.drops(one) for one in ("1", True, 2, 1, 1)] == [False, False, False, True, False]


def test_a_real_process_answers_each_request_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    here = bench(tmp_path_factory.mktemp("process"))
    messages = [
        hello(),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "prompts/list"},
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "adapters.cli", "mcp"],
        env=environment(here.environment), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write("".join(f"{json.dumps(one)}\n" for one in messages))
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        rest, _ = process.communicate()
    assert [one["id"] for one in answers] == [1, 2]
    assert answers[0] == answered(hello())
    assert answers[1]["result"]["prompts"]
    assert (rest, process.returncode) == ("", 0)
