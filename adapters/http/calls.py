"""A call of a tool, understood once: the guard leaves it in the ASGI scope for limits, decision, record and tool.

Who comes after the guard reads no message again, so what was decided, counted and recorded is what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arcops.errors import Broken
from capabilities.contract import Tool

CALL, DECISION = "arcops.call", "arcops.decision"
"""The keys, in an ASGI scope, of the `Call` (``None`` if it is another request), and of what the guard decided about it."""
OTHER = "unknown"
"""Stands for every name that is no tool of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that calls a tool. ``id`` is its id in JSON-RPC, if it has a plain one.

    ``tool`` is what it calls, also by another tool's hand; ``None`` if there is no such tool, or it only finds tools. ``ask``
    is what its ``arguments`` mean, or ``None`` if they are no ask of this tool, which the tool's answer then says.
    ``connects`` says that it opens a connection.
    """

    id: str | int | None
    name: str = OTHER
    tool: Tool[Any, Any] | None = None
    arguments: Mapping[str, object] | None = None
    ask: Any = None
    connects: bool = False

    @property
    def tool_name(self) -> str:
        """The name of the tool, for a record; empty if it calls none."""
        return self.tool.name if self.tool is not None else ""

    def understood(self, tool: Tool[Any, Any], arguments: Mapping[str, object] | None) -> Any:
        """The ask, if these *arguments* for this *tool* are what the guard read; ``None`` if they have to be read again."""
        return self.ask if self.tool is tool and self.arguments == (arguments or {}) else None


def call_in(scope: Mapping[str, Any]) -> Call | None:
    """The call in *scope*, which a guard has read; ``None`` if it is another request.

    Raises `Broken` if no guard has read it: then nothing was decided either.
    """
    try:
        found: Call | None = scope[CALL]
    except KeyError:
        raise Broken("a request was not read by a guard, so it is not known what it calls") from None
    return found
