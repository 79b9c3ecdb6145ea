"""Modules that are imported when they are first used: an extra may be missing, and a heavy one costs time to start."""

from __future__ import annotations

import importlib
from typing import Any


class LateModule:
    """Stands for the module *name*, which *extra* brings. Its first use imports it, or raises `Refused` if it is not installed.

    For types, import the module itself under ``TYPE_CHECKING``.
    """

    def __init__(self, name: str, *, extra: str) -> None:
        self._name, self._extra = name, extra

    def __getattr__(self, name: str) -> Any:  # called only before the first use, and for what the module lacks
        from arcops.extras import refuse_without

        refuse_without((self._extra,))
        module = importlib.import_module(self._name)
        vars(self).update(vars(module))  # from now on each use costs what it costs with the module itself
        return getattr(module, name)
