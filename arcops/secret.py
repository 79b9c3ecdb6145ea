"""A secret on its way to the one who uses it: no text, log or error shows it by accident."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """``value`` is the secret. Nothing else of this shows it; it may be pickled, for a pipe to a child of ours."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "(secret)"

    def __format__(self, form: str) -> str:
        return "(secret)"
