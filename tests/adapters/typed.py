"""A line typed into ``arcops``, in this process, which spares its start: what it printed, and its exit code."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from unittest import mock

from adapters.cli.main import run


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def typed(*arguments: str, environment: Mapping[str, str]) -> Done:
    """``arcops`` with *arguments*, an empty standard input, and exactly this *environment*."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    error = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    streams = {"stdin": io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), "stdout": out, "stderr": error}
    try:
        with mock.patch.dict(os.environ, environment, clear=True), mock.patch.multiple(sys, **streams):
            code = run(arguments)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for stream in (out, error):
        stream.flush()
    return Done(code, *(stream.buffer.getvalue().decode() for stream in (out, error)))  # type: ignore[attr-defined]  # BytesIO
