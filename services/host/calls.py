"""The calls that wait for one server, who listens to it, and how a call can end without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec import Raw, UnsetType

from arcops.errors import Unavailable
from services.host.envelope import Message


class Listener(Protocol):
    """A session at a link. None of its functions waits or raises."""

    def told(self, method: str, message: bytes) -> None:
        """The server said *message*, a notification, to this session and about no call."""

    def asked(self, id: bytes, method: str, params: Raw | UnsetType, about: Call | None) -> bool:
        """The server asks the client; *id* is JSON, *about* the call that it may belong to. ``False``: no one can be asked."""

    def withdrawn(self, id: bytes, message: Message) -> None:
        """The server needs no answer any more to what it asked with this *id*."""

    def wants(self, uri: str) -> bool:
        """Did this session subscribe to the resource *uri*?"""

    def ended(self, why: str) -> None:
        """The server ended."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """What one link saw: ``strays`` are lines that are no messages, ``unknown`` answers that no call waits for, ``late`` those
    of calls that were cancelled, ``lost`` messages over the bound, ``unheard`` what could be given to no one.
    """

    calls: int = 0
    strays: int = 0
    unknown: int = 0
    late: int = 0
    lost: int = 0
    unheard: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One call that waits. ``tell`` gets the notifications that belong to it; ``until`` is in the loop's seconds."""

    id: int
    method: str
    answer: asyncio.Future[Message]
    listener: Listener | None
    tell: Callable[[str, bytes], None] | None
    token: Raw | None
    subscription: bytes
    until: float


class Ended(Unavailable):
    """The server ended. ``sent``: the call had reached it, so it may have been done."""

    def __init__(self, said: str, *, sent: bool) -> None:
        super().__init__(said)
        self.sent = sent


class TookTooLong(Unavailable):
    """The server did not answer in time; the call was cancelled there."""


class TooMuch(Unavailable):
    """An answer over the bound, or too many calls at once. Other calls go on."""
