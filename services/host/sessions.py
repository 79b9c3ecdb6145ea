"""Sessions of clients up to 2025-11-25: bound to who opened them, few for each caller, and ended if they are idle."""

from __future__ import annotations

import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Raw, UnsetType

from arcops.errors import Unavailable
from arcops.identity import Identity
from services.host import envelope
from services.host.calls import Call
from services.host.envelope import Message
from services.host.eras import LEGACY_VERSION
from services.host.handshake import Opening
from services.host.link import Link
from services.host.streams import Stream

MOST_SESSIONS = 10_000
MOST_EACH = 200
IDLE_SECONDS = 1800.0
AT = "."
"""In the id of a session, before the sealed address of its host."""
_MOST_STREAMS = 16
_MOST_ASKED = 256

Owner = tuple[str, str, str]
"""Issuer, tenant and id: what stays when a token is renewed."""


def owner_of(caller: Identity) -> Owner:
    """Who *caller* is, without what a token grants."""
    return caller.issuer, caller.tenant, caller.id


class Asking(Protocol):
    """A request of a client that waits: something of its own may be put into its stream."""

    def tell(self, method: str, message: bytes) -> None:
        """Put *message* into the stream of this request."""

    def abort(self, why: str) -> None:
        """End it: the client cancelled it, or its session ends."""


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """One session of one client with one server. ``standing`` has what belongs to no call of it."""

    id: str
    server: str
    owner: Owner
    opening: Opening
    version: str = LEGACY_VERSION
    link: Link | None = None
    standing: Stream = field(default_factory=lambda: Stream("s", resumable=True))
    streams: OrderedDict[str, Stream] = field(default_factory=OrderedDict)
    requests: dict[bytes, Asking] = field(default_factory=dict)
    """Those that wait, by their ids as JSON."""
    used: float = field(default_factory=time.monotonic)
    forward: Callable[[str, bytes], None] | None = None
    """Who gets what belongs to no call of it, instead of ``standing``: it is a part of another session."""
    _asked: OrderedDict[int, tuple[Link, bytes]] = field(default_factory=OrderedDict)
    _asks: int = 0
    _made: int = 0
    _uris: set[str] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """Does a request of it wait, or is its stream open?"""
        return bool(self.requests) or self.standing.attached

    def stream(self) -> Stream:
        """A new stream, for one request; the oldest that ended are forgotten."""
        self._made += 1
        made = Stream(f"r{self._made}", resumable=True)
        self.streams[made.key] = made
        if len(self.streams) > _MOST_STREAMS:
            for key in [key for key, one in self.streams.items() if one.complete][: len(self.streams) - _MOST_STREAMS]:
                del self.streams[key]
        return made

    def told(self, method: str, message: bytes) -> None:
        """Into the standing stream, also if it is not open now."""
        if self.forward is not None:
            self.forward(method, message)
        else:
            self.standing.put(message)

    def asked(self, id: bytes, method: str, params: Raw | UnsetType, about: Call | None) -> bool:
        """Ask the client, under an id of ours, in the stream of the call that it may be about."""
        if self.link is None or len(self._asked) >= _MOST_ASKED:
            return False
        self._asks += 1
        self._asked[self._asks] = (self.link, id)
        message = envelope.asked(b"%d" % self._asks, method, params)
        if about is not None and about.tell is not None:
            about.tell(method, message)
        else:
            self.standing.put(message)
        return True

    def answered(self, answer: Message) -> bool:
        """The client answers what it was asked. ``False`` if it was not asked that, or no one waits for it any more."""
        found = self._asked.pop(answer.id, None) if isinstance(answer.id, int) else None
        if found is None:
            return False
        link, id = found
        link.reply(id, answer)
        return True

    def withdrawn(self, id: bytes, message: Message) -> None:
        """Tell the client that the server does not wait for it any more."""
        for ours, (_, theirs) in list(self._asked.items()):
            if theirs == id:
                del self._asked[ours]
                self.standing.put(
                    envelope.notification("notifications/cancelled", envelope.encoded({"requestId": ours})),
                )

    def wants(self, uri: str) -> bool:
        """Did this session subscribe to *uri*?"""
        return uri in self._uris

    def subscribes(self, uri: str, *, on: bool) -> None:
        """This session subscribes to *uri*, or does not any more."""
        (self._uris.add if on else self._uris.discard)(uri)

    def ended(self, why: str) -> None:
        """The server ended: the next call asks for a new one."""
        self.link = None
        self._asked.clear()


class Sessions:
    """All sessions here. *gone* is told the server and the session's id if one ended, by its client or by this host.

    An id ends with *sealed*, by which other hosts of the site find this one (`services.host.peers`).
    """

    def __init__(
        self,
        gone: Callable[[str, str], None],
        *,
        most: int = MOST_SESSIONS,
        most_each: int = MOST_EACH,
        idle_seconds: float = IDLE_SECONDS,
        sealed: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gone, self._most, self._most_each = gone, most, most_each
        self._idle, self._clock = idle_seconds, clock
        self._at = f"{AT}{sealed}" if sealed else ""
        self._all: OrderedDict[str, Session] = OrderedDict()
        self._each: Counter[Owner] = Counter()
        self._tell: Callable[[str], None] | None = None

    def __len__(self) -> int:
        return len(self._all)

    def when_gone(self, tell: Callable[[str], None]) -> None:
        """Tell the id of each session that ends."""
        self._tell = tell

    @property
    def waiting(self) -> int:
        """How many requests of all of them wait."""
        return sum(len(one.requests) for one in self._all.values())

    def begin(self, server: str, caller: Identity, opening: Opening) -> Session:
        """A new session, for which the caller's own that is idle longest makes room. Raises `Unavailable` if none is idle."""
        self.sweep()
        owner = owner_of(caller)
        if self._each[owner] >= self._most_each:
            idle = next((one for one in self._all.values() if one.owner == owner and not one.busy), None)
            if idle is None:
                raise Unavailable(f"you have {self._most_each} sessions, all in use, which is the limit; end one (DELETE)")
            self.end(idle)
        if len(self._all) >= self._most:
            raise Unavailable(f"{self._most} sessions are open here, which is the limit; try again later")
        made = Session(id=secrets.token_urlsafe(24) + self._at, server=server, owner=owner, opening=opening, used=self._clock())
        self._all[made.id] = made
        self._each[owner] += 1
        return made

    def find(self, id: str, server: str, caller: Identity) -> Session | None:
        """The session *id* with *server*, if *caller* opened it. It is used now."""
        found = self._all.get(id)
        if found is None or found.server != server or found.owner != owner_of(caller):
            return None
        found.used = self._clock()
        self._all.move_to_end(id)
        return found

    def end(self, session: Session, why: str = "the session ended") -> None:
        """End *session*: its requests, its streams, and its part in a server."""
        if self._all.pop(session.id, None) is None:
            return
        self._each[session.owner] -= 1
        if self._each[session.owner] <= 0:
            del self._each[session.owner]
        for request in list(session.requests.values()):
            request.abort(why)
        for stream in (session.standing, *session.streams.values()):
            stream.close()
        if session.link is not None:
            session.link.leave(session)
            session.link = None
        self._gone(session.server, session.id)
        if self._tell is not None:
            self._tell(session.id)

    def sweep(self) -> None:
        """End the sessions that no one has used for too long."""
        until = self._clock() - self._idle
        for session in list(self._oldest(until)):
            if session.busy:
                session.used = self._clock()
                self._all.move_to_end(session.id)
            else:
                self.end(session)

    def _oldest(self, until: float) -> list[Session]:
        found = []
        for one in self._all.values():
            if one.used > until:
                break
            found.append(one)
        return found

    def close(self) -> None:
        """End all of them."""
        for session in list(self._all.values()):
            self.end(session, "this host ends")
