"""The connections of one server: how many there may be in all and of one address, and which makes room for the next.

A connection *waits* while it has sent no whole request, and between requests. It *sends* while its body is on the way, and is
*unread* while its caller reads nothing of an answer; both hold memory here. If there are too many of one kind, the one that has
been so longest makes room, so that no number of connections keeps another caller out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

MOST_PER_ADDRESS = 200
"""Connections of one address, if addresses tell callers apart."""
MOST_CONNECTIONS = 20_000
MOST_SENDING, MOST_UNREAD = 1000, 200


class Connection(Protocol):
    """A connection, as its server counts it."""

    def make_room(self) -> None:
        """End at once: another one needs the place."""


@dataclass(slots=True, kw_only=True)
class Connections:
    """``most_each`` is the most of one address (``None`` is no limit), ``most`` that of all addresses together,
    ``most_sending`` and ``most_unread`` the most of these kinds.
    """

    most_each: int | None = None
    most: int = MOST_CONNECTIONS
    most_sending: int = MOST_SENDING
    most_unread: int = MOST_UNREAD
    _addresses: Counter[str] = field(default_factory=Counter)
    _waiting: dict[Connection, None] = field(default_factory=dict)  # the one that has waited longest comes first
    _sending: dict[Connection, None] = field(default_factory=dict)
    _unread: dict[Connection, None] = field(default_factory=dict)
    _connected: dict[Connection, str] = field(default_factory=dict)

    def comes(self, one: Connection, address: str) -> bool:
        """*one* came from *address*, and waits; false if that address has too many. It is counted until it is `gone`."""
        self._addresses[address] += 1
        self._connected[one] = address
        if self.most_each is not None and self._addresses[address] > self.most_each:
            return False
        if len(self._connected) > self.most:
            self._make_room(self._waiting or self._sending or self._unread)
        self._waiting[one] = None
        return True

    def _make_room(self, among: Iterable[Connection]) -> None:
        longest = next(iter(among), None)
        if longest is not None:
            self._forget(longest)
            longest.make_room()

    def sends(self, one: Connection, *, whole: bool) -> None:
        """A part of a body came through *one*; *whole* says that it was the last."""
        self._turn(one, self._sending, self.most_sending, is_so=not whole)

    def unread(self, one: Connection, *, is_so: bool) -> None:
        """The caller of *one* reads nothing of an answer, or goes on reading."""
        self._turn(one, self._unread, self.most_unread, is_so=is_so)

    def _turn(self, one: Connection, among: dict[Connection, None], most: int, *, is_so: bool) -> None:
        if not is_so:
            among.pop(one, None)
        elif one in self._connected:
            among.setdefault(one)  # if it is among them already, it has been so since then
            if len(among) > most:
                self._make_room(among)

    def _forget(self, one: Connection) -> None:
        for among in (self._waiting, self._sending, self._unread):
            among.pop(one, None)

    def works(self, one: Connection) -> None:
        """*one* has sent a whole request."""
        self._waiting.pop(one, None)

    def waits(self, one: Connection) -> None:
        """*one* is answered, and waits for its next request."""
        if one in self._connected:
            self._waiting[one] = None

    def gone(self, one: Connection) -> None:
        """*one* has ended, or belongs to another protocol now. May be called again."""
        self._forget(one)
        address = self._connected.pop(one, None)
        if address is None:
            return
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]
