"""What the relay to hosted servers costs, beside others that put a server of MCP behind HTTP, in one run and by turns.

    python -m benches.relay [--seconds N] [--rounds N] [--without-peers] [--idle N]

The server behind each of them is the same: without dependencies, it answers at once. Printed are calls a second and
milliseconds of CPU a call of the front alone (``/proc/PID/stat``; not of the server behind it, nor of the clients), medians of
the rounds, at 1, 8 and 64 callers; the time of a result of 32 MiB; and the memory of idle connections. The peers are installed
from the package indexes into a folder that is removed again; one that cannot be installed or does not come up is named.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.http.serve import reserved_port
from benches.relay_front import AUDIENCE
from tests.models import bench
from tests.simulators.hosting import trivial
from tests.simulators.issuer import Issuer, issuing

PYTHON_PEERS = ("mcp-proxy==0.13.0", "fastmcp==4.2.3")
NODE_PEERS = ("supergateway@4.0.0",)
FASTMCP = """
import sys
from fastmcp.client.transports import StdioTransport
from fastmcp.server.server import create_proxy
port, command, *arguments = sys.argv[1:]
made = create_proxy(StdioTransport(command, arguments))
made.run(transport="http", host="127.0.0.1", port=int(port), path="/mcp", show_banner=False, log_level="error")
"""
CALLERS = (1, 8, 64)
BIG = 32 * 1024 * 1024
AIM_RATE, AIM_CPU = 5.0, 0.1
AIM_RATE_ALL, AIM_CPU_ALL = 4.0, 0.2
ROLES = """\
roles:
  callers:
    allows: ["servers/*:call"]
callers:
  - {issuer: "ISSUER", tenant: "", id: ada, roles: [callers]}
"""
LIMITS = """\
rates:
  - {name: calls, calls: 100000000, per: minute}
"""
_TICKS = os.sysconf("SC_CLK_TCK")
_HEADERS = b"host: 127.0.0.1:%d\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n"


@dataclass(slots=True, kw_only=True)
class Front:
    """One front under measure: ``pid`` is its own process, without the server behind it."""

    name: str
    port: int
    path: str
    pid: int
    headers: bytes = b""
    rates: dict[int, list[float]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)
    big: list[float] = field(default_factory=list)


class Caller:
    """One connection that stays open, and one session on it."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._session = b""
        self._ids = 1

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._front.port, limit=1 << 20)
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        await self._send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def call(self, name: str, arguments: object) -> bytes:
        """The answer to one call of a tool."""
        self._ids += 1
        params = {"name": name, "arguments": arguments}
        answer = await self._send({"jsonrpc": "2.0", "id": self._ids, "method": "tools/call", "params": params})
        if b'"result"' not in answer[:200] and b'"result"' not in answer:
            raise SystemExit(f"{self._front.name} answered {answer[:300]!r}")
        return answer

    async def _send(self, message: object) -> bytes:
        body = json.dumps(message, separators=(",", ":")).encode()
        head = b"POST %b HTTP/1.1\r\n" % self._front.path.encode() + _HEADERS % self._front.port + self._front.headers
        if self._session:
            head += b"mcp-session-id: %b\r\nmcp-protocol-version: 2025-11-25\r\n" % self._session
        self._writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines[1:])}
        if not lines[0].startswith(b"HTTP/1.1 2"):
            raise SystemExit(f"{self._front.name} answered {lines[0]!r}")
        if b"mcp-session-id" in fields and not self._session:
            self._session = fields[b"mcp-session-id"]
        if b"content-length" in fields:
            return await self._reader.readexactly(int(fields[b"content-length"]))
        parts = []
        while size := int((await self._reader.readuntil(b"\r\n"))[:-2], 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(parts)

    def close(self) -> None:
        self._writer.close()


async def loaded(front: Front, callers: int, seconds: float) -> None:
    """Call for *seconds* by so many *callers* at once."""
    all_of_them = [Caller(front) for _ in range(callers)]
    for one in all_of_them:
        await one.open()
    for one in all_of_them:
        await one.call("echo", {"text": "warm"})
    done = 0
    until = time.perf_counter() + seconds

    async def calls(one: Caller) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await one.call("echo", {"text": "hello"})
            done += 1

    before, began = cpu_of(front.pid), time.perf_counter()
    await asyncio.gather(*(calls(one) for one in all_of_them))
    took, spent = time.perf_counter() - began, cpu_of(front.pid) - before
    front.rates.setdefault(callers, []).append(done / took)
    front.cpu.setdefault(callers, []).append(spent / done * 1000)
    for one in all_of_them:
        one.close()


async def big(front: Front) -> None:
    """One result of 32 MiB."""
    one = Caller(front)
    await one.open()
    began = time.perf_counter()
    answer = await one.call("big", {"size": BIG})
    if len(answer) < BIG:
        raise SystemExit(f"{front.name} answered {len(answer)} bytes instead of {BIG}")
    front.big.append(time.perf_counter() - began)
    one.close()


async def idle(front: Front, connections: int) -> tuple[float, float]:
    """MiB of the front's memory before and with so many idle *connections*, each with an open session's stream or none."""
    before = rss_of(front.pid)
    held = []
    for _ in range(connections):
        held.append(await asyncio.open_connection("127.0.0.1", front.port))
    for _, writer in held:
        writer.write(b"GET /t/status HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    for reader, _ in held:
        await reader.readuntil(b"\r\n\r\n")
    after = rss_of(front.pid)
    for _, writer in held:
        writer.close()
    return before, after


def cpu_of(pid: int) -> float:
    """Seconds of CPU that the process *pid* has used, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_of(pid: int) -> float:
    """MiB of memory of the process *pid*."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def started(
    name: str, command: Sequence[str], path: str, port: int, headers: bytes = b"", seconds: float = 60.0
) -> Iterator[Front]:
    """The front *command*, once it answers at *port*; it and all that it started is ended after."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 60.0
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{name} does not come up") from None
                time.sleep(0.1)
        yield Front(name=name, port=port, path=path, pid=process.pid, headers=headers)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def installed(folder: Path) -> dict[str, list[str]]:
    """The peers that can be installed below *folder*, with the beginnings of their commands."""
    found: dict[str, list[str]] = {}
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for one in PYTHON_PEERS:
        name = one.partition("==")[0]
        venv = folder / name
        done = uv is not None and _ran([uv, "venv", "-q", "-p", sys.executable, str(venv)])
        done = done and _ran([str(uv), "pip", "install", "-q", "-p", str(venv / "bin" / "python"), one])
        if done:
            found[one] = [str(venv / "bin" / ("python" if name == "fastmcp" else name))]
        else:
            print(f"left out: {one} cannot be installed here")
    for one in NODE_PEERS:
        npm = shutil.which("npm")
        if npm is not None and _ran(
            [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error", one]
        ):
            found[one] = ["node", str(folder / "node_modules" / one.partition("@")[0] / "dist" / "index.js")]
        else:
            print(f"left out: {one} cannot be installed here")
    return found


def _ran(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, timeout=600, check=False).returncode == 0


def fronts(held: ExitStack, peers: dict[str, list[str]], token: bytes) -> list[Front]:
    """Every front, started. *token* is the header that the one with everything on needs."""
    port = held.enter_context(reserved_port())
    found = [held.enter_context(started("relay", _ours(port), "/t/mcp", port))]
    port = held.enter_context(reserved_port())
    found.append(held.enter_context(started("relay, all on", _ours(port, "--all-on"), "/t/mcp", port, token)))
    for name, begin in peers.items():
        port = held.enter_context(reserved_port())
        if name.startswith("mcp-proxy"):
            command = [*begin, "--host", "127.0.0.1", "--port", str(port), "--pass-environment", "--", *trivial()]
            path = "/mcp"
        elif name.startswith("fastmcp"):
            command = [*begin, "-c", FASTMCP, str(port), *trivial()]
            path = "/mcp"
        else:
            command = [*begin, "--stdio", " ".join(trivial()), "--outputTransport", "streamableHttp", "--stateful"]
            command += ["--port", str(port), "--logLevel", "none"]
            path = "/mcp"
        try:
            found.append(held.enter_context(started(name, command, path, port)))
        except SystemExit as error:
            print(f"left out: {error}")
    return found


def _ours(port: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "benches.relay_front", "--port", str(port), *more]


def everything_on(folder: Path, issuer: Issuer) -> bytes:
    """Set the environment of a place in *folder* at which tokens of *issuer*, roles and limits count; a caller's header."""
    here = bench(folder)
    access = here.home / "access"
    access.mkdir(mode=0o700)
    (access / "roles.yaml").write_text(ROLES.replace("ISSUER", issuer.url))
    limits = folder / "limits.yaml"
    limits.write_text(LIMITS)
    own = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_LIMITS": str(limits)}
    os.environ.update(here.environment | own)
    token = issuer.token(aud=AUDIENCE, sub="ada", exp=time.time() + 3600, scope="arcops:read")
    return b"authorization: Bearer %b\r\n" % token.encode()


def told(found: Sequence[Front], peer: Front | None) -> None:
    """Print what was measured, and how it stands to *peer*."""
    print(f"{'':24}" + "".join(f"{f'c={one}: calls/s':>18}{'CPU ms':>9}" for one in CALLERS) + f"{'32 MiB, s':>12}")
    for one in found:
        line = "".join(
            f"{statistics.median(one.rates[callers]):18.0f}{statistics.median(one.cpu[callers]):9.3f}" for callers in CALLERS
        )
        print(f"{one.name:24}{line}{statistics.median(one.big) if one.big else math.nan:12.2f}")
    if peer is None:
        return
    for one, rate, cpu in zip(found[:2], (AIM_RATE, AIM_RATE_ALL), (AIM_CPU, AIM_CPU_ALL), strict=False):
        faster = statistics.median(one.rates[8]) / statistics.median(peer.rates[8])
        cheaper = statistics.median(one.cpu[8]) / statistics.median(peer.cpu[8])
        print(
            f"{one.name}, c=8: {faster:.1f} times the calls of {peer.name} (aim: {rate:.0f}), {cheaper:.2f} of its CPU ({cpu})"
        )


async def measured(found: Sequence[Front], rounds: int, seconds: float) -> None:
    """Every front by turns."""
    for _ in range(rounds):
        for callers in CALLERS:
            for one in found:
                try:
                    await loaded(one, callers, seconds)
                except (SystemExit, OSError, asyncio.IncompleteReadError) as error:
                    print(f"{one.name} failed at {callers} callers: {type(error).__name__} {error}")
                    one.rates.setdefault(callers, []).append(math.nan)
                    one.cpu.setdefault(callers, []).append(math.nan)
    for one in found:
        try:
            async with asyncio.timeout(120):
                await big(one)
        except (TimeoutError, SystemExit, OSError, asyncio.IncompleteReadError) as error:
            print(f"{one.name} gives no result of 32 MiB: {type(error).__name__} {error}")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=float, default=2.0)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--without-peers", action="store_true")
    asked.add_argument("--idle", type=int, default=2000)
    given = asked.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name, issuing() as issuer, ExitStack() as held:
        folder = Path(name)
        peers = {} if given.without_peers else installed(folder)
        found = fronts(held, peers, everything_on(folder, issuer))
        asyncio.run(measured(found, given.rounds, given.seconds))
        told(found, next((one for one in found if one.name.startswith("mcp-proxy")), None))
        if hard < given.idle + 256:
            print(f"left out: {given.idle} idle connections take more than the {hard} open files that are allowed here")
        else:
            before, after = asyncio.run(idle(found[0], given.idle))
            print(f"{given.idle} idle connections: {after - before:.1f} MiB more than {before:.1f} MiB (aim: 60)")


if __name__ == "__main__":
    main()
