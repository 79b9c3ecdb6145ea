"""Programs of others: run without our environment, with limits on time and output."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Unavailable
from foundation.processes import environments
from foundation.processes.starting import Child, TimeoutExpired, program, start

_LOOK_EVERY = 0.1  # seconds between two looks at the clock and at the size of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``seconds`` from start to end; ``size`` is the most bytes that standard output and standard error may each have."""

    seconds: float
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How a program ended: its exit code (negative: the signal that killed it) and what it wrote.

    ``errors`` is the end of its standard error in one printable line, ``log`` all of it.
    """

    code: int
    output: bytes
    errors: str
    log: bytes = b""


def run(
    arguments: Sequence[str],
    *,
    scratch: Path,
    limits: Limits,
    alive: Callable[[], object],
    secrets: Iterable[Path],
    network: bool = False,
    told: Mapping[str, str] | None = None,
) -> Output:
    """Run *arguments* in the empty directory *scratch*, which is also its home and its folder for temporary files.

    It may open every file of this user except *secrets*, and reach other machines only with *network*, as far as the kernel can
    enforce that (`foundation.processes.walls`). *told* are variables that it gets besides. *alive* is called ten times a second
    and may raise to end the program.
    Raises `Unavailable` if it cannot be started, takes too long or writes too much. In every case its whole process group is
    ended.
    """
    name = Path(arguments[0]).name
    home = scratch / "home"
    home.mkdir()
    written, said = scratch / "output", scratch / "errors"
    ends = time.monotonic() + limits.seconds
    with written.open("wb") as output, said.open("wb") as errors:
        try:
            process = start(
                program(arguments, closed=map(str, secrets), network=network),
                environment={**environments.of_program(str(home)), **(told or {})},
                folder=str(home),
                stdout=output,
                stderr=errors,
            )
        except OSError as error:
            raise Unavailable(
                f"{name} cannot be started: {error.strerror}; install it again or remove it from the PATH"
            ) from error
        try:
            while True:
                try:
                    code = process.wait(timeout=_LOOK_EVERY)
                    break
                except TimeoutExpired:
                    alive()
                _refuse_size(name, written, said, limits)
                if time.monotonic() > ends:
                    raise Unavailable(f"{name} did not end within {limits.seconds:g} seconds and was stopped")
        finally:
            _end(process)
    _refuse_size(name, written, said, limits)
    log = said.read_bytes()
    return Output(code=code, output=written.read_bytes(), errors=_tail(log), log=log)


def _refuse_size(name: str, written: Path, said: Path, limits: Limits) -> None:
    if max(written.stat().st_size, said.stat().st_size) > limits.size:
        raise Unavailable(f"{name} wrote more than {limits.size} bytes and was stopped")


def _end(process: Child) -> None:
    """Kill the rest of the process group; its id stays ours while one of its processes exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(text: bytes) -> str:
    """The end of the text, in one printable line."""
    line = " ".join(text[-2000:].decode("utf-8", "replace").split())
    return "".join(character for character in line if character.isprintable())[-400:]
