"""The frozen dataclass whose methods are made at their first use, because a command uses few of the classes that it imports.

`dataclasses` compiles six functions for each class, which took a third of the time in which a command starts. A class that is
declared by ``@dataclass(frozen=True, slots=True, kw_only=True)`` from here, or without ``kw_only``, has the same fields and
does the same; its methods write to the slots directly, so a value is made in half the time, too. Any other class is left to
`dataclasses`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **options):
        """As `dataclasses.dataclass`."""
        if cls is None:
            return lambda given: dataclass(given, **options)
        named = options.get("kw_only", False)
        if {**options, "kw_only": named} == {"frozen": True, "slots": True, "kw_only": named} and _is_usual(cls, named):
            return _late(cls, named)
        return dataclasses.dataclass(cls, **options)


_MISSING = dataclasses.MISSING
_Class = type[Any]


def _is_usual(cls: _Class, named: bool) -> bool:
    """Has it a docstring, no dataclass above it, no method of those that are made here, and only usual fields?"""
    own, hints = cls.__dict__, inspect.get_annotations(cls)
    return (
        own.get("__doc__") is not None
        and not any(hasattr(base, "__dataclass_fields__") for base in cls.__mro__[1:])
        and not any(name in own for name in (*_MADE, *_WRITING, *_STATE))
        and not any(isinstance(value, dataclasses.Field) and not _is_usual_field(value, named) for value in own.values())
        and not any(word in str(hint) for hint in hints.values() for word in ("InitVar", "KW_ONLY"))
        and "self" not in hints
    )


def _is_usual_field(field: Any, named: bool) -> bool:
    return field.init and field.kw_only in (named, _MISSING)


def _late(cls: _Class, named: bool) -> _Class:
    made: _Class = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=True, kw_only=named)
    said = made.__dataclass_params__
    said.init = said.repr = said.eq = said.frozen = True
    names = frozenset(field.name for field in dataclasses.fields(made))
    for name, make in _MADE.items():
        setattr(made, name, _at_first_use(made, name, make))
    for name, doing in _WRITING.items():
        setattr(made, name, _refusing(made, name, doing, names))
    for name, method in _STATE.items():
        setattr(made, name, method)
    return made


def _at_first_use(cls: _Class, name: str, make: Callable[[_Class], Any]) -> Any:
    """A method that makes itself: it puts what *make* gives in its own place, and calls that."""

    def first(self: Any, *given: Any, **named: Any) -> Any:
        method = _called(make(cls), cls, name)
        setattr(cls, name, method)
        return method(self, *given, **named)

    return _called(first, cls, name)


def _called(method: Any, cls: _Class, name: str) -> Any:
    method.__name__, method.__qualname__, method.__module__ = name, f"{cls.__qualname__}.{name}", cls.__module__
    return method


def _init(cls: _Class) -> Any:
    taken: list[str] = []
    written: list[str] = []
    names: dict[str, object] = {"__missing": _MISSING}
    for field in dataclasses.fields(cls):
        name = value = field.name
        if field.kw_only and not taken:
            taken.append("*")
        names[f"__set_{name}"] = getattr(cls, name).__set__
        if field.default is not _MISSING:
            names[f"__default_{name}"] = field.default
            taken.append(f"{name}=__default_{name}")
        elif field.default_factory is not _MISSING:
            names[f"__make_{name}"] = field.default_factory
            taken.append(f"{name}=__missing")
            value = f"__make_{name}() if {name} is __missing else {name}"
        else:
            taken.append(name)
        written.append(f" __set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        written.append(" self.__post_init__()")
    return _compiled(", ".join(["self", *taken]), written or [" pass"], names)


def _eq(cls: _Class) -> Any:
    compared = [field.name for field in dataclasses.fields(cls) if field.compare]
    mine, others = (_tuple(of, compared) for of in ("self", "other"))
    lines = [" if other.__class__ is self.__class__:", f"  return {mine} == {others}", " return NotImplemented"]
    return _compiled("self, other", lines, {})


def _hash(cls: _Class) -> Any:
    hashed = [field.name for field in dataclasses.fields(cls) if (field.compare if field.hash is None else field.hash)]
    return _compiled("self", [f" return hash({_tuple('self', hashed)})"], {})


def _repr(cls: _Class) -> Any:
    shown = ", ".join(f"{field.name}={{self.{field.name}!r}}" for field in dataclasses.fields(cls) if field.repr)
    return recursive_repr()(_compiled("self", [f" return f'{{self.__class__.__qualname__}}({shown})'"], {}))


def _tuple(of: str, names: list[str]) -> str:
    return f"({''.join(f'{of}.{name}, ' for name in names)})"


def _compiled(taken: str, lines: list[str], names: dict[str, object]) -> Any:
    """The function with these parameters and *lines*, in which *names* are known."""
    exec("\n".join((f"def method({taken}):", *lines)), names)  # noqa: S102  # as dataclasses do: only names of our own classes
    return names["method"]


def _refusing(cls: _Class, name: str, doing: str, names: frozenset[str]) -> Any:
    def refuse(self: Any, attribute: str, *value: Any) -> None:
        if type(self) is cls or attribute in names:
            raise dataclasses.FrozenInstanceError(f"cannot {doing} field {attribute!r}")
        getattr(super(cls, self), name)(attribute, *value)

    return _called(refuse, cls, name)


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=False):
        object.__setattr__(self, field.name, value)


_MADE: dict[str, Callable[[_Class], Any]] = {"__init__": _init, "__repr__": _repr, "__eq__": _eq, "__hash__": _hash}
_WRITING = {"__setattr__": "assign to", "__delattr__": "delete"}
_STATE: dict[str, Callable[..., Any]] = {"__getstate__": _state, "__setstate__": _set_state}
