"""Requests that are not as the protocol says are refused, with its status and error, and nothing starts for them."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress

import pytest

from adapters.relay import app as relay_app
from adapters.relay.protocol import protocol
from tests.adapters.loopback import exchanged, loopback, statuses
from tests.adapters.relay.talking import ACCEPT, ask, serving, until
from tests.simulators.hosting import Hosting, trivial

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[" + json.dumps(PING).encode() + b"]", 400, -32600),
        (b"[]", 400, -32600),
        (b"{", 400, -32700),
        (b"", 400, -32700),
        (b"\xff", 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":NaN}', 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}{}', 400, -32700),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600),
        (b'{"id":1,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}', 400, -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + b"[" * 300 + b"]" * 300 + b"}", 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + b"[" * 90_000 + b"]" * 90_000 + b"}", 400, -32700),
    ],
)
def test_a_body_that_is_no_message(body: bytes, status: int, code: int) -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            response = await client.send(body)
            assert (response.status, (await response.last())["error"]["code"]) == (status, code)
            assert await client.text("echo", {"text": "fine"}) == "fine"

    asyncio.run(run())


def test_brackets_in_text_are_not_depth() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            text = '[{"' * 2000
            assert await client.text("echo", {"text": text}) == text

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/t/mcp", {"content-type": "text/plain", "accept": "*/*"}, 415),
        ("POST", "/t/mcp", {"accept": "*/*"}, 415),
        ("POST", "/t/mcp", {"content-type": "application/json"}, 406),
        ("POST", "/t/mcp", {"content-type": "application/json", "accept": "application/json"}, 406),
        ("POST", "/t/mcp", ACCEPT, 400),
        ("POST", "/t/mcp", ACCEPT | {"mcp-session-id": "unknown"}, 404),
        ("GET", "/t/mcp", {"accept": "text/event-stream"}, 400),
        ("GET", "/t/mcp", {"accept": "application/json"}, 406),
        ("GET", "/t/mcp", {"accept": "text/event-stream", "mcp-session-id": "unknown"}, 404),
        ("GET", "/t/mcp", {"accept": "text/event-stream", "mcp-protocol-version": "2026-07-28"}, 405),
        ("DELETE", "/t/mcp", {"mcp-session-id": "unknown"}, 404),
        ("PUT", "/t/mcp", {}, 405),
        ("POST", "/t/status", ACCEPT, 405),
        ("POST", "/t/sse", ACCEPT, 405),
        ("GET", "/t/messages", {}, 405),
        ("POST", "/t/messages", {"content-type": "application/json"}, 400),
        ("POST", "/t/messages?session_id=unknown", {"content-type": "application/json"}, 404),
        ("POST", "/nothing/mcp", ACCEPT, 404),
        ("GET", "/nothing/status", {}, 404),
        ("GET", "/t", {}, 404),
        ("GET", "/", {}, 404),
        ("GET", "/t/mcp/more", {}, 404),
        ("GET", "/%74/status", {}, 404),
        ("GET", "/.well-known/oauth-protected-resource/t/mcp", {}, 404),
    ],
)
def test_a_request_that_is_wrong(method: str, path: str, headers: dict[str, str], status: int) -> None:
    async def run() -> None:
        async with serving() as here:
            response = await ask(here.port, method, path, headers, json.dumps(PING).encode() if method == "POST" else b"")
            assert response.status == status
            assert (await response.last())["error"]["message"]
            assert here.hosting.started == 0

    asyncio.run(run())


def test_a_body_over_the_bound_is_refused_and_the_bound_itself_is_not() -> None:
    async def run() -> None:
        async with serving(most_body=20_000) as here:
            client = await here.opened()
            response = await client.send(b" " * 20_001)
            assert response.status == 413
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
            assert (await client.send(body + b" " * (20_000 - len(body)))).status == 200

    asyncio.run(run())


def test_white_space_around_a_header_does_not_count() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened("s")
            own = {name: f" {value}\t " for name, value in ({**ACCEPT, "mcp-session-id": client.session}).items()}
            response = await ask(here.port, "POST", "/s/mcp", own, json.dumps(PING).encode())
            assert response.status == 200
            modern = await client.modern("tools/list", mcp_protocol_version=" 2026-07-28 \t", mcp_method="\ttools/list  ")
            assert modern.status == 200

    asyncio.run(run())


@pytest.mark.parametrize("name", ["authorization", "mcp-session-id", "mcp-method", "mcp-protocol-version", "content-type"])
def test_a_header_that_decides_may_be_there_once(name: str) -> None:
    async def run() -> None:
        async with serving() as here:
            twice = f"{name}: one\r\n{name}: two\r\n".encode()
            response = await ask(here.port, "POST", "/t/mcp", {"accept": "*/*"}, json.dumps(PING).encode(), raw=twice)
            assert response.status == 400
            assert "is there twice" in (await response.last())["error"]["message"]

    asyncio.run(run())


def test_what_two_readers_of_http_could_read_differently_is_refused() -> None:
    with loopback(_never, http=protocol()) as port:  # type: ignore[arg-type]  # as uvicorn takes it
        head = b"POST /t/mcp HTTP/1.1\r\nhost: x\r\n"
        for wrong in (
            head + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            head + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
            head + b"content-length: +1\r\n\r\n",
            head + b"transfer-encoding: xchunked\r\n\r\n",
            head + b"content-length : 1\r\n\r\n",
            head + b"a: b\r\n c\r\n\r\n",
            b"GET /t/mcp HTTP/1.1\nhost: x\n\n",
            head + b"x: " + b"y" * 70_000 + b"\r\n\r\n",
            head + b"x: y\r\n" * 200 + b"\r\n",
            b"NONSENSE\r\n\r\n",
            b"DELETE /t/mcp HTTP/1.1\r\n\r\n",
            head + b"host: y\r\n\r\n",
        ):
            assert statuses(exchanged(port, wrong)) in ([400], []), wrong[:80]


async def _never(scope, receive, send):  # type: ignore[no-untyped-def]
    raise AssertionError("this was served")


def test_a_connection_that_sends_no_whole_request_is_closed() -> None:
    with loopback(_never, http=protocol(silent_seconds=0.2)) as port:  # type: ignore[arg-type]  # as uvicorn takes it
        for begun in (b"", b"POST /t/mcp HT", b"POST /t/mcp HTTP/1.1\r\nhost: x\r\nx: "):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.sendall(begun)
                assert connection.recv(100) == b""


def test_the_connections_of_one_address_are_limited() -> None:
    with loopback(_never, http=protocol(most_per_address=1)) as port:  # type: ignore[arg-type]  # as uvicorn takes it
        first = socket.create_connection(("127.0.0.1", port), timeout=60)
        with first, socket.create_connection(("127.0.0.1", port), timeout=60) as other, suppress(ConnectionResetError):
            assert other.recv(100) == b""


def test_a_host_that_ends_ends_its_streams_first() -> None:
    async def run() -> None:
        async with serving() as here:
            client = await here.opened()
            stream = await client.stream()
            slow = asyncio.create_task(client.call("slow", {"seconds": 60}))
            await until(lambda: any(link.busy for link, _ in here.hosting.links.values()))
            here.app.close()
            assert [line async for line in stream.lines()][-1] == ""
            assert "this host ends" in (await slow)["error"]["message"]
            assert (await here.client().send(PING)).status == 503

    asyncio.run(run())


def test_a_server_that_does_not_come_up_is_named_with_its_state() -> None:
    async def run() -> None:
        hosting = Hosting(commands={"t": trivial("--slow-start", "60")})
        async with serving(hosting, held_seconds=0.3) as here:
            response = await here.client().send(
                {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}
            )
            error = (await response.last())["error"]
            assert (response.status, response.headers["retry-after"]) == (503, "5")
            assert "t is not ready after 0 seconds; it is Running" in error["message"]
            assert error["data"] == {"dev.arcops/error": "unavailable", "state": "Running", "retryAfterSeconds": 5}

    asyncio.run(run())


def test_64_first_calls_start_one_server() -> None:
    async def run() -> None:
        async with serving() as here:
            await asyncio.gather(*(here.opened("s") for _ in range(64)))
            assert here.hosting.started == 1

    asyncio.run(run())


def test_a_stream_begins_while_a_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from adapters.relay import answers, exchange

    monkeypatch.setattr(exchange, "HOLD_SECONDS", 0.02)
    monkeypatch.setattr(answers, "KEEP_ALIVE_SECONDS", 0.02)

    async def run() -> None:
        async with serving(Hosting(commands={"t": trivial("--slow-start", "0.4")})) as here:
            client = here.client()
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
            response = await client.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
            lines = [line async for line in response.lines()]
            assert ": keep-alive" in lines
            assert json.loads(lines[-2].removeprefix("data: "))["result"]["serverInfo"]["name"] == "trivial"
            client.session = response.headers["mcp-session-id"]
            assert await client.text("echo", {"text": "hi"}) == "hi"

    asyncio.run(run())


def test_relay_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.host.sessions import Sessions

    monkeypatch.setattr(relay_app, "SWEEP_SECONDS", 0.02)

    async def run() -> None:
        async with serving(sessions=lambda hosting: Sessions(hosting.gone, idle_seconds=0.1)) as here:
            client = await here.opened()
            stream = await client.stream()
            await asyncio.sleep(0.3)
            assert len(here.app.sessions) == 1  # its stream is open
            stream.close()
            await until(lambda: len(here.app.sessions) == 0)
            assert here.hosting.left == [("t", client.session)]
            assert (await client.request("ping")).status == 404

    asyncio.run(run())
