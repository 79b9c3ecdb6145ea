"""The fields of an ask, with their types, defaults, spelling and help. Doors make options, forms and parameters of them.

A field is typed once, in the frozen dataclass that a capability is asked with. Its docstring is its help, and `Shape` in its
metadata says what a type alone cannot: how it is spelled on a command line, and between which bounds its value lies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from enum import Enum
from functools import cache
from typing import Any, get_type_hints

from arcops.errors import Broken, Refused
from arcops.late_dataclass import dataclass

_SHAPE = "arcops.shape"
_OWN = "arcops.own"
_USE = "arcops.use"
_SAID = "arcops.said"


class Use(Enum):
    """What a path in an ask is for. This decides where the path of a caller over the network may be."""

    READ = "read"
    """Below the roots. The use of a field that names none."""
    WRITE = "write"
    """Below the operator's output folder: a file is written there, or into the folder that the path names."""
    HERE = "here"
    """Nowhere over the network: only on the caller's own machine."""


def used(use: Use) -> dict[str, Use]:
    """The ``metadata`` of a field that holds a path for *use*."""
    return {_USE: use}


def use_of(field: Field[object], otherwise: Use) -> Use:
    """What a path in *field* is for: what the field says, or else *otherwise*."""
    found: Use = field.metadata.get(_USE, otherwise)
    return found


def own(why: str) -> dict[str, str]:
    """The ``metadata`` of a field that a worker of Prefect never accepts, and *why*, in a sentence for the caller."""
    return {_OWN: why}


def said(doc: str) -> dict[str, str]:
    """The ``metadata`` of a field that has no docstring because its class is generated and has no source: its help."""
    return {_SAID: doc}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a field is spelled and bounded.

    On a command line it is ``positional``, or an ``option`` such as ``--from`` (the field's own name if this is empty) with a
    ``short`` form such as ``-o``; ``title`` stands for its value in help. ``least`` and ``most`` bound the value of a number,
    the length of a text, the count of a tuple; ``pattern`` is a regular expression that the whole of a text matches.

    ``text_of``: on a command line a file is named, and the field gets its text, of at most so many bytes; with ``digest`` the
    digest of something in the store (sha256:…) may be named instead, and is the value. ``commas``: a tuple is given as one
    value, ``a,b``, instead of an option for each item. ``thousandths``: a whole number is given as a decimal, 0.5 for 500.
    """

    positional: bool = False
    option: str = ""
    short: str = ""
    title: str = ""
    least: int | None = None
    most: int | None = None
    pattern: str = ""
    text_of: int = 0
    digest: bool = False
    commas: bool = False
    thousandths: bool = False


_PLAIN = Shape()


def shaped(**shape: Any) -> dict[str, Shape]:
    """The ``metadata`` of a field of that `Shape`; to be merged with other metadata by ``|``."""
    return {_SHAPE: Shape(**shape)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One field of the ask ``ask``: its name, its resolved type, its default (`dataclasses.MISSING` if it must be given)."""

    ask: type[object]
    name: str
    hint: Any
    default: object
    shape: Shape = _PLAIN
    own: str = ""
    """Why workers do not accept it; empty if they do."""

    @property
    def required(self) -> bool:
        """Must it be given?"""
        return self.default is MISSING

    @property
    def doc(self) -> str:
        """The docstring under the field. It is read from the source, so use it only if help is shown."""
        return docs(self.ask).get(self.name, "")  # type: ignore[arg-type]  # every class is hashable; mypy does not believe it


def questions(ask: type[object]) -> tuple[Question, ...]:
    """The fields of the dataclass *ask*, those that it inherits included, in their order.

    Raises `Broken` if *ask* is not a dataclass, or a type in it cannot be resolved.
    """
    try:
        hints, all_fields = get_type_hints(ask), fields(ask)  # type: ignore[arg-type]  # what is not a dataclass raises TypeError
    except (TypeError, NameError) as error:
        raise Broken(f"{ask!r} is not a dataclass whose types are known: {error}") from error
    return tuple(
        Question(
            ask=ask,
            name=one.name,
            hint=hints[one.name],
            default=one.default if one.default_factory is MISSING else one.default_factory(),
            shape=one.metadata.get(_SHAPE, _PLAIN),
            own=one.metadata.get(_OWN, ""),
        )
        for one in all_fields
        if one.init
    )


def refuse_outside(ask: object) -> None:
    """Raise `Refused` if a value of *ask* is outside of what its `Shape` says. What is left as it is usually may be."""
    for one in _bounded(type(ask)):  # type: ignore[arg-type]  # every class is hashable; mypy does not believe it
        value = getattr(ask, one.name)
        if value is None or value == one.default:
            continue
        texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        if (pattern := one.shape.pattern) and not all(re.fullmatch(pattern, text) for text in texts):
            raise Refused(f"{one.name} does not match the pattern {pattern}")
        count = value if isinstance(value, int) else len(value) if isinstance(value, str | tuple) else None
        least, most = one.shape.least, one.shape.most
        if count is None or ((least is None or least <= count) and (most is None or count <= most)):
            continue
        what = "" if isinstance(value, int) else " characters" if isinstance(value, str) else " values"
        bounds = f"{least} or more" if most is None else f"{most} at most" if least is None else f"from {least} to {most}"
        raise Refused(f"{one.name} {'has' if what else 'is'} {count}{what}; use {bounds}")


@cache
def _bounded(ask: type[object]) -> tuple[Question, ...]:
    unbounded = Shape().least, Shape().most, Shape().pattern
    return tuple(one for one in questions(ask) if (one.shape.least, one.shape.most, one.shape.pattern) != unbounded)


@cache
def docs(ask: type[object]) -> Mapping[str, str]:
    """The docstring under each field of *ask*, as one line. A class without source has none."""
    found: dict[str, str] = {}
    for one in reversed(ask.__mro__[:-1]):
        found |= _docs(one)
    return found | {one.name: str(one.metadata[_SAID]) for one in fields(ask) if _SAID in one.metadata}  # type: ignore[arg-type]


def _docs(one: type[object]) -> dict[str, str]:
    import ast  # with the source it costs start-up time, and only help asks for it
    import inspect
    from itertools import pairwise
    from textwrap import dedent

    try:
        tree = ast.parse(dedent(inspect.getsource(one)))
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        above.target.id: " ".join(below.value.value.split())
        for above, below in pairwise(body)
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }
