"""A Redis server of the test's own, if the machine has one. It keeps nothing on the disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.http.serve import reserved_port
from tests.waiting import until


@contextmanager
def redis_server(folder: Path, *more: str) -> Iterator[int]:
    """The port of a server with its files in *folder*, until the block ends. Skips the test if there is no Redis here."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here")
    with reserved_port() as port:
        settings = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder), *more)
        with subprocess.Popen([program, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                until(lambda: _answers(port, server), "Redis answers")
                yield port
            finally:
                server.terminate()


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "redis-server ended"
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except OSError:
        return False
    return True
