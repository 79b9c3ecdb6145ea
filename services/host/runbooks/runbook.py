"""A runbook: a template with the values of its parameters, made for a role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from arcops.errors import Refused
from artifacts.wire import digest
from services.host.runbooks.parameters import settings
from services.host.runbooks.template import Role, Step, Template, filled

PROGRAM = "arcops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The value of a parameter."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """``template`` for ``role``. The whole template is in it, so an upgrade of ArcOps does not change a runbook under way."""

    template: Template
    role: Role
    settings: tuple[Setting, ...]

    @property
    def digest(self) -> str:
        """``sha256:…`` of its canonical bytes: the same template, role and values have the same digest."""
        return digest(self)

    @property
    def values(self) -> dict[str, str]:
        """The value of each parameter."""
        return {one.name: one.value for one in self.settings}

    def mine(self, step: Step) -> bool:
        """Does this role run *step*? A step of other roles is only waited for."""
        return self.role in step.roles


def made(of: Template, role: Role, given: Iterable[str]) -> Runbook:
    """The runbook of a template for *role* with the parameters *given* as ``NAME=VALUE``. Raises `Refused`."""
    if role not in of.roles:
        raise Refused(f"the role {role} has no step in the runbook {of.name}; its roles are {', '.join(of.roles)}")
    values = settings(given, of.parameters)
    return Runbook(template=of, role=role, settings=tuple(Setting(name=name, value=value) for name, value in values.items()))


def command_of(step: Step, values: Mapping[str, str]) -> tuple[str, ...]:
    """The arguments of *step*'s command; each value is one argument, or a part of one, and never more."""
    more = (part for one in step.options if values.get(one.of) for part in (one.option, values[one.of]))
    return (*(filled(one, values) for one in step.command), *more)


def check_of(step: Step, values: Mapping[str, str]) -> tuple[str, ...]:
    """The arguments of the command that checks *step*."""
    return tuple(filled(one, values) for one in step.check.command)
