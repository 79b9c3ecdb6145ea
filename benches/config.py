"""The configuration service under load, beside a static file by the same server in the same run.

1,000 requests a second of GetConfig and of discovery, which arrive whatever the earlier ones do; then 10,000 subscribers who
hear of one release, and who all fetch it within half a minute. Figures are ratios first. One process serves, another asks by
sockets of its own, so that asking costs little. Each connection is kept, as a proxy keeps them.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse
from starlette.routing import Route

RATE = int(os.environ.get("RATE", "1000"))
SECONDS = int(os.environ.get("PERIOD", "5"))
SUBSCRIBERS = int(os.environ.get("SUBSCRIBERS", "10000"))
CONNECTIONS = 64
JITTER_SECONDS = 30.0
CONFIG, DISCOVERY = "/conf/v1/configs/claude-code/dev", "/conf/v1/clients"
_HEAD = "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer the-secret\r\n\r\n"


def served(home: str, ready: Any, spent: Any, stop: Any, release: Any) -> None:
    """Serve the configuration and a file of the same bytes, until told to stop; release one more when told."""
    from dataclasses import replace

    import uvicorn

    from adapters.cli.conf_measuring import ConfigurationMetrics
    from adapters.cli.configured import alone
    from adapters.http.app import DoorPart, front
    from adapters.http.bound import bind
    from adapters.http.configuration import Configuration
    from adapters.http.opening import UserOpening
    from adapters.http.serve import listen
    from adapters.http.stored import StoreWatch
    from capabilities.client.publishing import PublishClientConfig, publish_client_config
    from capabilities.client.serving import served_here
    from tests.adapters.doors import door_for
    from tests.services.config.folders import machine
    from tests.services.config.place import DRAFT, version

    many_files()
    made = machine(Path(home))

    def publish(number: int) -> None:
        draft = version(f"1.{number}.0", DRAFT).decode()
        publish_client_config(PublishClientConfig(draft=draft, changelog="It changes."), made.at)

    publish(0)
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    bound = bind("127.0.0.1", port, made.at.settings, certificate=None, key=None, behind_proxy=False)
    at = replace(made.at, own=False)
    way_in = UserOpening(bound=bound, cache=Path(home) / "cache", secret="the-secret")  # noqa: S106  # of this run
    config = Configuration(served=served_here(at, None), at=lambda: at, door=door_for(opening=way_in), origin=bound.url)
    config.served.healthy()
    file = Path(home) / "artifact.json"
    file.write_bytes(config.served.reading.get("claude-code", "dev").body)
    metrics = ConfigurationMetrics(StoreWatch(at.settings.store, at.settings.memory), lambda app: app)

    async def static(_: Any) -> FileResponse:
        return FileResponse(file)

    app = front([alone(config, metrics), DoorPart(routes=[Route("/static", static)])], bound)
    ready.put((port, file.stat().st_size))

    async def run() -> None:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, backlog=SUBSCRIBERS))
        watching = asyncio.create_task(watch(server))
        await server.serve(sockets=[listening])
        await watching

    async def watch(server: Any) -> None:
        while not stop.is_set():
            spent.value = time.process_time()
            if release.is_set():
                release.clear()
                await asyncio.to_thread(publish, 1)
                ready.put(time.monotonic())
            await asyncio.sleep(0.02)
        server.should_exit = True
        server.force_exit = True

    asyncio.run(run())


def many_files() -> None:
    """Allow as many connections as this system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Connection:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=65536)

    async def get(self, path: str) -> int:
        """Ask for *path* and read the whole answer; its status."""
        self.writer.write(_HEAD.format(path, self.port).encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        await self.reader.readexactly(length)
        return int(head[9:12])


async def asked(port: int, path: str) -> list[float]:
    """The milliseconds of requests that arrive at the rate, from the moment at which each was due."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        one = Connection(port)
        await one.open()
        free.put_nowait(one)
    took: list[float] = []

    async def ask(due: float) -> None:
        connection = await free.get()
        status = await connection.get(path)
        took.append((time.perf_counter() - due) * 1000)
        free.put_nowait(connection)
        assert status == 200, status

    start, tasks = time.perf_counter(), []
    for number in range(RATE * SECONDS):
        due = start + number / RATE
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*tasks)
    while not free.empty():
        free.get_nowait().writer.close()
    return took


async def subscribed(port: int, pid: int, release: Any, ready: Any) -> None:
    """Open all subscribers, let one release be made, and let all fetch it. Prints what it took."""
    heard: list[float] = []
    opened = 0

    async def listen(gate: asyncio.Semaphore, all_heard: asyncio.Event) -> None:
        nonlocal opened
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
            writer.write(_HEAD.format("/conf/v1/updates", port).encode())
            await reader.readuntil(b"retry: 3000")
            opened += 1
        await reader.readuntil(b"event: release")
        heard.append(time.monotonic())
        if len(heard) == SUBSCRIBERS:
            all_heard.set()
        with contextlib.suppress(Exception):
            await closing.wait()
            writer.close()

    gate, all_heard, closing = asyncio.Semaphore(200), asyncio.Event(), asyncio.Event()
    began = time.monotonic()
    tasks = [asyncio.create_task(listen(gate, all_heard)) for _ in range(SUBSCRIBERS)]
    while opened < SUBSCRIBERS:
        await asyncio.sleep(0.05)
    connected = time.monotonic() - began
    size = memory(pid)
    release.set()
    released = await asyncio.to_thread(ready.get, True, 120)
    await asyncio.wait_for(all_heard.wait(), 120)
    last = max(heard) - released
    print(f"{SUBSCRIBERS} subscribers: connected in {connected:.1f} s, {size:.0f} MB, the last one heard after {last:.2f} s")
    statuses: dict[int, int] = {}
    took: list[float] = []

    async def herd(gate: asyncio.Semaphore) -> None:
        await asyncio.sleep(random.uniform(0, JITTER_SECONDS))  # noqa: S311  # spread, and no secret
        async with gate:
            began = time.perf_counter()
            one = Connection(port)
            await one.open()
            status = await one.get(CONFIG)
            one.writer.close()
        took.append((time.perf_counter() - began) * 1000)
        statuses[status] = statuses.get(status, 0) + 1

    gate = asyncio.Semaphore(500)
    await asyncio.gather(*(herd(gate) for _ in range(SUBSCRIBERS)))
    p95 = statistics.quantiles(took, n=20)[-1]
    print(f"the herd within {JITTER_SECONDS:.0f} s, while all stay subscribed: answers by status {statuses}, P95 {p95:.0f} ms")
    closing.set()
    await asyncio.gather(*tasks)


def memory(pid: int) -> float:
    """The megabytes that the process has in memory."""
    said = Path(f"/proc/{pid}/status").read_text()
    return int(said.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    """Print the figures."""
    context = multiprocessing.get_context("spawn")
    many_files()
    with tempfile.TemporaryDirectory() as home:
        ready, spent, stop, release = context.Queue(), context.Value("d", 0.0), context.Event(), context.Event()
        server = context.Process(target=served, args=(home, ready, spent, stop, release), daemon=True)
        server.start()
        port, size = ready.get(timeout=120)
        print(f"an artifact of {size} bytes, {RATE} requests a second for {SECONDS} s, {os.cpu_count()} cores")
        figures: dict[str, list[tuple[float, float]]] = {}
        for name, path in (
            ("warm", CONFIG),
            *(("static file", "/static"), ("GetConfig", CONFIG), ("ListClients", DISCOVERY)) * 2,
        ):
            before = spent.value
            took = asyncio.run(asked(port, path))
            time.sleep(0.1)
            figures.setdefault(name, []).append(
                (statistics.quantiles(took, n=20)[-1], (spent.value - before) * 1000 / len(took))
            )
        base = best(figures["static file"])
        for name in ("static file", "GetConfig", "ListClients"):
            p95, cpu = best(figures[name])
            print(f"{name}: P95 {p95:.1f} ms ({p95 / base[0]:.2f}x), CPU {cpu:.2f} ms a request ({cpu / base[1]:.2f}x)")
        if SUBSCRIBERS:
            asyncio.run(subscribed(port, int(server.pid or 0), release, ready))
        stop.set()
        server.join(20)
        if server.is_alive():
            server.kill()


def best(found: list[tuple[float, float]]) -> tuple[float, float]:
    """Of two rounds the better figures: the machine is shared, and others only make them worse."""
    return min(one for one, _ in found), min(one for _, one in found)


if __name__ == "__main__":
    main()
