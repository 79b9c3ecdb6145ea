"""Counters, as `deciding` asks them: all charges of a call count, or none does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Protocol

from foundation.limits.bucket import Standing
from foundation.limits.rules import Charge


class Counters(Protocol):
    """Counts that several threads, and for some implementations several hosts, share."""

    def take(self, charges: Sequence[Charge]) -> tuple[Standing, ...]:
        """Count a call at each of *charges* if each lets it through; if one does not, none counts it.

        The standings are in the order of *charges*. Raises `Unavailable` if the counts cannot be read or written.
        """

    def close(self) -> None:
        """Close what is open."""


def hashed(charge: Charge) -> str:
    """The key of *charge* outside this process: 64 hexadecimal digits that name no caller."""
    return hashlib.sha256(json.dumps([charge.rule.quota, *charge.key]).encode()).hexdigest()
