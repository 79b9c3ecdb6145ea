"""Frozen dataclasses whose code is made at their first use, because a command uses few of those that it imports.

The standard library writes and compiles six functions for each class when it is declared: a third of a millisecond, and a check
declares 170 classes. Here a class that is frozen and has slots, like most of ours, gets its constructor when the first value
is made, and shares the rest. It is a dataclass in every other respect (`dataclasses.fields`, ``replace``, ``is_dataclass``).
For other settings the standard library's own decorator is called.
"""

from __future__ import annotations

import dataclasses
import sys
import types
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:  # type checkers know the standard library's own
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **settings):
        """As `dataclasses.dataclass`."""

        def declare(cls):
            late = settings.get("frozen") and settings.get("slots") and settings.keys() <= {"frozen", "slots", "kw_only"}
            if late and _usual(cls):
                return _declared(cls, kw_only=settings.get("kw_only", False))
            return dataclasses.dataclass(cls, **settings)

        return declare if cls is None else declare(cls)


_LATE: WeakSet[Callable[..., None]] = WeakSet()
"""The constructors that are not made yet."""
_OWN = frozenset({"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__"})


def _usual(cls: type[Any]) -> bool:
    """Does *cls* leave all to its decorator, and is every field one of its values?"""
    said = vars(cls)
    if not _OWN.isdisjoint(said) or any(isinstance(one, dataclasses.Field) and not one.init for one in said.values()):
        return False
    return not any("InitVar" in str(kind) for kind in getattr(cls, "__annotations__", {}).values())


def _declared(cls: type[Any], *, kw_only: bool) -> type[Any]:
    cls.__doc__ = cls.__doc__ or cls.__name__  # the library would write the parameters there, for which it needs a constructor
    # The library lets a class be frozen only if those above it are, and only for such a class it writes two functions.
    above = any(dataclasses.is_dataclass(base) for base in cls.__mro__[1:])
    made: Any = dataclasses.dataclass(cls, init=False, repr=False, eq=False, frozen=above, slots=True, kw_only=kw_only)
    said = made.__dataclass_params__
    said.init = said.repr = said.eq = said.frozen = True
    made.__init__ = _constructor_later(made)
    made.__signature__ = _Signature()
    made.__repr__ = _shown
    made.__eq__, made.__hash__ = _equality_later(made), _hash_later(made)
    made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete
    made.__getstate__, made.__setstate__ = _state, _take_state
    return made  # type: ignore[no-any-return]  # the library's decorator was called without a type


def _constructor_later(made: Any) -> Callable[..., None]:
    def __init__(self: object, /, *given: object, **named: object) -> None:  # it stands for the constructor
        _construct(made)(self, *given, **named)

    _LATE.add(__init__)
    return __init__


def _construct(made: Any) -> Callable[..., None]:
    """Make the constructor of *made*, and give it to it."""
    known = dataclasses.fields(made)
    given: dict[str, Any] = {"__missing": dataclasses.MISSING}
    heads: dict[bool, list[str]] = {False: [], True: []}
    lines: list[str] = []
    for number, field in enumerate(known):
        head = value = field.name
        given[f"__set_{number}"] = _slot(made, field.name).__set__
        if field.default is not dataclasses.MISSING:
            given[f"__default_{number}"] = field.default
            head = f"{head}=__default_{number}"
        elif field.default_factory is not dataclasses.MISSING:
            given[f"__factory_{number}"] = field.default_factory
            head = f"{head}=__missing"
            value = f"__factory_{number}() if {value} is __missing else {value}"
        heads[bool(field.kw_only)].append(head)
        lines.append(f"__set_{number}(__self__, {value})")
    if hasattr(made, "__post_init__"):
        lines.append("__self__.__post_init__()")
    head = ", ".join(["__self__", *heads[False], *(["*", *heads[True]] if heads[True] else [])])
    made.__init__ = found = _function(made, "__init__", head, lines or ["pass"], given)
    found.__annotations__ = {**{field.name: field.type for field in known}, "return": None}
    return found  # type: ignore[no-any-return]  # made from text


def _function(made: Any, name: str, head: str, lines: list[str], given: Mapping[str, object]) -> Any:
    """A method of *made* with the parameters *head*, made of the text *lines*, which may use the names *given*."""
    body = "\n".join(f"  {line}" for line in lines)
    text = f"def make({', '.join(given)}):\n def {name}({head}):\n{body}\n return {name}"
    module, here = sys.modules.get(made.__module__), dict[str, Any]()
    exec(text, vars(module) if module is not None else {}, here)  # noqa: S102  # of names in our own source, as the library does
    found = here["make"](**given)
    found.__qualname__ = f"{made.__qualname__}.{name}"
    return found


def _slot(made: type[Any], name: str) -> Any:
    """What sets the field *name*, which may stand in a class above."""
    found = (vars(base).get(name) for base in made.__mro__)
    return next(one for one in found if isinstance(one, types.MemberDescriptorType))


class _Signature:
    """The parameters of a constructor, which is made to be asked for them (`inspect.signature`)."""

    def __get__(self, value: object, owner: Any) -> object:
        import inspect

        if owner.__init__ in _LATE:
            _construct(owner)
        whole = inspect.signature(owner.__init__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


def _equality_later(made: Any) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:  # it stands for the method
        names = [one.name for one in dataclasses.fields(made) if one.compare]
        line = f"return {_tuple_of('self', names)} == {_tuple_of('other', names)}"
        lines = ["if other.__class__ is self.__class__:", f"  {line}", "return NotImplemented"]
        made.__eq__ = found = _function(made, "__eq__", "self, other", lines, {})
        return found(self, other)  # type: ignore[no-any-return]  # made from text

    return __eq__


def _hash_later(made: Any) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:  # it stands for the method
        names = [one.name for one in dataclasses.fields(made) if (one.compare if one.hash is None else one.hash)]
        made.__hash__ = found = _function(made, "__hash__", "self", [f"return hash({_tuple_of('self', names)})"], {})
        return found(self)  # type: ignore[no-any-return]  # made from text

    return __hash__


def _tuple_of(value: str, names: list[str]) -> str:
    return "(" + "".join(f"{value}.{name}, " for name in names) + ")"


def _shown(self: Any) -> str:
    import reprlib

    return reprlib.recursive_repr()(_said)(self)


def _said(self: Any) -> str:
    parts = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _refuse_to_set(_: object, name: str, __: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _take_state(self: Any, state: list[object]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)
