"""Label selectors over many labelled objects at once: each answer is one array of booleans, kept for the next caller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from arcops.seen.network import Label, Operator, Requirement, Selector
from reach.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Flags: TypeAlias = "NDArray[np.bool_]"


class Labelled:
    """Objects with labels, by position."""

    def __init__(self, labels: Iterable[tuple[Label, ...]]) -> None:
        self._values: dict[str, dict[str, list[int]]] = {}
        self.size = 0
        for position, given in enumerate(labels):
            self.size += 1
            for label in given:
                self._values.setdefault(label.key, {}).setdefault(label.value, []).append(position)
        self._known: dict[Requirement | Label, Flags] = {}

    def select(self, selector: Selector) -> Flags:
        """Which of the objects *selector* selects."""
        chosen = np.ones(self.size, dtype=np.bool_)
        for label in selector.labels:
            chosen &= self._satisfy(label)
        for requirement in selector.expressions:
            chosen &= self._satisfy(requirement)
        return chosen

    def _satisfy(self, asked: Requirement | Label) -> Flags:
        found = self._known.get(asked)
        if found is None:
            found = self._known[asked] = self._look(asked)
        return found

    def _look(self, asked: Requirement | Label) -> Flags:
        by_value = self._values.get(asked.key, {})
        if isinstance(asked, Label):
            return self._at([asked.value], by_value)
        match asked.operator:
            case Operator.IN:
                return self._at(asked.values, by_value)
            case Operator.NOT_IN:  # matches objects without the key, too
                return ~self._at(asked.values, by_value)
            case Operator.EXISTS:
                return self._at(by_value, by_value)
            case Operator.DOES_NOT_EXIST:
                return ~self._at(by_value, by_value)

    def _at(self, values: Iterable[str], by_value: dict[str, list[int]]) -> Flags:
        flags = np.zeros(self.size, dtype=np.bool_)
        for value in values:
            flags[by_value.get(value, [])] = True
        return flags
