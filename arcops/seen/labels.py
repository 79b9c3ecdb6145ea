"""Labels and label selectors, as Kubernetes defines them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Operator(Enum):
    """How a requirement compares."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Label:
    """One label."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One entry of ``matchExpressions``. ``values`` are in their order, without repetitions."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, value: str | None) -> bool:
        """Does it hold for an object whose label has *value* (`None`: it has no such label)?"""
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A label selector: all of ``labels`` and all of ``expressions``. An empty one selects everything."""

    labels: tuple[Label, ...] = ()
    expressions: tuple[Requirement, ...] = ()

    @property
    def everything(self) -> bool:
        return not self.labels and not self.expressions

    @property
    def named(self) -> bool:
        """Does it ask for a label with a value? If not, it also selects what does not exist yet."""
        return bool(self.labels) or any(one.operator is Operator.IN for one in self.expressions)

    @property
    def worded(self) -> str:
        """Its terms in words."""
        parts = [f"{one.key}={one.value}" for one in self.labels]
        parts += [f"{one.key} {one.operator.value} {' '.join(one.values)}".rstrip() for one in self.expressions]
        return ", ".join(parts)

    def selects(self, labels: tuple[Label, ...]) -> bool:
        """Does it select an object with *labels*?"""
        have = {one.key: one.value for one in labels}
        return all(have.get(one.key) == one.value for one in self.labels) and all(
            one.holds(have.get(one.key)) for one in self.expressions
        )
