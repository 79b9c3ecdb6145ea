"""What the person who starts this server lets its callers do: to look and to check, and what else is named (`--allow`).

An agent calls what it is handed. So what signs, connects, waives or changes what counts here is handed over only by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arcops.errors import Refused
from capabilities.contract import Scope, Tool

ALWAYS = frozenset({Scope.READ, Scope.CHECK})


def allowed(named: Sequence[str]) -> frozenset[Scope]:
    """The scopes that are always allowed, and those with these names. Raises `Refused` for another name."""
    known = {one.value: one for one in Scope}
    for name in named:
        if name not in known:
            raise Refused(f"there is no scope {name[:80]!r} to allow; there are {', '.join(known)}")
    return ALWAYS | {known[name] for name in named}


def offers(tool: Tool[Any, Any], scopes: frozenset[Scope]) -> bool:
    """Is there an ask of *tool* that *scopes* allow?"""
    return tool.scope in scopes and (Scope.CONNECT in scopes or not tool.always_connects)


def lacking(tool: Tool[Any, Any], scopes: frozenset[Scope]) -> str:
    """Why *tool* is not offered with *scopes*."""
    scope = Scope.CONNECT if tool.scope in scopes else tool.scope
    return _said(tool, scope)


def refuse_unallowed(tool: Tool[Any, Any], ask: Any, scopes: frozenset[Scope]) -> None:
    """Raises `Refused` if *ask* needs a scope that is not in *scopes*."""
    for scope in tool.scopes(ask):
        if scope not in scopes:
            raise Refused(_said(tool, scope))


def _said(tool: Tool[Any, Any], scope: Scope) -> str:
    return (
        f"{tool.name} needs the scope {scope.value!r} for this, which the person who started this server did not allow; "
        f"they allow it with 'arcops mcp --allow {scope.value}'"
    )
