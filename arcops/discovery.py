"""Discovery: what is declared in a room is found by its name. There is no second list, and what is not asked for is not
imported.

A thing called ``gpu-health`` is in a module of that name, in the room itself or in a folder of it, one for each subject:
``ROOM/gpu_health.py``, ``ROOM/gpu/gpu_health.py``, or a folder of that name, ``ROOM/gpu/gpu_health/``, whose module is named
after what is declared, such as ``gate.py``, or is the folder's own ``__init__.py``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import TypeVar

from arcops.errors import Broken

T = TypeVar("T")


def modules(room: str, kind: type[object]) -> Mapping[str, tuple[str, ...]]:
    """Each name under which a *kind* may be declared in the package *room*, with its modules. Nothing below *room* is imported.

    Names whose first letter is ``_`` are skipped. Raises `Broken` if *room* is not a package.
    """
    return _modules(room, kind.__name__.lower())


@cache
def _modules(room: str, word: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, module in _below(room, word, inside=False):
        found[name] = (*found.get(name, ()), module)
    return MappingProxyType(found)


def _below(package: str, word: str, *, inside: bool) -> Iterator[tuple[str, str]]:
    yield from _within(package, _held(_folders(package)), word, inside=inside)


def _within(package: str, held: Mapping[str, str], word: str, *, inside: bool) -> Iterator[tuple[str, str]]:
    for name, folder in sorted(held.items()):
        if name.startswith("_"):
            continue
        module = f"{package}.{name}"
        below = _held([folder]) if folder else {}
        if inside or word in below or not folder:
            yield name.replace("_", "-"), f"{module}.{word}" if word in below else module
        else:
            yield from _within(module, below, word, inside=True)


def _folders(package: str) -> list[str]:
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise Broken(f"{package} is not a package, so nothing can be found in it")
    return list(spec.submodule_search_locations)


def _held(folders: Iterable[str]) -> dict[str, str]:
    """The modules in *folders*, each with its own folder if it is a package. It reads only names: `pkgutil` takes five times
    as long.
    """
    found: dict[str, str] = {}
    for folder in folders:
        try:
            entries = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError:  # a path entry that is no folder holds no modules of ours
            continue
        for entry in entries:
            name, dot, kind = entry.name.partition(".")
            if dot and kind == "py":
                found.setdefault(name, "")
            elif not dot and name.isidentifier() and os.path.isfile(os.path.join(entry.path, "__init__.py")):  # noqa: PTH113, PTH118  # paths take longer
                found[name] = entry.path
    return found


def named(room: str, kind: type[T], name: str) -> tuple[T, ...]:
    """Every value of type *kind* in the modules of *room* that have this *name*."""
    return _each_once(modules(room, kind).get(name, ()), kind)


def declared(room: str, kind: type[T]) -> tuple[T, ...]:
    """Every value of type *kind* that is declared in *room*, in order of names."""
    return _each_once((module for those in modules(room, kind).values() for module in those), kind)


def _each_once(names: Iterable[str], kind: type[T]) -> tuple[T, ...]:
    found: dict[int, T] = {}
    for name in names:
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, kind):
                found.setdefault(id(value), value)
    return tuple(found.values())


def classes(room: str, base: type[T]) -> tuple[type[T], ...]:
    """Every class below *base* that a module of *room* defines, in order of modules."""
    found: dict[type[T], None] = {}
    for those in modules(room, base).values():
        for module in those:
            for value in vars(importlib.import_module(module)).values():
                if isinstance(value, type) and issubclass(value, base) and value.__module__ == module:
                    found.setdefault(value)
    return tuple(found)
