"""Discovery: what is declared in a room is found by looking, so nobody keeps a second list."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

from arcops.errors import Broken

T = TypeVar("T")


def declared(room: ModuleType, kind: type[T]) -> tuple[T, ...]:
    """Every module-level value of type *kind* in the public modules of the package *room*, in order of module name.

    A value that is defined in one module and imported by another counts once. Modules whose name starts with ``_`` are
    skipped. Raises `Broken` where *room* is not a package.
    """
    path = getattr(room, "__path__", None)
    if path is None:
        raise Broken(f"{room.__name__} is not a package, so nothing can be discovered in it")
    found: dict[int, T] = {}
    for info in sorted(pkgutil.iter_modules(path), key=lambda module: module.name):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{room.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, kind):
                found.setdefault(id(value), value)
    return tuple(found.values())
