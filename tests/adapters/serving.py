"""The real server as a process of its own, at a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """``url`` is where the front answers; ``log`` the lines that it has written to standard error so far."""

    url: str
    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)

    @property
    def mcp(self) -> str:
        return f"{self.url}/mcp"


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
    reading.start()  # all along, for a server whose lines nobody reads stands still
    try:
        yield Served(url=_url(process, log, said), process=process, log=log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=40)
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
    """Where the server says that it is, as text or as the message of a line in JSON."""
    until = time.monotonic() + _START_SECONDS
    with said:
        while not log or log[-1]:
            if found := [one for line in log if (one := re.search(r' at (https?://[^\s"]+)("\})?$', line))]:
                return found[0].group(1)
            if not said.wait(until - time.monotonic()):
                break
    raise AssertionError(f"the server did not start: {log}")
