"""The real server as a process of its own, at a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from foundation.nearby import find

REPOSITORY = Path(__file__).parents[2]
_START_SECONDS, _END_SECONDS = 180.0, 120.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """``url`` is where the front answers; ``log`` the lines that it has written to standard error so far.

    ``cache`` is where this user's programs find its secret. What asks through `get`, `post`, `stream` or `client` is this user.
    """

    url: str
    cache: Path = Path("/nonexistent")
    process: subprocess.Popen[str] = None  # type: ignore[assignment]  # a test that serves in its own process has none
    log: list[str] = field(default_factory=list)

    @property
    def mcp(self) -> str:
        return f"{self.url}/mcp"

    @property
    def secret(self) -> dict[str, str]:
        """The header that opens it, or nothing if it has no secret."""
        found = find(self.cache, self.url)
        return {"authorization": f"Bearer {found.secret}"} if found else {}

    def get(self, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", headers={**self.secret, **(headers or {})}, **more)

    def post(self, path: str = "/mcp", headers: Mapping[str, str] | None = None, **more: Any) -> httpx2.Response:
        return httpx2.post(f"{self.url}{path}", headers={**self.secret, **(headers or {})}, **more)

    def stream(self, method: str, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        """A request at ``/mcp`` whose answer is read as it comes."""
        return httpx2.stream(method, self.mcp, headers={**self.secret, **(headers or {})}, **more)

    @asynccontextmanager
    async def client(self, headers: Mapping[str, str] | None = None, query: str = "", **more: Any) -> AsyncIterator[Client]:
        """The official SDK's client, as this user."""
        async with (
            httpx2.AsyncClient(headers={**self.secret, **(headers or {})}, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(f"{self.mcp}{query}", http_client=http), **more) as client,
        ):
            yield client


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What a process of ours needs of this one's environment, and *more*."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **more}


@contextmanager
def served(
    *command: str,
    env: Mapping[str, str],
    module: str = "adapters.cli",
    cwd: Path = REPOSITORY,
    program: Sequence[str] = (),
) -> Iterator[Served]:
    """``arcops COMMAND --port 0``, by the source in *cwd*, until the block ends; then it is told to end, and must.

    With *program* it is that, with no more of an environment than *env* says.
    """
    process = subprocess.Popen(
        [*(program or (sys.executable, "-m", module)), *command, "--port", "0"],
        env=dict(env) if program else environment({"PYTHONPATH": str(cwd), **env}),
        cwd=cwd,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    log: list[str] = []
    said = threading.Condition()
    reading = threading.Thread(target=_read, args=(process, log, said), daemon=True)
    reading.start()  # all along, for a server whose lines are not read stops
    try:
        cache = Path(env.get("ARCOPS_HOME", "/nonexistent")) / "cache"
        yield Served(url=_url(process, log, said), process=process, cache=cache, log=log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            reading.join(timeout=10)
            assert process.stderr is not None
            if not reading.is_alive():
                process.stderr.close()


def _read(process: subprocess.Popen[str], log: list[str], said: threading.Condition) -> None:
    assert process.stderr is not None
    for line in filter(str.strip, process.stderr):
        with said:
            log.append(line.rstrip("\n"))
            said.notify_all()
    with said:
        log.append("")  # the end
        said.notify_all()


def _url(process: subprocess.Popen[str], log: list[str], said: threading.Condition) -> str:
    """The address that the server prints, as text or as the message of a line in JSON."""
    until = time.monotonic() + _START_SECONDS
    with said:
        while not log or log[-1]:
            if found := [one for line in log if (one := re.search(r' at (https?://[^\s"]+)("\})?$', line))]:
                return found[0].group(1)
            if not said.wait(until - time.monotonic()):
                break
    raise AssertionError(f"the server did not start: {log}")
