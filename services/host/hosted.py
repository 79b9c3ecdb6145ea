"""What the doors ask of the servers that are hosted here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from arcops.errors import Unavailable
from arcops.identity import Identity
from foundation.authorization.sharing import Share
from services.host.eras import Era

if TYPE_CHECKING:
    from services.host.link import Link


class State(StrEnum):
    """What a hosted server does now."""

    PENDING = "Pending"
    INSTALLING = "Installing"
    STARTING = "Starting"
    RUNNING = "Running"
    ERROR = "Error"
    STOPPED = "Stopped"


class NotYet(Unavailable):
    """A server that does not serve now. ``state`` is what it does, ``retry`` in how many whole seconds to ask again.

    ``full``: it serves others, and the most children or sessions are there already (429 instead of 503).
    """

    def __init__(self, said: str, *, state: State, retry: int, full: bool = False) -> None:
        super().__init__(said)
        self.state, self.retry, self.full = state, retry, full


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a door must know of a hosted server. ``eras`` are those that it was seen to speak; empty if that is not known.

    ``stateless``: sessions may share one child of it. A call that takes more than ``call_seconds`` is cancelled. ``bound`` are
    its scope parameters, as `services.host.spec.bound_for` reads them. ``one_host``: one host at a time runs it. Only its
    ``tools`` are shown and called; ``None``: all that it has. ``shares`` say who may call it, besides those that a policy
    allows. ``elsewhere``: it is a server of another machine.
    """

    name: str
    stateless: bool = False
    eras: frozenset[Era] = frozenset()
    call_seconds: float = 600.0
    bound: tuple[str, ...] = ()
    one_host: bool = False
    tools: frozenset[str] | None = None
    shares: tuple[Share, ...] = ()
    elsewhere: bool = False

    @property
    def shared(self) -> bool:
        """May the server have one client for several callers? One of another machine sees this host's credential alone."""
        return self.stateless or self.elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A hosted server as its status shows it. ``reason`` is one sentence; ``since`` when it came into this state.

    ``pids`` are its processes here, ``calls`` and ``restarts`` are counted since this host started, ``stderr`` has the last
    lines of what it wrote there.
    """

    state: State
    reason: str
    since: datetime
    pids: tuple[int, ...] = ()
    calls: int = 0
    restarts: int = 0
    stderr: tuple[str, ...] = ()


class Hosted(Protocol):
    """The servers that are hosted here. All of it is for the thread of one event loop."""

    def row(self, name: str) -> Row | None:
        """The server *name*, or ``None`` if there is no such server. From memory: each request asks it."""

    async def link(self, name: str, caller: Identity, session: str, era: Era) -> Link:
        """What carries messages to a running *name* for *caller*; starts what must be started.

        Children are apart by (version of the row, tenant of *caller*, *era*, and *session* unless the row is stateless).
        *era* is how the client speaks, or how the server does if it speaks in one way only. A link that has ended is not
        given again.
        A caller that no longer waits is cancelled, which must not stop others that wait for the same start.
        The link need not be open: the door opens it (`Link.open`), because that may need what its client can do.

        Raises `Refused` if this may not be (with a sentence for people and agents), `NotYet` if it is not there now.
        """

    async def elsewhere(self, name: str) -> str:
        """The address of the other host that runs *name*, if one host at a time runs it; empty if there is no other."""

    def shown(self, name: str) -> Shown | None:
        """How *name* is now, from memory, or ``None`` if there is no such server."""

    def gone(self, name: str, session: str) -> None:
        """*session* of *name* has ended: a child that it had for itself may end. Called once a session; one that is not known
        is nothing."""
