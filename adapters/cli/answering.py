"""Where a command's tool runs: here, or at the server that ``--server`` names. The answer is the same value either way."""

from __future__ import annotations

import os
from typing import TypeVar

from adapters.cli.server import server
from capabilities.contract import Tool
from capabilities.place import Place
from capabilities.watching import watched
from foundation.telemetry.spans import span

A = TypeVar("A")
B = TypeVar("B")

_TRACING = ("OTEL_", "ARCOPS_TRACES")
"""How the variables begin by which traces are asked for."""


def answer(tool: Tool[A, B], ask: A, at: Place) -> B:
    """Call *tool*; raises what it raises, wherever it runs."""
    if any(name.startswith(_TRACING) for name in os.environ):
        from foundation.telemetry import traces  # most sites ask for none

        traces.begin(os.environ, at.settings.tier)
    url = server()
    if not url:
        return watched(tool, ask, at)
    from adapters.mcp.client import call

    with span(f"call {tool.name}", tool=tool.name):
        return call(url, tool, ask, settings=at.settings, environment=os.environ, stop=at.stop, progress=at.progress)
