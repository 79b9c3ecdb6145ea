"""The subject *server*: a hosted MCP server of someone else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="mcp-server", policy="server")
@dataclass(frozen=True, slots=True, kw_only=True)
class Server(Judgeable):
    """A hosted MCP server, installed and not started. It has no check of its own: ``arcops host gate`` prepares one."""

    name: str = field(metadata=shaped(least=1, most=63))
    """The name of its row."""
    target: Path = field(metadata=shaped(least=1, most=4096))
    """The folder in which it is installed."""
    case: Path = field(metadata=shaped(least=1, most=4096))
    """The folder with what its row says: the lock, how it would be started, and what belongs to it."""
