"""Every run of pytest, and every worker of one, is below a warden (`tests/warden.py`), which ends whatever they leave."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import warden

_WARDEN = [sys.executable, "-I", "-S", str(Path(warden.__file__).resolve())]
_PYTEST = (Path(pytest.__file__).with_name("__main__.py"), Path(sys.executable).with_name("pytest"))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Either of the two wardens can be killed. The first keeps the process id that the caller knows."""
    if hasattr(config, "workerinput"):
        return
    if Path(sys.argv[0]).absolute() not in _PYTEST:
        return  # another program that calls pytest: its command may not be one to begin again
    begin_below_wardens()


def begin_below_wardens() -> None:
    """Begin this process's command again below two wardens, unless it is below them already."""
    if sys.platform != "linux" or os.environ.get(warden.PARENT) == str(os.getppid()):
        return
    sys.stdout.flush()
    again = json.dumps([sys.executable, *sys.orig_argv[1:]])
    os.execve(sys.executable, _WARDEN, {**os.environ, warden.COMMAND: again})  # noqa: S606  # no shell is wanted


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """What a worker that is killed had started ends with it, and not only with the run."""
    for spec in specs:
        if sys.platform == "linux" and spec.popen and not spec.python:
            spec.python = shlex.join([*_WARDEN, "--below", sys.executable])
