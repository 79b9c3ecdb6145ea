"""What decisions are about here: every tool, in the group of its scope, and what people approve."""

from __future__ import annotations

from capabilities.catalogue import all_tools
from foundation.authorization.authorizing import Authorization
from foundation.authorization.objects import APPROVE, CALL, CONNECT, Objects
from foundation.authorization.shipped import APPROVING
from foundation.settings import Settings

_TOOL = frozenset((CALL, CONNECT))
_APPROVED = {name: frozenset((APPROVE,)) for name in ("waivers", "servers", "catalog")}
_LOOK_SECONDS = 0.05
"""So long a changed policy may not be seen yet."""
_BENEATH = {"servers/": frozenset((CALL, CONNECT, APPROVE))}
"""Hosted servers and their tools: ``servers/NAME/TOOL``. They come and go while the policy stays."""


def known_objects() -> Objects:
    """Every object that a decision here can be about."""
    tools = all_tools()
    groups: dict[str, set[str]] = {}
    for one in tools:
        groups.setdefault(one.scope.value, set()).add(one.name)
        if one.approves:
            groups.setdefault(APPROVING, set()).add(one.name)
    return Objects(
        actions={**{one.name: _TOOL for one in tools}, **_APPROVED},
        groups={scope: frozenset(names) for scope, names in groups.items()},
        beneath=_BENEATH,
    )


def authorization(settings: Settings) -> Authorization:
    """Who may call what, by the policy that *settings* name. Make it once, and give it to every decision."""
    return Authorization(settings.access, known_objects(), named=settings.access_named, look_seconds=_LOOK_SECONDS)
