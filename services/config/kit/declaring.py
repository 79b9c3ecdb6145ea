"""How a check is declared: beside its function, with its id, its question, and whether it publishes something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.config.kit.asking import Service

Work = Callable[[Service, datetime], str]
SECRET = "ghp_" + "k3Jq9ZtB" * 4 + "Wx7d"  # made here; no one ever had it
NOTHING = f"sha256:{'0' * 64}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. ``asks`` is a question of the request for proposals; ``writes``: it publishes something."""

    id: str
    asks: str
    work: Work
    writes: bool = False

    @property
    def criterion(self) -> str:
        """AC-1 to AC-5."""
        return self.id[:4]


DECLARED: list[Check] = []


def check(check_id: str, asks: str, *, writes: bool = False) -> Callable[[Work], Work]:
    """Declare the decorated function as a check. It returns its evidence in a sentence, or raises `Failed` or `NotAsked`."""

    def declare(work: Work) -> Work:
        DECLARED.append(Check(id=check_id, asks=asks, work=work, writes=writes))
        return work

    return declare
