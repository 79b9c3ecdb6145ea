"""GetConfig beside a static file, by the same server in the same run; and what one more release costs among many.

Figures are ratios first: CPU and P95 of GetConfig by those of a file of the same size. One process serves; another one asks.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

RATE, SECONDS = 150, 4
PORT = 0


def served(home: str, ready: Any, spent: Any, stop: Any) -> None:
    """Serve the configuration and a file of the same bytes, until told to stop."""
    from dataclasses import replace

    import uvicorn

    from adapters.http.app import DoorPart, front
    from adapters.http.bound import bind
    from adapters.http.configuration import Configuration
    from adapters.http.opening import UserOpening
    from adapters.http.serve import listen
    from capabilities.client.publishing import PublishClientConfig, publish_client_config
    from capabilities.client.serving import served_here
    from tests.adapters.doors import door_for
    from tests.services.config.folders import machine
    from tests.services.config.place import DRAFT, version

    made = machine(Path(home))
    for number in range(40):
        draft = version(f"1.{number}.0", DRAFT).decode()
        began = time.perf_counter()
        publish_client_config(PublishClientConfig(draft=draft, changelog="It changes."), made.at)
        last = time.perf_counter() - began
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    bound = bind("127.0.0.1", port, made.at.settings, certificate=None, key=None, behind_proxy=False)
    at = replace(made.at, own=False)
    way_in = UserOpening(bound=bound, cache=Path(home) / "cache", secret="the-secret")  # noqa: S106  # of this run
    config = Configuration(served=served_here(at, None), at=lambda: at, door=door_for(opening=way_in), origin=bound.url)
    config.served.healthy()
    file = Path(home) / "artifact.json"
    file.write_bytes(config.served.reading.get("claude-code", "dev").body)

    async def static(_: Any) -> FileResponse:
        return FileResponse(file)

    app = front([config.part(), DoorPart(routes=[Route("/static", static)])], bound)
    assert not isinstance(app, Starlette)
    ready.put((port, file.stat().st_size, last))

    async def run() -> None:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
        asyncio.get_running_loop().create_task(_watch(server))
        await server.serve(sockets=[listening])

    async def _watch(server: Any) -> None:
        while not stop.is_set():
            spent.value = time.process_time()
            await asyncio.sleep(0.02)
        server.should_exit = True

    asyncio.run(run())


async def asked(port: int, path: str, rate: int, seconds: int) -> list[float]:
    """The milliseconds of requests that arrive at *rate*, whatever the earlier ones do."""
    import httpx2

    took: list[float] = []
    limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64)
    headers = {"Authorization": "Bearer the-secret"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, limits=limits) as client:

        async def one() -> None:
            began = time.perf_counter()
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            took.append((time.perf_counter() - began) * 1000)

        start = time.perf_counter()
        tasks = []
        for number in range(rate * seconds):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(one()))
        await asyncio.gather(*tasks)
    return took


def main() -> None:
    """Print the figures."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as home:
        ready, spent, stop = context.Queue(), context.Value("d", 0.0), context.Event()
        server = context.Process(target=served, args=(home, ready, spent, stop))
        server.start()
        port, size, last = ready.get(timeout=120)
        print(f"an artifact of {size} bytes, {RATE} requests a second for {SECONDS} s, {os.cpu_count()} cores")
        figures: dict[str, tuple[float, float]] = {}
        config, discovery = "/conf/v1/configs/claude-code/dev", "/conf/v1/clients"
        for name, path in (("warm", config), ("static file", "/static"), ("GetConfig", config), ("ListClients", discovery)):
            before = spent.value
            took = asyncio.run(asked(port, path, RATE, SECONDS))
            time.sleep(0.1)
            figures[name] = (statistics.quantiles(took, n=20)[-1], (spent.value - before) * 1000 / len(took))
        for name in ("static file", "GetConfig", "ListClients"):
            p95, cpu = figures[name]
            by = [value / base for value, base in zip(figures[name], figures["static file"], strict=True)]
            print(f"{name}: P95 {p95:.1f} ms ({by[0]:.2f}x), CPU {cpu:.2f} ms a request ({by[1]:.2f}x)")
        print(f"one release among 40: {last * 1000:.0f} ms")
        stop.set()
        server.join(20)


if __name__ == "__main__":
    main()
