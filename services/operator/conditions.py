"""Conditions of a resource (``metav1.Condition``): what holds, since when, for which generation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from manifests.objects import Json


class Held(StrEnum):
    """Does it hold?"""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; ``reason`` is one word."""

    type: str
    held: Held
    reason: str
    message: str


def conditions(found: Iterable[Condition], before: Mapping[str, Json], generation: int, now: datetime) -> list[Json]:
    """*found* as the API server keeps them. Each keeps the moment at which it last changed, from the status *before*."""
    kept = before.get("conditions")
    earlier: dict[str, Mapping[str, Json]] = {}
    for one in kept if isinstance(kept, list | tuple) else ():
        if isinstance(one, Mapping):
            earlier[str(one.get("type"))] = one
    made: list[Json] = []
    for one in found:
        last = earlier.get(one.type, {})
        since = last.get("lastTransitionTime") if last.get("status") == one.held.value else None
        made.append(
            {
                "type": one.type,
                "status": one.held.value,
                "reason": str(one.reason),
                "message": one.message,
                "observedGeneration": generation,
                "lastTransitionTime": since if isinstance(since, str) else f"{now:%Y-%m-%dT%H:%M:%SZ}",
            }
        )
    return made
