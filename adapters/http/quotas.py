"""How much of this server one caller may hold at a time, so that no caller keeps the others out.

A caller is who a token names, of its issuer. Without tokens there is this user alone, who may have all of it. What is counted
is forgotten as soon as it is given back, so that the counts are never more than what is held.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

from arcops.errors import Refused, Unavailable

PREFIX = "ARCOPS_QUOTA_"
RETRY_SECONDS = 5
_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The most of each for one caller.

    ``requests`` under way, open ``sessions`` of MCP, ``calls`` of tools that are at work or wait for their turn, ``tasks``
    whose result may still be asked for.
    """

    requests: int = 128
    sessions: int = 200
    calls: int = 64
    tasks: int = 100


ALONE = Quotas(requests=1000, sessions=10_000, calls=512, tasks=1000)
"""Where one user is served and nobody else: as much as there is."""


def read_quotas(environment: Mapping[str, str], otherwise: Quotas) -> Quotas:
    """*otherwise*, but for the quotas that ``ARCOPS_QUOTA_REQUESTS``, ``_SESSIONS``, ``_CALLS`` and ``_TASKS`` set.

    Raises `Refused` for what is no whole number from 1 to 10000.
    """
    given: dict[str, int] = {}
    for one in fields(Quotas):
        name = PREFIX + one.name.upper()
        text = environment.get(name, "")
        if text and (not re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) or int(text) > _MOST):
            raise Refused(f"{name} is {text[:50]!r}; use a whole number from 1 to {_MOST}")
        if text:
            given[one.name] = int(text)
    return replace(otherwise, **given)


class Shares:
    """What callers hold of one thing now, at most *most* each. For one thread."""

    def __init__(self, most: int, what: str) -> None:
        self.most = most
        self._what = what
        self._held: Counter[str] = Counter()

    @contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """Hold one more while this lasts. Raises `Unavailable` where *caller* holds as many as it may."""
        self.take(caller)
        try:
            yield
        finally:
            self.give(caller)

    def take(self, caller: str) -> None:
        """Hold one more. Raises `Unavailable` where *caller* holds as many as it may."""
        if self._held[caller] >= self.most:
            raise Unavailable(f"you have {self.most} {self._what}, and may have no more at once; try again when one has ended")
        self._held[caller] += 1

    def give(self, caller: str) -> None:
        """Give one back."""
        self._held[caller] -= 1
        if self._held[caller] <= 0:
            del self._held[caller]

    def __len__(self) -> int:
        """How many callers hold something."""
        return sum(1 for held in self._held.values() if held > 0)
