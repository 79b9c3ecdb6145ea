"""The relay for long: 60,000 sessions leave its memory as it was, and of 10,000 calls only the cancelled ones fail.

The relay is a process of its own, as it is served (`benches.relay_front`), before a server that answers at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count

import pytest

from adapters.http.serve import reserved_port
from benches.relay import Front, rss_of, started

SESSIONS, AT_ONCE = 60_000, 8
WARM = 6_000
CALLS = 10_000
MOST_GROWTH = 1.1
_HEAD = (
    "POST /t/mcp HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json, text/event-stream\r\n"
    "content-type: application/json\r\n"
)
_HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "long", "version": "1"}}


@pytest.fixture
def front() -> Iterator[Front]:
    with reserved_port() as port:
        command = [sys.executable, "-m", "benches.relay_front", "--port", str(port)]
        with started("relay", command, "/t/mcp", port) as found:
            yield found


class Connection:
    """One connection of a client."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> Connection:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        return self

    async def send(self, message: object, session: str = "", method: str = "POST") -> tuple[dict[str, str], bytes]:
        body = json.dumps(message).encode() if message is not None else b""
        head = _HEAD if method == "POST" else _HEAD.replace("POST", method)
        own = f"mcp-session-id: {session}\r\n" if session else ""
        self._writer.write(f"{head}{own}content-length: {len(body)}\r\n\r\n".encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])} | {":": lines[0]}
        if "content-length" in fields:
            return fields, await self._reader.readexactly(int(fields["content-length"]))
        parts = []
        while size := int((await self._reader.readuntil(b"\r\n"))[:-2], 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return fields, b"".join(parts)

    def close(self) -> None:
        self._writer.close()


async def begun(connection: Connection) -> str:
    """A new session."""
    fields, _ = await connection.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _HELLO})
    session = fields["mcp-session-id"]
    await connection.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
    return session


@pytest.mark.requirement("HOST-NFR/memory-stays-as-it-is")
def test_60_000_sessions_leave_the_memory_as_it_was(front: Front) -> None:
    numbers = count()
    seen: list[float] = []

    async def client() -> None:
        connection = await Connection(front.port).open()
        while (number := next(numbers)) < SESSIONS:
            session = await begun(connection)
            params = {"name": "echo", "arguments": {"text": "x" * 100}}
            await connection.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, session)
            if number % 2:  # half of them leave without a word
                fields, _ = await connection.send(None, session, "DELETE")
                assert " 200 " in fields[":"]
            if number == WARM:
                seen.append(rss_of(front.pid))
        connection.close()

    async def run() -> None:
        await asyncio.gather(*(client() for _ in range(AT_ONCE)))

    began = time.monotonic()
    asyncio.run(run())
    seen.append(rss_of(front.pid))
    took = time.monotonic() - began
    print(f"{SESSIONS} sessions in {took:.0f} s: {seen[0]:.1f} MiB after {WARM}, {seen[1]:.1f} MiB at the end")
    assert seen[1] <= seen[0] * MOST_GROWTH


@pytest.mark.requirement("HOST-013/only-cancelled-calls-fail")
def test_of_10_000_calls_only_the_cancelled_ones_fail(front: Front) -> None:
    numbers = count(1)
    failed: list[int] = []
    cancelled: list[int] = []

    async def client() -> None:
        connection, other = await Connection(front.port).open(), await Connection(front.port).open()
        session = await begun(connection)
        while (number := next(numbers)) <= CALLS:
            stop = number % 100 == 0
            params = (
                {"name": "slow", "arguments": {"seconds": 60}} if stop else {"name": "echo", "arguments": {"text": "hello"}}
            )
            call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            asked = asyncio.ensure_future(connection.send(call, session))
            if stop:
                cancelled.append(number)
                await asyncio.sleep(0.01)
                note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
                await other.send(note, session)
            _, body = await asked
            if b'"result"' not in body:
                failed.append(number)
        connection.close()
        other.close()

    async def run() -> None:
        await asyncio.gather(*(client() for _ in range(AT_ONCE)))

    asyncio.run(run())
    assert sorted(failed) == sorted(cancelled)
    assert len(cancelled) == CALLS // 100
