"""The connections of one server: how many there may be in all and of one address, and which makes room for the next.

A connection *waits* while it has sent no whole request, and between requests. If there are too many, the one that has waited
longest makes room, so that no number of connections keeps another caller out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

MOST_PER_ADDRESS = 200
"""Connections of one address, if addresses tell callers apart."""
MOST_CONNECTIONS = 20_000


class Connection(Protocol):
    """A connection, as its server counts it."""

    def make_room(self) -> None:
        """End at once: another one needs the place."""


@dataclass(slots=True, kw_only=True)
class Connections:
    """``most_each`` is the most of one address (``None`` is no limit), ``most`` that of all addresses together."""

    most_each: int | None = None
    most: int = MOST_CONNECTIONS
    _addresses: Counter[str] = field(default_factory=Counter)
    _waiting: dict[Connection, None] = field(default_factory=dict)  # the one that has waited longest comes first
    _connected: dict[Connection, str] = field(default_factory=dict)

    def comes(self, one: Connection, address: str) -> bool:
        """*one* came from *address*, and waits; false if that address has too many. It is counted until it is `gone`."""
        self._addresses[address] += 1
        self._connected[one] = address
        if self.most_each is not None and self._addresses[address] > self.most_each:
            return False
        if len(self._connected) > self.most and self._waiting:
            longest = next(iter(self._waiting))
            self.works(longest)
            longest.make_room()
        self._waiting[one] = None
        return True

    def works(self, one: Connection) -> None:
        """*one* has sent a whole request."""
        self._waiting.pop(one, None)

    def waits(self, one: Connection) -> None:
        """*one* is answered, and waits for its next request."""
        if one in self._connected:
            self._waiting[one] = None

    def gone(self, one: Connection) -> None:
        """*one* has ended, or belongs to another protocol now. May be called again."""
        self.works(one)
        address = self._connected.pop(one, None)
        if address is None:
            return
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]
