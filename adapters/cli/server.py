"""Which server a command calls, if any, and how the names typed here are written for it."""

from __future__ import annotations

import os
from pathlib import Path

SERVER = "ARCOPS_SERVER"
"""The environment variable that names the server; ``--server`` sets it for one command."""


def server() -> str:
    """The URL of the server that runs the tools, or empty if they run here."""
    return os.environ.get(SERVER, "")


def policy_there(policy: str) -> str:
    """*policy* as another process names it: a file by its absolute path, a shipped one by its name."""
    path = Path(policy)
    return str(path.absolute()) if os.sep in policy or path.is_file() else policy


def policy_for(policy: str) -> str:
    """*policy* as the process that runs the tools names it."""
    return policy_there(policy) if server() else policy
