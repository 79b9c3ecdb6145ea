"""The templates of runbooks: strict data files beside this module, one for each scenario."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from arcops.errors import Broken, Refused
from artifacts.wire import from_values
from foundation.strict_yaml import load_all

FRESH_DAYS = 30
"""A template that no one looked at for longer is stale."""
_FOLDER = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_HOLE = re.compile(r"\{([A-Za-z][A-Za-z0-9]*)\}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Role(StrEnum):
    """Who a runbook is made for."""

    PLATFORM_ENGINEER = "platform-engineer"
    DEVELOPER = "developer"
    SRE = "sre"
    SECURITY = "security"


class Kind(StrEnum):
    """What the value of a parameter is; `parameters` checks each."""

    SERVER = "server"
    PACKAGE = "package"
    NUMBER = "number"
    DIGEST = "digest"
    PATH = "path"
    STEM = "stem"
    WORD = "word"
    LINE = "line"
    CHOICE = "choice"


class Compare(StrEnum):
    """How a value in an answer is compared."""

    IS = "is"
    IS_NOT = "is-not"
    HAS = "has"
    FILLED = "filled"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value that a person gives. Without a ``default`` it must be given; a ``choice`` is one of ``choices``."""

    name: str
    kind: Kind
    doc: str
    default: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What has to hold ``at`` a place of a JSON answer, such as ``server.allowed``."""

    at: str
    test: Compare
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gives:
    """A value of the check's answer that the step itself and later ones use. It is taken whether or not the check passes."""

    name: str
    at: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A command that only looks. It passes if it ends with one of ``exits`` and everything in ``where`` holds."""

    command: tuple[str, ...]
    exits: tuple[int, ...] = (0,)
    where: tuple[Where, ...] = ()
    gives: tuple[Gives, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option that is added to a command if the parameter ``of`` has a value."""

    of: str
    option: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: the ``command`` of ``arcops``, a list of arguments, that one of ``roles`` runs, and the check of its effect."""

    title: str
    why: str
    roles: tuple[Role, ...]
    command: tuple[str, ...]
    check: Check
    options: tuple[Option, ...] = ()
    exits: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The template of a scenario. ``updated`` is the day on which a person last compared it with what it is about."""

    name: str
    version: int
    updated: str
    title: str
    why: str
    sources: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]
    afterwards: tuple[str, ...] = field(default=())

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that have a step in it."""
        return tuple(role for role in Role if any(role in step.roles for step in self.steps))

    def days(self, now: datetime) -> int:
        """How many days ago it was updated."""
        return (now.date() - date.fromisoformat(self.updated)).days

    def stale(self, now: datetime) -> bool:
        """Is it older than it may be? One from the future is stale, too: a clock or a date is wrong."""
        return not 0 <= self.days(now) <= FRESH_DAYS


def template(name: str) -> Template:
    """The template of this *name*. Raises `Refused` if there is no such template; a name with a path names nothing."""
    if name not in names():
        raise Refused(f"there is no runbook {name[:80]!r}; there are {', '.join(names())}")
    return _read(name)


@cache
def names() -> tuple[str, ...]:
    """The names of all templates."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def _read(name: str) -> Template:
    return parsed((_FOLDER / f"{name}.yaml").read_bytes(), name)


def parsed(data: bytes, name: str) -> Template:
    """The template in *data*, whose file is called *name*. Raises `Refused` with the first thing that is wrong."""
    found = load_all(data, what=f"the runbook {name}")
    if len(found) != 1:
        raise Refused(f"the runbook {name} holds {len(found)} documents instead of one")
    read = from_values(Template, found[0])
    problem = next(_problems(read, name), "")
    if problem:
        raise Refused(f"the runbook {name}: {problem}")
    return read


def holes(texts: Iterable[str]) -> Iterator[str]:
    """The names in braces in *texts*."""
    for text in texts:
        yield from _HOLE.findall(text)


def filled(text: str, values: Mapping[str, str]) -> str:
    """*text* with each name in braces replaced by its value, in one pass: a value is never read again.

    Raises `Broken` for a name without a value.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise Broken(f"the runbook uses {{{found[1]}}}, which has no value here")
        return values[found[1]]

    return _HOLE.sub(value, text)


def _problems(one: Template, name: str) -> Iterator[str]:
    if one.name != name or not _NAME.fullmatch(name):
        yield f"its name is {one.name[:80]!r}, and its file is called {name[:80]!r}"
    if not _DATE.fullmatch(one.updated) or _day(one.updated) is None:
        yield f"'updated' is {one.updated[:40]!r}, not a day such as 2031-01-15"
    if one.version < 1 or not one.sources or not one.steps:
        yield "it needs a version from 1, a source and a step"
    known = {each.name for each in one.parameters}
    if len(known) != len(one.parameters):
        yield "a parameter is there twice"
    for each in one.parameters:
        if (each.kind is Kind.CHOICE) != bool(each.choices):
            yield f"the parameter {each.name} is a choice without choices, or has choices and is not one"
    for number, step in enumerate(one.steps, 1):
        if not step.roles or not step.command or not step.check.command:
            yield f"step {number} needs a role, a command and a check"
        unknown = sorted(set(holes(step.check.command)) - known)
        known |= {each.name for each in step.check.gives}
        unknown += sorted({*holes((*step.command, *_values(step))), *_named(step)} - known)
        if unknown:
            yield f"step {number} uses {unknown[0]}, which neither a parameter nor a check before gives"


def _values(step: Step) -> Iterator[str]:
    return (each.value for each in step.check.where)


def _named(step: Step) -> Iterator[str]:
    return (each.of for each in step.options)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
