"""How soon subscribed MCP clients are told that an artifact was kept, beside a plain stream of server-sent events.

    python -m benches.publishing [--clients N] [--rounds N]

One process serves both: the MCP endpoint, whose clients listen ("subscriptions/listen", 2026-07-28), and a plain stream that
looks at the log's file as often and writes one event. Another process holds all clients, raw sockets, and keeps the artifact.
It takes the time from the moment at which the store has it to the moment at which the last client has read its event.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from adapters.mcp.publishing import LOOK_SECONDS
from adapters.mcp.resources import NEWEST
from tests.kept import finding, keep, report, result
from tests.models import Bench, bench

AIM = 1.0
"""Seconds until the last of a thousand clients is told."""
SERVE = """
import asyncio, os, sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
import uvicorn
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from adapters.http.quotas import Quotas
from adapters.mcp.app import endpoint
from adapters.mcp.publishing import LOOK_SECONDS
from flows.place import Place
from foundation.settings import read_settings
from tests.adapters.doors import door_for
from tests.adapters.test_sessions import Believing
settings = read_settings(os.environ)
place = Place(settings=settings, now=lambda: datetime.now(UTC), signer=None, secret=None, roots=())
door = replace(door_for(), accepting=Believing(), quotas=Quotas(requests=9999, sessions=9999))
found = endpoint(place, resource="http://127.0.0.1/mcp", door=door)
log, woken = Path(settings.store) / "log", None
async def watch():
    global woken
    woken, before = asyncio.Event(), log.stat().st_mtime_ns
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = log.stat().st_mtime_ns
        if now != before:
            before = now
            woken.set()
            woken = asyncio.Event()
async def plain(request):
    async def events():
        yield b": here\\n\\n"
        while True:
            await woken.wait()
            yield b"data: updated\\n\\n"
    return StreamingResponse(events(), media_type="text/event-stream")
from contextlib import asynccontextmanager
@asynccontextmanager
async def running(_):
    task = asyncio.create_task(watch())
    async with found.running:
        yield
    task.cancel()
app = Starlette(routes=[*found.routes, Route("/plain", plain)], lifespan=running)
uvicorn.run(app, fd=int(sys.argv[1]), log_level="error", http="h11")
"""
_ASK = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "subscriptions/listen",
    "params": {
        "notifications": {"resourceSubscriptions": [NEWEST]},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}


def requests(port: int) -> dict[str, tuple[bytes, bytes]]:
    """For each kind of stream: what a client sends, and what it has read when it was told."""
    body = json.dumps(_ASK).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer t/bench\r\ncontent-type: application/json\r\n"
        "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n"
        f"mcp-method: subscriptions/listen\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    plain = f"GET /plain HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: text/event-stream\r\n\r\n"
    return {"mcp": (head.encode() + body, b"resources/updated"), "plain": (plain.encode(), b"data: updated")}


async def measured(here: Bench, port: int, kind: str, clients: int, rounds: int) -> list[float]:
    """Seconds until the last client was told, for each of *rounds* artifacts."""
    ask, told = requests(port)[kind]
    opened = []
    for _ in range(clients):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ask)
        opened.append((reader, writer))
    first = b"acknowledged" if kind == "mcp" else b": here"
    await asyncio.gather(*(_until(reader, first) for reader, _ in opened))
    took = []
    for number in range(rounds):
        waiting = asyncio.gather(*(_until(reader, told) for reader, _ in opened))
        said = report(f"{kind}-{number}", result("signatures", finding("signatures/signed")), at=datetime.now(UTC))
        await asyncio.to_thread(keep, here, replace(said, judged_at=said.judged_at.replace(microsecond=0)))
        began = time.perf_counter()
        await asyncio.wait_for(waiting, 60)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(LOOK_SECONDS * 2)
    for _, writer in opened:
        writer.close()
    return took


async def _until(reader: asyncio.StreamReader, text: bytes) -> None:
    read = b""
    while text not in read:
        part = await reader.read(65536)
        if not part:
            raise ConnectionError(f"the stream ended after {read[-500:]!r}")
        read = (read + part)[-4096:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, given.clients + 200), hard))
    with tempfile.TemporaryDirectory() as folder:
        here = bench(Path(folder))
        keep(here, report("first", result("signatures", finding("signatures/signed"))))
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
            command = [sys.executable, "-c", SERVE, str(listening.fileno())]
            home = Path(__file__).parents[1]
            server = subprocess.Popen(command, env=here.environment, pass_fds=[listening.fileno()], cwd=home)
            try:
                for kind in ("plain", "mcp"):
                    took = asyncio.run(measured(here, listening.getsockname()[1], kind, given.clients, given.rounds))
                    print(
                        f"{kind}: {given.clients} clients, the last is told after {statistics.median(took):.3f} s "
                        f"({min(took):.3f} to {max(took):.3f}); the log is looked at every {LOOK_SECONDS} s; aim {AIM} s"
                    )
            finally:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
