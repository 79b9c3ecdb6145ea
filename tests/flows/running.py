"""Runs flows one after another, each in a process of its own that is forked: importing Prefect takes longer than most runs.

A program: for each line of JSON that it reads (flow, parameters, environment, log) it writes the final state as a line of JSON,
``null`` if it has no state.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[2]


class Runs:
    """What begins runs, for a test."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self._program = program

    def state(self, flow: str, parameters: Mapping[str, object], environment: Mapping[str, str], log: Path) -> dict[str, str]:
        """The final state of a run of *flow*, whose process has *environment* besides what is the same for all of them."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        asked = {"flow": flow, "parameters": parameters, "environment": environment, "log": str(log)}
        self._program.stdin.write(json.dumps(asked) + "\n")
        self._program.stdin.flush()
        found: dict[str, str] | None = json.loads(self._program.stdout.readline())
        assert found, log.read_text()
        return found


@contextmanager
def running(api: str, folder: Path) -> Iterator[Runs]:
    """Runs against Prefect's API at *api*, until the block ends; *folder* is Prefect's own for all of them."""
    own = {"PREFECT_API_URL": api, "PREFECT_HOME": str(folder), "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(HOUSE)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.flows.running"], env={**os.environ, **own}, cwd=HOUSE,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        yield Runs(program)  # it ends with its input


def main() -> None:
    """Fork a process for each line, and wait for it."""
    from flows.prefect import made

    for module in ("flows.runners.engine", "prefect.flow_engine", "prefect.task_engine"):
        import_module(module)
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _run(json.loads(line), made, writing)
        os.close(writing)
        with open(reading) as said:  # noqa: PTH123  # a pipe has no path
            print(said.read() or "null", flush=True)
        os.waitpid(child, 0)


def _run(asked: dict[str, Any], made: Any, writing: int) -> None:
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(given, number)
    os.environ.update(asked["environment"])
    code = 1
    try:
        state = asyncio.run(getattr(made, asked["flow"])(**asked["parameters"], return_state=True))
        said = {"name": state.name, "type": state.type.value, "message": state.message}
        os.write(writing, json.dumps(said).encode())
        code = 0
    except BaseException:  # whatever it is, this process must not go on as its parent would
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
