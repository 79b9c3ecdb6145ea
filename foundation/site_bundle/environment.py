"""The environment of a bundle: its wheels, installed for the Python here, without a network and without asking an index."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from arcops.errors import Refused, Unavailable
from foundation.processes.environments import of_program
from foundation.processes.starting import PIPE, TimeoutExpired, empty_folder, program, start

_LONGEST = 1800.0
"""Seconds for one step: hundreds of packages on a slow disk take minutes."""
_MOST_SAID = 400


def program_in(environment: Path) -> list[str]:
    """The command that runs the ArcOps of *environment*, isolated from the caller's own packages."""
    return [str(_python_in(environment)), "-I", str(environment / "bin" / "arcops")]


def make_environment(wheels: Path, environment: Path, closed: Iterable[Path]) -> None:
    """Install what *wheels* holds, by its list with hashes, into the new folder *environment*, and try the program once.

    Nothing of it may open the files *closed* or reach another machine, as far as the kernel can enforce that. Raises `Refused`
    if the wheels do not fit the Python here, `Unavailable` if a step cannot be done. What is left then has no effect.
    """
    secret = tuple(map(str, closed))
    _step([_own_python(), "-I", "-m", "venv", str(environment)], secret, "this Python cannot make an environment (venv)")
    _step(
        [
            *(str(_python_in(environment)), "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir"),
            *("install", "--quiet", "--no-index", "--find-links", str(wheels), "--only-binary", ":all:"),
            *("--require-hashes", "--requirement", str(wheels / "requirements.txt")),
        ],
        secret,
        f"the wheels do not make an installation for Python {sys.version_info.major}.{sys.version_info.minor} here",
    )
    _step([*program_in(environment), "--version"], secret, "the program of the wheels does not start")


def _own_python() -> str:
    """The interpreter that this one was made from: another environment's would tie the new one to it."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def _python_in(environment: Path) -> Path:
    return environment / "bin" / "python"


def _step(command: Sequence[str], closed: Sequence[str], failed: str) -> None:
    with empty_folder() as folder:
        try:
            child = start(
                program(command, closed=closed, network=False),
                environment=of_program(folder),
                folder=folder,
                stdout=PIPE,
                stderr=PIPE,
            )
        except OSError as error:
            raise Unavailable(
                f"{command[0]} cannot be started: {os.strerror(error.errno or 0)}; nothing was installed"
            ) from error
        try:
            output, errors = child.communicate(timeout=_LONGEST)
        except TimeoutExpired:
            raise Unavailable(f"{failed}: it did not end within {_LONGEST / 60:.0f} minutes; nothing was installed") from None
        finally:
            if child.poll() is None:
                child.kill()
                child.communicate()
    if child.returncode:
        raise Refused(f"{failed}: {_said(errors or output)}; nothing was installed")


def _said(text: bytes) -> str:
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    return re.sub(r"[^ -~]+", " ", " ".join(errors))[:_MOST_SAID].rstrip(" .") or "it said nothing"
