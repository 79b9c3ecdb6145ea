"""What is changed at this machine's command line is in the audit log, as what callers change over the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from artifacts.wire import name_on_the_wire
from capabilities.contract import Scope, Tool
from capabilities.place import Place
from capabilities.watching import came_to, done_to

RECORDED = frozenset((Scope.PUBLISH, Scope.WAIVE, Scope.TRUST))
"""The scopes whose tools change what counts here or elsewhere. A check leaves an artifact, which is its own record."""


@contextmanager
def recorded(tool: Tool[Any, Any], ask: object, at: Place) -> Iterator[Callable[[object], None]]:
    """Inside this *tool* is called; gives the function that takes its answer. Raises `Unavailable` if it cannot be recorded."""
    if tool.reads_only or tool.scope not in RECORDED:
        yield _unheard
        return
    from foundation.audit.audit import Audit  # most commands change nothing
    from foundation.audit.local import accounted

    whole = fields(tool.ask)
    given = {name_on_the_wire(one.name): _plain(value) for one in whole if (value := getattr(ask, one.name)) != one.default}
    name = getattr(ask, "name", "")
    audit = Audit.open(at.settings, soon="cli")
    try:
        with accounted(
            audit,
            door="cli",
            tool=tool.name,
            about=name if isinstance(name, str) else "",
            arguments=given,
            known=frozenset(given),
            tier=at.settings.tier.value,
        ) as ending:

            def heard(answer: object) -> None:
                found = came_to(answer)
                ending.verdict, ending.artifact = str(found.get("verdict", "")), done_to(answer)

            yield heard
    finally:
        audit.close()


def _plain(value: object) -> object:
    """*value* as JSON may have it; what is no text and no number is what it shows of itself."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (tuple, list, frozenset)):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else repr(value)


def _unheard(answer: object) -> None:
    """It is not recorded."""
