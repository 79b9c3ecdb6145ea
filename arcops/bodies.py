"""The type of each kind of evidence, found in `arcops.seen` by the kind's name."""

from __future__ import annotations

import importlib
from functools import cache

from arcops.discovery import modules
from arcops.evidence import Body


@cache
def body_of(kind: str) -> type[Body] | None:
    """The type whose ``KIND`` is *kind*, or ``None``. The module of that name is searched first."""
    by_name = modules("arcops.seen", Body)
    names = [*by_name.get(kind, ()), *(module for those in by_name.values() for module in those)]
    for name in names:
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and issubclass(value, Body) and getattr(value, "KIND", None) == kind:
                return value
    return None
