"""What the cache asks a place of secrets for, whichever place it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol

from arcops.late_dataclass import dataclass
from foundation.secrets.reference import Scheme, SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A secret as a place gave it. It counts for ``seconds``; ``None`` if the place does not say how long."""

    value: str = field(repr=False)
    seconds: float | None = None


class SecretSource(Protocol):
    """One place of secrets."""

    def read(self, ref: SecretRef) -> Given:
        """The secret at *ref*, as it is there now.

        Raises `Unavailable` if the place does not answer, and `Refused` if it has no such secret, does not let us have it, or
        is out of the tier's reach. The text of neither quotes an answer, because an answer may hold secrets.
        """
        ...


Open = Callable[[], SecretSource]
Sources = Mapping[Scheme, Open]
"""How each place is opened, when the first secret is asked of it. Opening may raise `Refused` for settings that are wrong."""
