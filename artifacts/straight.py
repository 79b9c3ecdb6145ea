"""Canonical bytes straight from frozen values (RFC 8785), without JSON values in between.

Evidence of ten thousand packages is hashed and kept, and most of that time went into making and checking dictionaries. This
way is for what evidence holds: every value has exactly its declared type. For anything else it gives no answer, and the caller
takes the longer way (`artifacts.writers`, `artifacts.canonical`), which also knows what is wrong. The two give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from json.encoder import encode_basestring as quoted
from operator import itemgetter
from sys import getrefcount
from typing import Any, cast

from arcops.errors import Refused
from artifacts.canonical import LARGEST, canonical
from artifacts.members import Member, members
from artifacts.misfit import Misfit
from artifacts.readers import PLAIN, alternatives, in_python, is_union, item_of
from artifacts.writers import fields_of, writer

Say = Callable[[Any], str]
_SHORT = 4096
_KEPT = 64
_SHARED = 10
"""A value that so many others hold is one that many say; its text is kept, unless it is long."""
_NOTHING: tuple[object, str] = (None, "")
_TEXT = {str}
_MANY = 256
"""For so many values of one class, a function that is written for this class is worth its making."""


class _OtherWay(Exception):
    """This value needs the longer way."""


def straight(value: object, kind: Any, *, signed: bool = False) -> bytes | None:
    """The canonical bytes of *value*, which is of *kind*; `None` if only the longer way can say them, or what is wrong.

    With *signed* they are those of `artifacts.typed.dump`, else those of `artifacts.wire.to_json`.
    """
    try:
        return _sayer(cast(Hashable, kind), signed)(value).encode()
    except (_OtherWay, Misfit, Refused, TypeError, UnicodeEncodeError, RecursionError):  # quoting what is no string
        return None


@cache
def _sayer(kind: Any, signed: bool) -> Say:
    if kind is str:
        return quoted
    if kind in PLAIN:
        return _number if kind is int else _truth
    if is_union(kind):
        return _union(kind, signed)
    if (item := item_of(kind)) is not None:
        return _tuple(item, signed)
    if isinstance(kind, type) and is_dataclass(kind):
        return _object(kind, signed)
    if isinstance(kind, type) and issubclass(kind, Enum) and all(type(one.value) is str for one in kind):
        return _word(kind)
    write = writer(kind, signed)
    return lambda value: canonical(write(value)).decode()


def _word(kind: type[Enum]) -> Say:
    def say(value: Any) -> str:
        if type(value) is not kind:
            raise _OtherWay
        return quoted(value._value_)  # ``value`` asks a descriptor, which takes longer than the quoting

    return say


def _number(value: object) -> str:
    if type(value) is not int or not -LARGEST <= value <= LARGEST:
        raise _OtherWay
    return str(value)


def _truth(value: object) -> str:
    if type(value) is not bool:
        raise _OtherWay
    return "true" if value else "false"


def _union(kind: Any, signed: bool) -> Say:
    found = alternatives(kind, signed, in_python)
    known = {one: _null if one is type(None) else _sayer(member, signed) for one, member in found.items()}

    def say(value: object) -> str:
        say_one = known.get(type(value))
        if say_one is None:
            raise _OtherWay
        return say_one(value)

    return say


def _null(_: object) -> str:
    return "null"


def _tuple(item: Any, signed: bool) -> Say:
    say_one = _sayer(item, signed)
    if item is str:
        return _texts(say_one)

    def say(value: object) -> str:
        if type(value) is not tuple:
            raise _OtherWay
        if not value:
            return "[]"
        return f"[{','.join(map(say_one if len(value) < _MANY else _many(item, signed), value))}]"

    return say


def _texts(say_one: Say) -> Say:
    last: tuple[tuple[str, ...], str] = ((), "[]")

    def say(value: object) -> str:
        nonlocal last
        if type(value) is not tuple:
            raise _OtherWay
        same, text = last
        if same == value and set(map(type, value)) <= _TEXT:  # such as the evidence that ten thousand findings cite
            return text
        if len(value) == 1:
            return f"[{say_one(value[0])}]"
        text = f"[{','.join(map(say_one, value))}]"
        if len(text) < _SHORT:
            last = (value, text)
        return text

    return say


def _object(kind: type[Any], signed: bool) -> Say:
    known = sorted(members(cast(Hashable, kind)), key=lambda one: one.alias)
    write = writer(cast(Hashable, kind), signed)
    if not all(one.alias.isascii() for one in known):
        # By RFC 8785 the order is that of UTF-16 units, which is that of code points only among ASCII names.
        return lambda value: canonical(write(value)).decode()
    seldom = [one for one in known if signed and one.left_out]
    if not seldom:
        return _members(kind, known, signed)
    usual, seldom_of = (
        _members(kind, [one for one in known if one not in seldom], signed),
        fields_of(tuple(one.name for one in seldom)),
    )
    blank = [{str: "", bool: False}.get(one.hint, ()) for one in seldom]
    kinds = [type(one) for one in blank]

    def say(value: object) -> str:
        if type(value) is not kind:
            raise _OtherWay
        given = list(seldom_of(value))
        if given == blank and list(map(type, given)) == kinds:
            return usual(value)
        return canonical(write(value)).decode()

    return say


def _members(kind: type[Any], known: list[Member], signed: bool) -> Say:
    """Says the members *known* of a *kind*, which are in their order, and no others."""
    texts = [one for one in known if one.hint is str]
    others = [one for one in known if one.hint is not str]
    places = {one.name: place for place, one in enumerate((*texts, *others))}
    order = itemgetter(*(places[one.name] for one in known)) if len(known) > 1 else tuple
    form = "{" + ",".join(f"{quoted(one.alias).replace('%', '%%')}:%s" for one in known) + "}"
    texts_of, others_of = (fields_of(tuple(one.name for one in some)) for some in (texts, others))
    says = tuple(_sayer(one.hint, signed) for one in others)
    kept: dict[int, tuple[object, str]] = {}

    def say(value: object) -> str:
        if type(value) is not kind:
            raise _OtherWay
        same, text = kept.get(id(value), _NOTHING)
        if same is value:  # frozen, so it still says the same; files that are alike share one description
            return text
        said = [*map(quoted, texts_of(value))]
        for say_one, item in zip(says, others_of(value)):  # noqa: B905  # strict costs, and both have one entry a field
            said.append(say_one(item))
        text = form % order(said)
        if len(kept) < _KEPT and getrefcount(value) > _SHARED and len(text) < _SHORT:
            kept[id(value)] = value, text  # it holds the value, so no other one has this number
        return text

    return say


@cache
def _many(kind: Any, signed: bool) -> Say:
    """As `_sayer`, and in half the time for each value, but it takes longer to make: for tuples of many values."""
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return _sayer(kind, signed)
    known = sorted(members(cast(Hashable, kind)), key=lambda one: one.alias)
    seldom = [one for one in known if signed and one.left_out]
    if any(one.hint not in (str, bool) and item_of(one.hint) is None for one in seldom):
        return _sayer(kind, signed)
    if not all(one.alias.isascii() and one.alias.isidentifier() and one.name.isidentifier() for one in known):
        return _sayer(kind, signed)  # only plain names are written into a function
    names: dict[str, object] = {"kind": kind, "quoted": quoted, "other": _OtherWay, "rest": _sayer(kind, signed)}
    said = []
    for one in known:
        if one in seldom:
            continue
        if one.hint is not str:
            names[f"say_{one.name}"] = _sayer(one.hint, signed)
        said.append(f'"{one.alias}":{{{"quoted" if one.hint is str else f"say_{one.name}"}(value.{one.name})}}')
    blank = " and ".join(
        f"type(value.{one.name}) is {_BLANK.get(one.hint, 'tuple')} and not value.{one.name}" for one in seldom
    )
    text = "\n".join(
        (
            "def say(value):",
            "    if type(value) is not kind: raise other",
            f"    if not ({blank or True}): return rest(value)",
            f"    return f'{{{{{','.join(said)}}}}}'",
        )
    )
    exec(text, names)  # noqa: S102  # as dataclasses do: nothing but the names of our own classes is in it
    return cast(Say, names["say"])


_BLANK = {str: "str", bool: "bool"}
