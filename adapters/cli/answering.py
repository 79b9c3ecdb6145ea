"""Where a command's tool runs: here, or at the server that ``--server`` names. The answer is the same value either way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from capabilities.contract import Tool
from capabilities.watching import watched
from flows.place import Place
from foundation.telemetry import traces
from foundation.telemetry.spans import span

A = TypeVar("A")
B = TypeVar("B")

SERVER = "ARCOPS_SERVER"
"""The environment variable that names the server; ``--server`` sets it for one command."""


def server() -> str:
    """The URL of the server that the tools run at, or nothing where they run here."""
    return os.environ.get(SERVER, "")


def answer(tool: Tool[A, B], ask: A, at: Place) -> B:
    """Call *tool*; raises what it raises, wherever it runs."""
    traces.begin(os.environ, at.settings.tier)
    url = server()
    if not url:
        return watched(tool, ask, at)
    from adapters.mcp.client import call

    with span(f"call {tool.name}", tool=tool.name):
        return call(url, tool, ask, settings=at.settings, environment=os.environ, stop=at.stop, progress=at.progress)


def policy_there(policy: str) -> str:
    """*policy* as another process names it: a file by its whole path, a shipped one by its name."""
    path = Path(policy)
    return str(path.absolute()) if os.sep in policy or path.is_file() else policy


def policy_for(policy: str) -> str:
    """*policy* as the process names it that the tools run in."""
    return policy_there(policy) if server() else policy
