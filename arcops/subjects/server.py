"""The subject *server*: a hosted MCP server of someone else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable

NAMED_ONLY = Path("/")
"""No folder: that of no installation."""


@judgeable(kind="mcp-server", policy="server")
@dataclass(frozen=True, slots=True, kw_only=True)
class Server(Judgeable):
    """A hosted MCP server, installed and not started. It has no check of its own: ``arcops host gate`` prepares one. Without
    its folders it is only named: what was judged about it can be taken, and nothing can be judged.
    """

    name: str = field(metadata=shaped(least=1, most=63))
    """The name of its row."""
    target: Path = field(default=NAMED_ONLY, metadata=shaped(least=1, most=4096))
    """The folder in which it is installed."""
    case: Path = field(default=NAMED_ONLY, metadata=shaped(least=1, most=4096))
    """The folder with what its row says: the lock, how it would be started, and what belongs to it."""

    @property
    def named_only(self) -> bool:
        """Is only its name given?"""
        return NAMED_ONLY in (self.target, self.case)
