"""What both transports to a server of another machine share: who hears it, when it is paused, and how it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from arcops.errors import Unavailable
from arcops.tier import Tier
from foundation.egress import web
from foundation.egress.permission import Purpose
from foundation.egress.remotes import NotAsked
from services.host.envelope import one_line
from services.host.pipe import Lost, passed_on
from tasks.server.events import Event, Events, TooLong

if TYPE_CHECKING:
    from foundation.egress.web import AsyncClient, Response

CONNECT_SECONDS = 20.0
MOST_CONNECTIONS = 1200
"""To one remote server: each call that waits has its own, and each subscription."""
_PURPOSE = Purpose(
    what="the address of the remote server",
    form="write https://HOST/PATH",
    instead="set ARCOPS_TIER=restricted, so that a server of another machine may be asked",
)
_FAREWELL_SECONDS = 5.0
NOT_LET_IN = "the remote server does not let us in (401): give its credential with --secret AUTHORIZATION=REFERENCE"
JSON, STREAM = "application/json", "text/event-stream"


class Unreachable(Unavailable):
    """There is no connection to the server."""


class Bearer(Protocol):
    """The token that a server is shown."""

    async def text(self) -> str:
        """The token, for a request now. Raises `Unavailable`."""

    def refused(self) -> None:
        """The server did not take it."""


class Remote:
    """A server at *url* as a `Pipe`. *headers* have what it asks of a client, a credential above all; no one is shown them.

    A call of it may take *seconds*. *bearer* gives the token for each request, if it needs one that ends; its certificate
    comes from *authorities* (PEM; the usual ones if empty). Raises `Refused` if *tier* does not reach it.
    """

    def __init__(
        self,
        url: str,
        *,
        tier: Tier,
        headers: Mapping[str, str],
        seconds: float,
        bearer: Bearer | None = None,
        authorities: str = "",
    ) -> None:
        self.url = url
        self._bearer = bearer
        self.over = ""
        """Why it ended, or nothing while it can be asked."""
        self.asked = ""
        """Why we ended it, or nothing."""
        self.spoke = False
        """Did it say a whole message? One that never did was not reached well."""
        self.errors: deque[str] = deque(maxlen=1)
        """A remote server has no standard error."""
        self.look: Callable[[bytes], bool] = passed_on
        """May this message be passed on? Asked for each before anyone hears it."""
        self.client: AsyncClient = web.client(
            tier,
            url,
            _PURPOSE,
            seconds=CONNECT_SECONDS,
            read_seconds=seconds + CONNECT_SECONDS,
            headers={"accept-encoding": "identity", "user-agent": "arcops", **headers},
            connections=MOST_CONNECTIONS,
            authorities=authorities,
        )
        self._heard: Callable[[bytes], None] = _nothing
        self._lost: Callable[[Lost], None] = _nothing
        self._told: Callable[[str], None] = _nothing
        self._gone: Callable[[], object] = bool
        self._flow = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._farewell: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """As `HostedPipe.pid`: it has no process here."""
        return None

    @property
    def code(self) -> int | None:
        """As `HostedPipe.code`."""
        return None

    async def left(self) -> None:
        """As `HostedPipe.left`."""
        if self._farewell is not None:
            await asyncio.wait((self._farewell,))

    def hear(self, heard: Callable[[bytes], None], lost: Callable[[Lost], None], ended: Callable[[str], None]) -> None:
        """As `Pipe.hear`."""
        self._heard, self._lost, self._told = heard, lost, ended
        if self.over:
            ended(self.over)
        else:
            self._flow.set()

    def when_over(self, gone: Callable[[], None]) -> None:
        """Call *gone* when it ended and that was told."""
        self._gone = gone
        if self.over:
            gone()

    def pause(self) -> None:
        """As `Pipe.pause`."""
        self._flow.clear()

    def resume(self) -> None:
        """As `Pipe.resume`."""
        self._flow.set()

    def end(self, why: str) -> None:
        """As `Pipe.end`; here it is because of us."""
        if not (self.asked or self.over):
            self.asked = why
            self.fell(why)

    def fell(self, why: str) -> None:
        """It cannot be asked any more: tell that, once."""
        if self.over:
            return
        if self._bearer is not None and why.startswith(NOT_LET_IN):
            self._bearer.refused()
        self.over = why
        self._flow.set()
        ended = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in ended:
            task.cancel()
        self._farewell = asyncio.get_running_loop().create_task(self._left(ended))
        self._told(why)
        self._gone()

    async def farewell(self) -> None:
        """Tell the server that we leave, if it must know."""

    async def _left(self, ended: list[asyncio.Task[None]]) -> None:
        if ended:  # what they still hold, the client could not close
            await asyncio.wait(ended, timeout=_FAREWELL_SECONDS)
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS), self.reached():
                await self.farewell()
        except (TimeoutError, Unavailable):
            pass  # it is left either way
        finally:
            await self.client.aclose()

    def begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do *work* beside; it ends with the pipe."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def deliver(self, message: bytes) -> None:
        """Say that the server said *message*, when it may be said, and if it may be passed on."""
        await self._flow.wait()
        if self.passes(line := one_line(message)):
            self._heard(line)

    def passes(self, line: bytes) -> bool:
        """The server said *line*: may anyone hear it? One that ended, also because of this line, says nothing more."""
        if self.over:
            return False
        self.spoke = True
        return self.look(line) and not self.over

    def answer_lost(self, size: int, id: int | None) -> None:
        """A message over the bound, which answers *id* if that is known."""
        self._lost(Lost(size=size, id=id))

    def said(self, message: bytes) -> None:
        """Say *message*, which is ours."""
        self._heard(message)

    async def events(self, response: Response, seen: Events) -> AsyncIterator[Event]:
        """The events of *response*, as they come. Raises `TooLong`."""
        async for part in response.aiter_raw():
            for event in seen.feed(part):
                yield event
            await self._flow.wait()

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[None]:
        """Raises `Unavailable` for everything that breaks a connection meanwhile, `Unreachable` if there is no connection.

        If it has ended, that is why, whatever happened to the connection then.
        """
        if self._bearer is not None:
            self.client.headers["authorization"] = f"Bearer {await self._bearer.text()}"
        try:
            yield
        except NotAsked as error:
            raise Unreachable(str(error)) from error
        except web.no_connection() as error:
            raise Unreachable(f"the remote server cannot be reached ({type(error).__name__})") from error
        except web.failures() as error:
            raise Unavailable(self.over or f"the remote server does not answer ({type(error).__name__})") from error


def refusal(response: Response) -> str:
    """What an answer that is no success says, as the beginning of a sentence."""
    if response.status_code == 401:
        return NOT_LET_IN
    if 300 <= response.status_code < 400:
        return f"the remote server answers {response.status_code}: another address, which is not followed; its row must name it"
    return f"the remote server answers {response.status_code}"


def is_stream(response: Response) -> bool:
    """Is the answer a stream of events?"""
    return _media(response) == STREAM


def is_json(response: Response) -> bool:
    """Is the answer JSON?"""
    return _media(response) == JSON


def _media(response: Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


async def bounded(response: Response, most: int) -> bytes:
    """The body of *response*. Raises `TooLong` if it has more than *most* bytes."""
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > most:
            raise TooLong
        parts.append(part)
    return b"".join(parts)


def _nothing(_: object) -> None:
    """No one hears yet."""
