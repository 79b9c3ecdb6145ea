"""Writers from frozen values to JSON values, made once from type hints and kept: the counterpart of `artifacts.readers`.

A value that is not of its declared type is a bug in ArcOps; it is found here, before anything is hashed or signed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from artifacts import durations, moments
from artifacts.members import empty, members
from artifacts.misfit import Misfit, other
from artifacts.readers import PLAIN, alternatives, in_python, is_union, item_of, no_place, values_of

Write = Callable[[Any], Any]


@cache
def writer(kind: Any, signed: bool) -> Write:
    """What writes a *kind*. It raises `Misfit`; this raises `Broken` for a type that has no place there."""
    if kind in PLAIN:
        return _plain(kind)
    if kind is datetime:
        return _by(datetime, moments.WANTED, moments.moment if signed else moments.moment_as_given)
    if is_union(kind):
        return _union(kind, signed)
    if (item := item_of(kind)) is not None:
        return _tuple(item, signed)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _by(kind, kind.__name__, attrgetter("value"))
    if isinstance(kind, type) and is_dataclass(kind):
        return _object(kind, signed)
    if not signed and kind is float:
        return _by(float, "a number", float)
    if not signed and kind is timedelta:
        return _by(timedelta, durations.WANTED, durations.duration)
    if not signed and kind is Path:
        return _by(Path, "a path", str)
    if not signed and (item := values_of(kind)) is not None:
        return _mapping(kind, item)
    raise no_place(kind, signed)


def _plain(kind: type[Any]) -> Write:
    """For a value of another class: an instance of a subclass is written as its base (True as 1 among numbers)."""
    return _by(kind, PLAIN[kind], str.__str__ if kind is str else int.__int__ if kind is int else bool)


def _by(kind: type[Any], wanted: str, say: Write) -> Write:
    def write(value: object) -> Any:
        if not isinstance(value, kind):
            raise other(wanted, value)
        return say(value)

    return write


def _union(kind: Any, signed: bool) -> Write:
    found = alternatives(kind, signed, in_python)
    known = {one: _null if one is type(None) else writer(member, signed) for one, member in found.items()}
    wanted = " or ".join(one.__name__ for one in known)

    def write(value: object) -> Any:
        write_one = known.get(type(value))
        if write_one is None:
            for one, writes in known.items():
                if isinstance(value, one):
                    return writes(value)
            raise other(wanted, value)
        return write_one(value)

    return write


def _null(value: object) -> None:
    """Write null; its type was checked already."""


def _tuple(item: Any, signed: bool) -> Write:
    inner = writer(item, signed)
    plain = item if item in PLAIN else None

    def write(value: object) -> list[Any]:
        if not isinstance(value, tuple):
            raise other("a tuple", value)
        written: list[Any] = []
        try:
            for one in value:
                written.append(one if type(one) is plain else inner(one))  # its length tells the place
        except Misfit as misfit:
            misfit.inside(f"[{len(written)}]")
            raise
        return written

    return write


def _mapping(kind: Any, item: Any) -> Write:
    inner = writer(item, False)
    of, key_of = in_python(kind), writer(str, False)

    def write(value: Any) -> dict[str, Any]:
        if not isinstance(value, of):
            raise other("a mapping", value)
        return {key_of(key): inner(one) for key, one in value.items()}

    return write


def _object(kind: type[Any], signed: bool) -> Write:
    known = members(cast(Hashable, kind))
    says = tuple((one.alias, one.hint if one.hint in PLAIN else None, writer(one.hint, signed)) for one in known)
    left_out = [one.alias for one in known if signed and one.left_out]
    values = fields_of(tuple(one.name for one in known))

    def write(value: object) -> dict[str, Any]:
        if type(value) is not kind and not isinstance(value, kind):
            raise other(kind.__name__, value)
        written = {}
        try:
            for (alias, plain, write_one), item in zip(says, values(value), strict=True):
                written[alias] = item if type(item) is plain else write_one(item)
        except Misfit as misfit:
            misfit.inside(f".{alias}")
            raise
        for alias in left_out:
            if empty(written[alias]):
                del written[alias]
        return written

    return write


def fields_of(names: tuple[str, ...]) -> Callable[[object], tuple[Any, ...]]:
    """What reads the attributes *names* of a value."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)
