"""Calls to agents that speak A2A (Agent2Agent): the one place where a bridge would be put in.

There is not one yet: each call of a row that is an agent is refused here, in one sentence. Nothing is started or dialled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from arcops.errors import Refused

if TYPE_CHECKING:
    from arcops.identity import Identity
    from services.host.eras import Era
    from services.host.link import Link
    from services.host.rows import HostedRow

NO_BRIDGE = (
    "is an agent that speaks A2A, not an MCP server, and this host has no bridge between the two; it is kept with its card and "
    "not called (docs/when-to-use-which.md)"
)
"""Follows the name of an agent that someone wants to call, to judge or to resolve."""


class NoBridge(Refused):
    """The row is an agent, and nothing here carries calls to one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} {NO_BRIDGE}")


Bridge = Callable[["HostedRow", "Identity", str, "Era"], Awaitable["Link"]]
"""From a row that is an agent to what carries messages of MCP to it: asked as `services.host.hosted.Hosted.link` is, for each
call that access, limits and the audit log have let through. Raises `Refused`, or `Unavailable` to be asked again.
"""


async def no_bridge(row: HostedRow, caller: Identity, session: str, era: Era) -> Link:
    """What stands in the place of a bridge: a refusal."""
    raise NoBridge(row.name)


def refuse_agent(row: HostedRow) -> None:
    """Raise `NoBridge` if *row* is an agent: it has no files to resolve, to judge or to start."""
    from services.host.spec import is_agent

    if is_agent(row.current.spec):
        raise NoBridge(row.name)
