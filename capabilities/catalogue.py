"""Every capability, found by looking through the modules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from arcops.discovery import declared
from capabilities.contract import Scope, Tool
from capabilities.generic import generic_checks
from flows.place import Place


@cache
def all_tools() -> tuple[Tool[Any, Any], ...]:
    """Every capability, in the order of names."""
    own = declared("capabilities", Tool)
    return tuple(sorted((*own, *generic_checks(own)), key=lambda one: one.name))


def tool_named(name: str) -> Tool[Any, Any] | None:
    """The capability of this *name*; ``None`` for a name that no capability has."""
    return _by_name().get(name)


@cache
def _by_name() -> Mapping[str, Tool[Any, Any]]:
    return {one.name: one for one in all_tools()}


def offered(at: Place, *, trusting: bool) -> tuple[Tool[Any, Any], ...]:
    """The capabilities that a door offers at this place. Those that change what counts here are offered only if *trusting* and
    if the operator allowed it.
    """
    return tuple(one for one in all_tools() if one.scope is not Scope.TRUST or (trusting and at.may_trust))
