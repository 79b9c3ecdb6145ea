"""Every run of pytest, and every worker of one, is below a warden (`tests/warden.py`), which ends whatever they leave."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import warden

_WARDEN = [sys.executable, "-I", "-S", str(Path(warden.__file__).resolve())]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Begin anew below two wardens, of which either can be killed. The first keeps the number by which the caller knows us."""
    if sys.platform != "linux" or hasattr(config, "workerinput") or os.environ.get(warden.PARENT) == str(os.getppid()):
        return
    sys.stdout.flush()
    os.execv(sys.executable, [*_WARDEN, *_WARDEN, "--below", sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # no shell is wanted


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """What a worker that is killed had started ends with it, and not only with the run."""
    for spec in specs:
        if sys.platform == "linux" and spec.popen and not spec.python:
            spec.python = shlex.join([*_WARDEN, "--below", sys.executable])
