"""Conditions of a resource (``metav1.Condition``): what holds, since when, for which generation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from manifests.objects import Json, inner


class Held(StrEnum):
    """Does it hold?"""

    TRUE = "True"
    FALSE = "False"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; ``reason`` is one word."""

    type: str
    held: Held
    reason: str
    message: str


def condition_in(status: Json, kind: str) -> Mapping[str, Json]:
    """The condition *kind* of a resource with this *status*; empty without one."""
    kept = inner(status, "conditions")
    for one in kept if isinstance(kept, list | tuple) else ():
        if isinstance(one, Mapping) and one.get("type") == kind:
            return one
    return {}


def conditions(found: Iterable[Condition], before: Mapping[str, Json], generation: int, now: datetime) -> list[Json]:
    """*found* as the API server keeps them. Each keeps the moment at which it last changed, from the status *before*."""
    made: list[Json] = []
    for one in found:
        last = condition_in(before, one.type)
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
