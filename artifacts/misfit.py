"""A value that does not fit its type: what is wrong, and its place in the document."""

from __future__ import annotations

from artifacts.json_values import called


class Misfit(Exception):
    """Raised by compiled readers and writers; `artifacts.typed` and `artifacts.wire` turn it into an error for users."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self._steps: list[str] = []

    def inside(self, step: str) -> None:
        """Note that the place is inside *step*: ``.field`` or ``[3]``."""
        self._steps.append(step)

    @property
    def place(self) -> str:
        """The place in the document: ``.field[3]``, or nothing for the document itself."""
        return "".join(reversed(self._steps))


def other(wanted: str, value: object) -> Misfit:
    """The error that *wanted* is expected and not *value*. Only the kind of *value* is told, because it may be a secret."""
    return Misfit(f"{wanted} is expected, not {called(type(value))}")
