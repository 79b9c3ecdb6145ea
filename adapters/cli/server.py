"""Which server a command's capability is asked at, if any, and how what was typed here is named for it."""

from __future__ import annotations

import os
from pathlib import Path

SERVER = "ARCOPS_SERVER"
"""The environment variable that names the server; ``--server`` sets it for one command."""


def server() -> str:
    """The URL of the server that the tools run at, or nothing where they run here."""
    return os.environ.get(SERVER, "")


def policy_there(policy: str) -> str:
    """*policy* as another process names it: a file by its whole path, a shipped one by its name."""
    path = Path(policy)
    return str(path.absolute()) if os.sep in policy or path.is_file() else policy


def policy_for(policy: str) -> str:
    """*policy* as the process names it that the tools run in."""
    return policy_there(policy) if server() else policy
