"""How much of this server one caller may use at a time, so that no caller blocks the others.

A caller is the subject of a token, of one issuer. Without tokens only this user calls, and may use all of it. A count is
removed when it falls to zero, so the counts never take more memory than the use itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

from arcops.errors import Refused, Unavailable

PREFIX = "ARCOPS_QUOTA_"
CONNECTIONS = "ARCOPS_CONNECTIONS_PER_ADDRESS"
LOGINS = "ARCOPS_LOGINS_PER_ADDRESS"
RETRY_SECONDS = 5
_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The limits for one caller.

    ``requests`` in progress, open ``sessions`` of MCP, ``calls`` of tools that run or wait for their turn, and ``tasks``
    whose result is still kept.
    """

    requests: int = 128
    sessions: int = 200
    calls: int = 64
    tasks: int = 100


ALONE = Quotas(requests=1000, sessions=10_000, calls=512, tasks=1000)
"""The limits if only one user is served: as much as there is."""


def connections_per_address(environment: Mapping[str, str]) -> int | None:
    """``ARCOPS_CONNECTIONS_PER_ADDRESS``, or ``None`` if it is not set. Raises `Refused` like `read_quotas`."""
    return _whole(environment, CONNECTIONS)


def logins_per_address(environment: Mapping[str, str]) -> int | None:
    """``ARCOPS_LOGINS_PER_ADDRESS``, a minute, or ``None`` if it is not set. Raises `Refused` like `read_quotas`."""
    return _whole(environment, LOGINS)


def _whole(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if text and (not re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) or int(text) > _MOST):
        raise Refused(f"{name} is {text[:50]!r}; use a whole number from 1 to {_MOST}")
    return int(text) if text else None


def read_quotas(environment: Mapping[str, str], otherwise: Quotas) -> Quotas:
    """*otherwise*, changed by ``ARCOPS_QUOTA_REQUESTS``, ``_SESSIONS``, ``_CALLS`` and ``_TASKS`` if these are set.

    Raises `Refused` for a value that is not a whole number from 1 to 10000.
    """
    given: dict[str, int] = {}
    for one in fields(Quotas):
        if value := _whole(environment, PREFIX + one.name.upper()):
            given[one.name] = value
    return replace(otherwise, **given)


class Shares:
    """How much callers use of one thing now, at most *most* each. For one thread."""

    def __init__(self, most: int, what: str) -> None:
        self.most = most
        self._what = what
        self._held: Counter[str] = Counter()

    @contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """Use one more while this lasts. Raises `Unavailable` if *caller* has reached the limit."""
        self.take(caller)
        try:
            yield
        finally:
            self.give(caller)

    def take(self, caller: str) -> None:
        """Use one more. Raises `Unavailable` if *caller* has reached the limit."""
        if self._held[caller] >= self.most:
            raise Unavailable(f"you have {self.most} {self._what}, which is the limit; try again when one has ended")
        self._held[caller] += 1

    def give(self, caller: str) -> None:
        """Give one back."""
        self._held[caller] -= 1
        if self._held[caller] <= 0:
            del self._held[caller]

    def __len__(self) -> int:
        """How many callers use something."""
        return sum(1 for held in self._held.values() if held > 0)
