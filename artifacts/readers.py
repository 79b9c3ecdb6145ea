"""Readers from JSON values to frozen values, made once from type hints and kept: for what is signed, and for messages.

What is signed has every field (except those that are `LEFT_OUT` if empty) and few types. In messages, a field with a default
may be absent, and durations, paths, mappings and unions are allowed too. Both refuse an unknown field.

The code must be fast for evidence of a hundred thousand files: a field of a plain type costs no call.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from math import inf, isfinite
from operator import itemgetter, length_hint
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin

from arcops.errors import Broken
from arcops.quoting import quoted, quoted_name
from artifacts import durations, moments
from artifacts.json_values import called
from artifacts.members import Member, empty, members
from artifacts.misfit import Misfit, other

Read = Callable[[Any], Any]

PLAIN: Mapping[Any, str] = {str: "a string", int: "a whole number", bool: "true or false"}
"""The types that are the same in Python and in JSON, with their names in errors."""


@cache
def reader(kind: Any, signed: bool) -> Read:
    """What reads a *kind*. It raises `Misfit`; this raises `Broken` for a type that has no place there."""
    if kind in PLAIN:
        return _plain(kind, PLAIN[kind])
    if kind is datetime:
        return moments.read_moment if signed else moments.read_spelled_moment
    if is_union(kind):
        return _union(kind, signed)
    if (item := item_of(kind)) is not None:
        return _tuple(item, signed)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return _object(kind, signed)
    if not signed and kind is float:
        return _number
    if not signed and kind is timedelta:
        return durations.read_duration
    if not signed and kind is Path:
        return _path
    if not signed and (item := values_of(kind)) is not None:
        return _mapping(item)
    raise no_place(kind, signed)


def no_place(kind: Any, signed: bool) -> Broken:
    """The error that type *kind* is not supported."""
    return Broken(f"type {kind} cannot be part of {'what is signed' if signed else 'a message'}")


def is_union(kind: Any) -> bool:
    """Is *kind* one such as ``X | Y``?"""
    return get_origin(kind) in (Union, types.UnionType)


def item_of(kind: Any) -> Any:
    """The ``X`` of ``tuple[X, ...]``, else `None`."""
    found = get_args(kind)
    return found[0] if get_origin(kind) is tuple and len(found) == 2 and found[1] is Ellipsis else None


def values_of(kind: Any) -> Any:
    """The ``X`` of ``Mapping[str, X]``, else `None`."""
    return get_args(kind)[1] if get_origin(kind) is Mapping and get_args(kind)[0] is str else None


def in_python(kind: Any) -> type[Any]:
    """The Python class of every value of *kind*, which is no union."""
    found: Any = get_origin(kind) or kind
    return found if isinstance(found, type) else object


def alternatives(kind: Any, signed: bool, by: Callable[[Any], type[Any]]) -> dict[type[Any], Any]:
    """The members of the union *kind*, keyed *by* what distinguishes them. Raises `Broken` if nothing does."""
    found = {by(one): one for one in get_args(kind)}
    if len(found) != len(get_args(kind)):
        raise Broken(f"type {kind} cannot be read back: two of its members look the same in JSON")
    if signed and not (len(found) == 2 and type(None) in found):
        raise Broken(f"type {kind} cannot be part of what is signed: the only union allowed is 'X | None'")
    return found


def _in_json(kind: Any) -> type[Any]:
    if kind in PLAIN or kind is type(None):
        return in_python(kind)
    if kind is float:
        return int  # a whole number is a number, too, so nothing distinguishes the two
    if item_of(kind) is not None:
        return list
    return dict if is_dataclass(kind) or values_of(kind) is not None else str


def _plain(kind: type[Any], wanted: str) -> Read:
    def read(value: object) -> object:
        if type(value) is not kind:
            raise other(wanted, value)
        return value

    return read


def _number(value: object) -> float:
    try:
        found = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else inf
    except OverflowError:
        found = inf
    if not isfinite(found):
        raise other("a number that is finite", value)
    return found


def _path(value: object) -> Path:
    if type(value) is not str:
        raise other("a path", value)
    return Path(value)


def _enum(kind: type[Enum]) -> Read:
    known = {member.value: member for member in kind}
    wanted = f"one of {', '.join(map(repr, known))}"
    if not all(type(one) is str for one in known):
        raise Broken(f"{kind.__name__} has values that are not strings, so it cannot be read")

    def read(value: object) -> Enum:
        if type(value) is not str:
            raise other(wanted, value)
        if value not in known:
            raise Misfit(f"{wanted} is expected, not {quoted(value, 40)}")
        return known[value]

    return read


def _union(kind: Any, signed: bool) -> Read:
    found = alternatives(kind, signed, _in_json)
    known = {one: _null if one is type(None) else reader(member, signed) for one, member in found.items()}
    wanted = " or ".join(map(called, known))

    def read(value: object) -> object:
        read_one = known.get(type(value))
        if read_one is None:
            raise other(wanted, value)
        return read_one(value)

    return read


def _null(value: object) -> None:
    """Read null; its type was checked already."""


def _tuple(item: Any, signed: bool) -> Read:
    inner = reader(item, signed)
    plain = {item} if item in PLAIN else set()

    def read(value: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise other("a list", value)
        if not value:
            return ()
        if set(map(type, value)) <= plain:
            return tuple(value)
        entries = iter(value)
        try:
            return tuple(map(inner, entries))
        except Misfit as misfit:
            misfit.inside(f"[{len(value) - length_hint(entries) - 1}]")
            raise

    return read


def _mapping(item: Any) -> Read:
    inner = reader(item, False)

    def read(value: object) -> dict[str, Any]:
        if type(value) is not dict:
            raise other("an object", value)
        found = {}
        for key, one in value.items():
            try:
                found[key] = inner(one)
            except Misfit as misfit:
                misfit.inside(f"[{key[:40]!r}]")
                raise
        return found

    return read


def _object(kind: type[Any], signed: bool) -> Read:
    known = members(cast(Hashable, kind))
    takes = tuple((one.name, one.alias, one.hint if one.hint in PLAIN else None, reader(one.hint, signed)) for one in known)
    aliases = {one.alias for one in known}
    filled = signed and any(one.left_out for one in known)
    fit = _fit(known, signed)
    whole = _whole(kind, takes, {})
    usual = {one.alias for one in known if not one.left_out} if filled else aliases
    bare = _whole(kind, tuple(take for take in takes if take[1] in usual), _blank(kind, known)) if filled else None

    def read(value: object) -> Any:
        if type(value) is not dict:
            raise other("an object", value)
        if value.keys() == aliases:
            if filled:
                fit(value)
            if whole is not None and (made := whole(value)) is not None:
                return made
        elif bare is not None and value.keys() == usual:
            if (made := bare(value)) is not None:
                return made
        else:
            fit(value)
        given: dict[str, Any] = {}
        try:
            for name, alias, plain, read_one in takes:
                if alias in value:
                    item = value[alias]
                    given[name] = item if type(item) is plain else read_one(item)
        except Misfit as misfit:
            misfit.inside(f".{alias}")
            raise
        try:
            return kind(**given)
        except (
            ValueError,
            TypeError,
            ArithmeticError,
            AssertionError,
        ) as error:  # such as a moment without a zone beside another
            raise Misfit(f"it is not valid: {error}") from error

    return read


def _blank(kind: type[Any], known: tuple[Member, ...]) -> dict[str, Any]:
    """The values of the fields of *kind* that are not written if they are empty."""
    defaults = {one.name: one.default for one in fields(kind)}
    return {one.name: defaults[one.name] for one in known if one.left_out}


def _whole(kind: type[Any], takes: tuple[tuple[str, str, Any, Read], ...], blank: Mapping[str, Any]) -> Read | None:
    """What reads an object that has every field but those of *blank*, which get these values. It gives `None` if a field does
    not fit. `None` if *kind* checks itself, or a value of *blank* is not immutable.

    Most evidence is a hundred thousand objects of one such kind. The plain fields are checked all at once, and the fields are
    set in their slots, as the constructor of a frozen dataclass does, only without a search for each name.
    """
    slots = [vars(kind).get(name) for name, *_ in takes]
    others = [(vars(kind).get(name), value) for name, value in blank.items()]
    if len(takes) < 2 or hasattr(kind, "__post_init__") or any(value not in ("", (), False) for value in blank.values()):
        return None
    if not all(type(slot) is types.MemberDescriptorType for slot in (*slots, *(slot for slot, _ in others))):
        return None
    set_blank = tuple((cast(Any, slot).__set__, value) for slot, value in others)
    order = sorted(range(len(takes)), key=lambda place: takes[place][2] is None)
    ordered = [takes[place] for place in order]
    set_each = tuple(cast(Any, slots[place]).__set__ for place in order)
    values_of = itemgetter(*(alias for _, alias, *_ in ordered))
    plain = [one for _, _, one, _ in ordered if one is not None]
    count = len(plain)
    rest = tuple((place, read_one) for place, (_, _, one, read_one) in enumerate(ordered) if one is None)
    new = object.__new__

    def read(value: dict[str, Any]) -> Any:
        found = values_of(value)
        if list(map(type, found[:count])) != plain:
            return None
        made = new(kind)
        if rest:
            found = list(found)
            try:
                for place, read_one in rest:
                    found[place] = read_one(found[place])
            except Misfit as misfit:
                misfit.inside(f".{ordered[place][1]}")
                raise
        for set_one, item in zip(set_each, found):  # noqa: B905  # strict costs, and both have one entry a field
            set_one(made, item)
        for set_one, item in set_blank:
            set_one(made, item)
        return made

    return read


def _fit(known: tuple[Member, ...], signed: bool) -> Callable[[dict[str, Any]], None]:
    """A check that refuses an object that lacks a required field, or has an unknown one."""
    aliases = {one.alias for one in known}
    needed = [one.alias for one in known if not (one.left_out if signed else one.default)]
    filled = [one.alias for one in known if signed and one.left_out]

    def fit(value: dict[str, Any]) -> None:
        for alias in value:
            if alias not in aliases:
                raise Misfit(f"{quoted_name(alias)} is not a known field")
        for alias in needed:
            if alias not in value:
                raise Misfit(f"the field {alias!r} is missing")
        for alias in filled:
            if empty(value.get(alias)):
                raise Misfit(f"the field {alias!r} is empty; leave an empty one out")

    return fit
