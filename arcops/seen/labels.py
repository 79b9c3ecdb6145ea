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


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A label selector: all of ``labels`` and all of ``expressions``. An empty one selects everything."""

    labels: tuple[Label, ...] = ()
    expressions: tuple[Requirement, ...] = ()

    @property
    def everything(self) -> bool:
        return not self.labels and not self.expressions
