"""A line typed into ``arcops``, in this process, which spares its start: what it printed, and its exit code."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from adapters.cli.main import run


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def typed(*arguments: str | Path, environment: Mapping[str, str], fed: str = "", cwd: Path | None = None) -> Done:
    """``arcops`` with *arguments*, *fed* on standard input and exactly this *environment*, in the folder *cwd*."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    error = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stdin = io.TextIOWrapper(io.BytesIO(fed.encode()), encoding="utf-8")
    streams = {"stdin": stdin, "stdout": out, "stderr": error}
    try:
        with (
            chdir(cwd or "."),
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch.multiple(sys, **streams),
        ):
            code = run([str(one) for one in arguments])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for stream in (out, error):
        stream.flush()
    return Done(code, *(stream.buffer.getvalue().decode() for stream in (out, error)))  # type: ignore[attr-defined]  # BytesIO
