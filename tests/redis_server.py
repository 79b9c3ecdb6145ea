"""A Redis server of the test's own, if the machine has one. It keeps nothing on the disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from adapters.http.serve import reserved_port

_START_SECONDS, _END_SECONDS = 600.0, 600.0


@contextmanager
def redis_server(folder: Path, *more: str) -> Iterator[int]:
    """The port of a server with its files in *folder*, until the block ends. Skips the test if there is no Redis here."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here")
    with reserved_port() as port:
        settings = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder), *more)
        process = subprocess.Popen([program, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + _START_SECONDS
            while time.monotonic() < until and process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60):
                    break
                time.sleep(0.02)
            assert process.poll() is None, "redis-server ended"
            yield port
        finally:
            process.terminate()
            process.wait(_END_SECONDS)
