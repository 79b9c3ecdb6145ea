"""The real server as a process of its own, at a free port."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """``url`` is where the front answers; ``log`` what it has printed when it ended."""

    url: str
    process: subprocess.Popen[str]

    @property
    def mcp(self) -> str:
        return f"{self.url}/mcp"


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What a process of ours needs of this one's environment, and *more*."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **more}


@contextmanager
def served(*command: str, env: Mapping[str, str], module: str = "adapters.cli") -> Iterator[Served]:
    """``arcops COMMAND --port 0``, until the block ends; then it is told to end, and must."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *command, "--port", "0"],
        env=environment(env),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Served(url=_url(process), process=process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said, until = "", time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if select.select([process.stderr], [], [], 0.2)[0]:
            line = process.stderr.readline()
            said += line
            if found := re.search(r" at (https?://\S+)$", line.strip()):
                return found.group(1)
            if not line:
                break
    raise AssertionError(f"the server did not start: {said}")
