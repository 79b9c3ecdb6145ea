"""The two ends of one running server: whole JSON-RPC messages go in and come out, whatever carries them.

A process on this machine and a server on another one are both a `Pipe`, so a `Link` does not know which of them it has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A message that was longer than the bound and was not kept: its ``size`` in bytes, and its ``id`` if it could be read.

    ``answer`` says if the message seems to be an answer, and not a request or notification of the server.
    """

    size: int
    id: int | str | None = None
    answer: bool = True


class Pipe(Protocol):
    """One running server. All of it is for the thread of one event loop."""

    async def write(self, message: bytes) -> None:
        """Give the server one JSON-RPC *message*, which has no line feed. Waits while the server does not read.

        Raises `Unavailable` if the server has ended, or has not read for so long that it will not. Messages are whole and in
        the order of the calls, also if a caller is cancelled while it waits: then its message went wholly, or not at all.
        """

    def hear(self, heard: Callable[[bytes], None], lost: Callable[[Lost], None], ended: Callable[[str], None]) -> None:
        """Tell what comes out, from now on; called once, before the first `write`.

        *heard* gets each whole line that is not empty, without its end, also one that is no JSON; *lost* each message over the
        bound; *ended* once, with a sentence that says why, and nothing after it. None of them waits or raises.
        """

    def pause(self) -> None:
        """Read no more from the server until `resume`: who is to get it does not take it. May be called again."""

    def resume(self) -> None:
        """Read on. May be called again."""

    def end(self, why: str) -> None:
        """The server is broken, *why* in a sentence: end it. *ended* follows with this sentence. May be called again."""


class HostedPipe(Pipe, Protocol):
    """A `Pipe` as its host keeps it: how the server is, and what it may say.

    ``over`` says why it ended, or is empty while it can be asked; ``asked`` says why we ended it. ``spoke``: it said a whole
    message. ``errors`` are the last lines of its standard error. ``pid`` and ``code``, how it ended, are those of its process,
    ``None`` if it has none here. ``look`` is asked for each message of the server before anyone hears it: may it be passed on?
    """

    over: str
    spoke: bool
    errors: deque[str]
    look: Callable[[bytes], bool]

    @property
    def asked(self) -> str:
        """Why we asked it to end, or nothing."""

    @property
    def pid(self) -> int | None:
        """Its process here."""

    @property
    def code(self) -> int | None:
        """The exit code of that process, negative for a signal; ``None`` while it runs, or if that is not known."""

    def when_over(self, gone: Callable[[], None]) -> None:
        """Call *gone* when nothing is left of the server and that was told."""

    async def left(self) -> None:
        """Wait until nothing is left of it, after `end`."""


def passed_on(_: bytes) -> bool:
    """Everything may be passed on: no one looks."""
    return True
