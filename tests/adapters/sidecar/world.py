"""A sidecar as a pod has it: its process, its configuration in a folder, and the shim with a server behind a socket."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.operator.sidecar import KEYS_FILE, SIDECAR_FILE, Reach, SidecarConfig, Target
from tests.adapters.relay.talking import ACCEPT, Client, Response, ask
from tests.simulators.hosting import trivial

HOUSE = Path(__file__).resolve().parents[3]
SHIM = HOUSE / "deployments" / "shim" / "arcops-shim.c"
PATIENCE = 60.0


@cache
def shim() -> Path:
    """The shim, built as its README says; without a C compiler the test is skipped, and says so."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here, so the shim is not built")
    folder = Path(tempfile.gettempdir()) / f"arcops-shim-{os.getuid()}-{os.getppid()}-{os.getpid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    built = folder / "arcops-shim"
    flags = ["-std=c11", "-O2", "-static", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *flags, "-o", str(built), str(SHIM)], check=True, capture_output=True)
    return built


def until(met: Any, seconds: float = PATIENCE) -> None:
    """Wait until *met*; a test fails if it takes too long."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.01)


@contextmanager
def shimmed(at: Path, command: Sequence[str], *options: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The shim at the socket *at* before *command*; it is ended at the end, with what it began."""
    with subprocess.Popen([str(shim()), "--socket", str(at), *options, "--", *command], **more) as process:
        try:
            until(lambda: at.exists() or process.poll() is not None)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(slots=True, kw_only=True)
class Pod:
    """A sidecar that runs, from outside. ``said`` is where its standard error and output go."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    health_port: int
    config: SidecarConfig
    records: Path

    def asked(self, path: str, port: int = 0) -> tuple[int, Any]:
        """The status and the JSON of a GET at the health port."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.health_port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if answer.headers["content-type"] == "application/json" else body.decode()
        finally:
            connection.close()

    def ready(self) -> bool:
        """Is it ready? A sidecar that ended fails the test."""
        assert self.process.poll() is None, self.words()
        return self.asked("/ready")[0] == 200

    def words(self) -> str:
        """What it wrote to its standard error."""
        return (self.folder.parent / "stderr").read_text()

    def recorded(self) -> list[dict[str, Any]]:
        """The records of calls so far."""
        return [json.loads(line) for line in self.records.read_text().splitlines()]

    def configured(self, **changes: Any) -> None:
        """Another configuration, written as the kubelet does: at once."""
        self.config = replace(self.config, **changes)
        write(self.folder, self.config.text)

    @property
    def url(self) -> str:
        """Of the server, for clients."""
        return f"http://127.0.0.1:{self.port}/mcp"


class Here(Client):
    """A client of the one server of a sidecar."""

    async def send(self, message: object, **headers: str) -> Response:
        own = {**ACCEPT, **self.headers, **({"mcp-session-id": self.session} if self.session else {})}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await ask(self.port, "POST", "/mcp", own, body)


def write(folder: Path, text: str, name: str = SIDECAR_FILE) -> None:
    """Put *text* into the *folder*, whole."""
    new = folder / f".{name}.new"
    new.write_text(text)
    new.rename(folder / name)


def config(**changes: Any) -> SidecarConfig:
    """A configuration; *changes* over one of a server without callers' names and policies."""
    return replace(
        SidecarConfig(server="tools/time", transport="stdio", target=Target(reach=Reach.SOCKET, socket="/nowhere")), **changes
    )


@contextmanager
def pod(wanted: SidecarConfig, home: Path, *options: str, keys: Mapping[str, Any] | None = None) -> Iterator[Pod]:
    """A sidecar with the configuration *wanted* and the *keys* of issuers; it need not be ready yet."""
    folder = home / "config"
    folder.mkdir()
    write(folder, wanted.text)
    write(folder, json.dumps(keys or {}), KEYS_FILE)
    ports = free_ports(2)
    command = [sys.executable, "-m", "adapters.relay.sidecar", "--config", str(folder), "--host", "127.0.0.1"]
    command += ["--port", str(ports[0]), "--health-port", str(ports[1]), "--linger", "0", *options]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE)}
    with ExitStack() as stack:
        err, out = (stack.enter_context((home / name).open("wb")) for name in ("stderr", "records"))
        process = stack.enter_context(subprocess.Popen(command, env=environment, cwd=home, stdout=out, stderr=err))
        made = Pod(
            folder=folder,
            process=process,
            port=ports[0],
            health_port=ports[1],
            config=wanted,
            records=home / "records",
        )
        try:
            yield made
        finally:
            process.kill()


@contextmanager
def stdio_pod(home: Path, *options: str, command: Sequence[str] = (), keys: Any = None, **changes: Any) -> Iterator[Pod]:
    """A sidecar and a shim with the trivial server, or *command*, behind it; ready."""
    at = home / "s"
    wanted = config(target=Target(reach=Reach.SOCKET, socket=str(at)), **changes)
    with shimmed(at, command or trivial(), stderr=subprocess.DEVNULL), pod(wanted, home, *options, keys=keys) as made:
        until(lambda: listens(made) and made.ready())
        yield made


def listens(made: Pod) -> bool:
    """Does its health port answer?"""
    assert made.process.poll() is None, made.words()
    try:
        made.asked("/live")
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that no one has now."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in held]
