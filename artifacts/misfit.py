"""A value that does not fit its type: what is wrong, and the place in the whole, found as the readers unwind."""

from __future__ import annotations

from artifacts.json_values import called


class Misfit(Exception):
    """Raised by compiled readers and writers, never past `artifacts.typed` and `artifacts.wire`, which say it as an error."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self._steps: list[str] = []

    def inside(self, step: str) -> None:
        """Note that the place lies inside of *step*: ``.field`` or ``[3]``."""
        self._steps.append(step)

    @property
    def place(self) -> str:
        """Where in the whole it is: ``.field[3]``, or nothing for the whole itself."""
        return "".join(reversed(self._steps))


def other(wanted: str, value: object) -> Misfit:
    """That *wanted* is expected where *value* stands; only its kind is told, since it may be a secret."""
    return Misfit(f"{wanted} is expected, not {called(type(value))}")
