"""What a host's memory costs: 100 servers that run, and 2,000 connections that wait, beside the same host before anyone asked.

    python -m benches.mounted [--servers 100] [--idle 2000]

The host is a process of its own: the real one, with its database, the keeper, boxes and verdicts, behind its relay. Each server
is the small one of the tests; the memory of the servers themselves and of the processes that hold them is not the host's, and
is printed apart. Asked: at most 60 MiB more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvicorn

from adapters.relay.app import relay
from adapters.relay.serve import config
from benches.relay import rss_of
from tests.services.host.hosts import Site

AIM_MIB = 60.0
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
HEADERS = "host: 127.0.0.1\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n"


async def hosting(folder: Path, servers: int) -> None:
    """The host: it says its port, and serves until it is killed."""
    site = Site(folder)
    for number in range(servers):
        site.allowed(f"s{number}", stateless=True)
    host = site.host()
    app = relay(host)
    made = config(app)
    made.port = 0
    server = uvicorn.Server(made)
    async with host.running():
        task = asyncio.get_running_loop().create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await task


async def asked(port: int, name: str) -> None:
    """The first call of the server *name*."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    session = ""
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ):
        body = json.dumps(message).encode()
        own = f"mcp-session-id: {session}\r\n" if session else ""
        writer.write(f"POST /{name}/mcp HTTP/1.1\r\n{HEADERS}{own}content-length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if " 200 " not in head.split("\r\n")[0]:
            raise SystemExit(f"{name} answered {head}")
        fields = dict(line.lower().partition(": ")[::2] for line in head.split("\r\n"))
        session = session or next(
            line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith("mcp-session-id")
        )
        if "content-length" in fields:
            await reader.readexactly(int(fields["content-length"]))
        else:
            while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
    writer.close()


async def measured(process: subprocess.Popen[bytes], port: int, servers: int, idle: int) -> None:
    empty = rss_of(process.pid)
    began = time.perf_counter()
    for number in range(0, servers, 4):
        await asyncio.gather(*(asked(port, f"s{one}") for one in range(number, min(servers, number + 4))))
    mounted = rss_of(process.pid)
    print(f"empty: {empty:.1f} MiB; {servers} servers: {mounted - empty:+.1f} MiB, in {time.perf_counter() - began:.0f} s")
    held: list[Any] = []
    for _ in range(idle):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /s0/status HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        held.append((reader, writer))
    for reader, _ in held:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
    all_of_it = rss_of(process.pid)
    took = []
    for _ in range(2000):  # its P95, with all of that open
        reader, writer = held[0]
        at = time.perf_counter()
        writer.write(b"GET /s1/status HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        took.append((time.perf_counter() - at) * 1000)
    print(
        f"and {idle} idle connections: {all_of_it - mounted:+.1f} MiB; together {all_of_it - empty:.1f} MiB (asked: {AIM_MIB})"
    )
    print(f"status over HTTP: P95 {sorted(took)[1900]:.2f} ms (asked: 20)")
    below = sum(rss_of(one) for one in _below(process.pid))
    print(f"the servers, and the processes that hold them, beside the host: {below:.0f} MiB, shared pages counted for each")
    for _, writer in held:
        writer.close()


def _below(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            with contextlib.suppress(OSError):
                parents.setdefault(int((one / "stat").read_text().rpartition(")")[2].split()[1]), []).append(int(one.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def main() -> None:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--servers", type=int, default=100)
    read.add_argument("--idle", type=int, default=2000)
    read.add_argument("--host", default="", help=argparse.SUPPRESS)
    given = read.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if given.host:
        asyncio.run(hosting(Path(given.host), given.servers))
        return
    if hard < given.idle + given.servers * 4 + 512:
        raise SystemExit(f"left out: {given.idle} connections take more than the {hard} open files that are allowed here")
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as folder:
        command = [sys.executable, "-m", "benches.mounted", "--host", folder, "--servers", str(given.servers)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
            try:
                assert process.stdout is not None
                port = int(process.stdout.readline())
                asyncio.run(measured(process, port, given.servers, given.idle))
            finally:
                process.kill()


if __name__ == "__main__":
    main()
