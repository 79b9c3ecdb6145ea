"""Many connections: idle ones that stay open, and active ones that call a tool with token, role, limits and the audit log on.

    python -m benches.connections [--idle 10000] [--active 1000] [--rate 50] [--seconds 20]

The server is a process of its own, asked over loopback. Each idle connection has made one request and stays; each active one
calls a tool again and again, all together ``rate`` times a second. The clients of this bench use the same processors. Printed
are latencies in milliseconds, errors, and the server's memory; the aim is a P95 under 500 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from benches.front import BODY, HEADERS, LIMITS
from tests.adapters.serving import Served, served
from tests.models import bench
from tests.simulators.issuer import Issuer, issuing

AIM_MS = 500
AUDIENCE = "https://arcops.example/mcp"
CALLERS = 20
ROLES = """\
roles:
  lookers:
    allows: ["list_artifacts:call"]
callers:
"""
_AT_ONCE = 100
_KEEP_SECONDS = 30.0


async def opened(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has made one request, so that it is idle and not silent."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET /livez HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    await answered(reader)
    return reader, writer


async def answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of one answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status, body = int(head.split(" ", 2)[1]), b""
    if "transfer-encoding: chunked" in head:
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        length = next(int(line.partition(":")[2]) for line in head.split("\r\n") if line.startswith("content-length:"))
        body = await reader.readexactly(length)
    return status, body


def request(host: str, port: int, token: str) -> bytes:
    """A call of a tool, as bytes."""
    body = json.dumps(BODY).encode()
    named = {**HEADERS, "host": f"{host}:{port}", "authorization": f"Bearer {token}", "content-length": str(len(body))}
    return b"POST /mcp HTTP/1.1\r\n" + "".join(f"{a}: {b}\r\n" for a, b in named.items()).encode() + b"\r\n" + body


async def active(call: bytes, host: str, port: int, every: float, ends: float, took: list[float], wrong: list[str]) -> None:
    """Call again and again until *ends*, at random moments, on one connection."""
    reader, writer = await opened(host, port)
    await asyncio.sleep(random.random() * every)  # noqa: S311  # nothing is secret
    while time.monotonic() < ends:
        began = time.monotonic()
        writer.write(call)
        try:
            status, body = await answered(reader)
        except (OSError, asyncio.IncompleteReadError) as error:
            wrong.append(type(error).__name__)
            return
        took.append(time.monotonic() - began)
        if status != 200 or b'"result"' not in body:
            wrong.append(f"{status} {body[:200]!r}")
        await asyncio.sleep(random.random() * 2 * every)  # noqa: S311
    writer.close()


async def kept(idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], host: str, port: int) -> None:
    """One more request on each idle connection now and then: the server closes one that has made none for 75 seconds."""
    while True:
        await asyncio.sleep(_KEEP_SECONDS)
        for reader, writer in list(idle):
            if not reader.at_eof():
                writer.write(f"GET /livez HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
                await answered(reader)


async def measured(url: str, tokens: list[str], given: argparse.Namespace) -> tuple[list[float], list[str], float, int]:
    """Seconds of each call, what went wrong, how long the idle connections took to open, and how many are still open."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), int(parts.port or 80)
    began = time.monotonic()
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    keeping = asyncio.create_task(kept(idle, host, port))
    for first in range(0, given.idle, _AT_ONCE):
        idle += await asyncio.gather(*(opened(host, port) for _ in range(min(_AT_ONCE, given.idle - first))))
    opening = time.monotonic() - began
    took: list[float] = []
    wrong: list[str] = []
    ends = time.monotonic() + given.seconds
    await asyncio.gather(
        *(
            active(request(host, port, tokens[one % CALLERS]), host, port, given.active / given.rate, ends, took, wrong)
            for one in range(given.active)
        )
    )
    left = sum(not reader.at_eof() for reader, _ in idle)
    keeping.cancel()
    for _, writer in idle:
        writer.close()
    return sorted(took), wrong, opening, left


def memory(server: Served) -> float:
    """MB of the server's process."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:")) / 1000


def site(name: str, issuer: Issuer) -> tuple[dict[str, str], list[str]]:
    """The environment of the server, and tokens of its callers."""
    here = bench(Path(name) / "home")
    access, limits = here.home / "access", Path(name) / "limits.yaml"
    access.mkdir(mode=0o700)
    callers = [f"c{number}" for number in range(CALLERS)]
    lines = "".join(f'  - {{issuer: "{issuer.url}", tenant: "", id: {one}, roles: [lookers]}}\n' for one in callers)
    (access / "roles.yaml").write_text(ROLES + lines)
    limits.write_text(LIMITS)
    own = {
        "ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_LIMITS": str(limits),
        "ARCOPS_QUOTA_REQUESTS": "1000", "ARCOPS_QUOTA_CALLS": "1000", "ARCOPS_ROOTS": str(here.home),
    }  # fmt: skip
    tokens = [issuer.token(aud=AUDIENCE, sub=one, exp=time.time() + 3600, scope="arcops:read") for one in callers]
    return {**here.environment, **own}, tokens


def main() -> None:
    asked = argparse.ArgumentParser()
    for name, number in (("idle", 10_000), ("active", 1000), ("rate", 50), ("seconds", 20)):
        asked.add_argument(f"--{name}", type=int, default=number)
    given = asked.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name, issuing() as issuer:
        environment, tokens = site(name, issuer)
        with served("mcp", "--http", env=environment) as server:
            before = memory(server)
            took, wrong, opening, left = asyncio.run(measured(server.url.removesuffix("/mcp"), tokens, given))
            after = memory(server)
    p50, p95, p99 = (took[int(len(took) * part)] * 1000 for part in (0.5, 0.95, 0.99))
    print(f"{given.idle} idle connections opened in {opening:.0f} s, {left} still open; {before:.0f} to {after:.0f} MB")
    print(
        f"{len(took)} calls on {given.active} connections ({given.rate} a second, {os.cpu_count()} cores), {len(wrong)} wrong"
    )
    print(f"P50 {p50:.0f} ms, P95 {p95:.0f} ms, P99 {p99:.0f} ms (allowed: P95 {AIM_MS} ms) {wrong[:1] or ''}")


if __name__ == "__main__":
    main()
