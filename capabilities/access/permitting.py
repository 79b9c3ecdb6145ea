"""May a caller make this call? Every action of it must be allowed: the call, the connection if it opens one, and what it
approves if it approves something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from arcops.identity import Identity
from artifacts.wire import to_json
from capabilities.contract import Scope, Tool
from foundation.authorization.authorizing import Authorization, decide
from foundation.authorization.decision import Decision
from foundation.authorization.objects import APPROVE, CALL, CONNECT


def permitted(tool: Tool[Any, Any], ask: object, caller: Identity, at: Authorization) -> Decision:
    """Whether *caller* may call *tool* with *ask*: the first decision that denies, or that about the call. Never raises."""
    arguments = AskArguments(ask=ask)
    called = decide(caller, CALL, tool.name, arguments, at)
    if called.allowed and tool.approves:
        approved = decide(caller, APPROVE, tool.approves, arguments, at)
        called = called if approved.allowed else approved
    if not called.allowed or not connects(tool, ask):
        return called
    connected = decide(caller, CONNECT, tool.name, arguments, at)
    return called if connected.allowed else connected


def connects(tool: Tool[Any, Any], ask: object) -> bool:
    """Does *tool* open a connection for *ask*? One that can't say counts as one that does."""
    try:
        return Scope.CONNECT in tool.scopes(ask)
    except Exception:
        return True


@dataclass(frozen=True, kw_only=True)
class AskArguments(Mapping[str, object]):
    """The fields of an ask as JSON, every default filled in. They are made when a policy reads them: seldom."""

    ask: object
    _made: dict[str, object] = field(default_factory=dict)

    def _values(self) -> Mapping[str, object]:
        if not self._made:
            found = to_json(self.ask)
            self._made.update(found if isinstance(found, dict) else {})
        return self._made

    def __getitem__(self, name: str) -> object:
        return self._values()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())
