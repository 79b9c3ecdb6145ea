"""A server of another machine over streamable HTTP (MCP 2025-11-25 and 2026-07-28, transports), as a `Pipe`.

Each message is a POST; the answer is JSON or a stream of events. A server of 2025-11-25 may give us a session, and then has a
stream of its own for what belongs to no call; a stream that breaks before its answer is taken up again after the last event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from arcops.errors import Unavailable
from arcops.tier import Tier
from services.host import envelope
from services.host.envelope import Malformed, Message, one_line
from services.host.eras import LEGACY_VERSIONS, META
from services.host.framing import MOST_MESSAGE
from services.host.remote.remote import (
    JSON,
    STREAM,
    Bearer,
    Remote,
    Unreachable,
    bounded,
    is_json,
    is_stream,
    refusal,
)
from tasks.server.events import Events, TooLong

if TYPE_CHECKING:
    from foundation.egress.web import Response

NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that a request of 2026-07-28 repeats in its header ``Mcp-Name``."""
_HANDSHAKE = ("initialize", "server/discover")
_ACCEPT = f"{JSON}, {STREAM}"
_MOST_SESSION = 1024
_MOST_ERROR = 64 * 1024
_TRIES = 5
_REST_SECONDS, _LONGEST_REST = 1.0, 30.0
_AFTER_SECONDS = 5.0
"""How long a stream may go on after its answer."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Ask:
    """One request that waits. ``modern``: it is of 2026-07-28."""

    id: int
    method: str
    modern: bool
    answered: bool = False
    task: asyncio.Task[None] | None = None


class Streamable(Remote):
    """As `Remote`. One link uses it, so it has at most one session."""

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
        super().__init__(url, tier=tier, headers=headers, seconds=seconds, bearer=bearer, authorities=authorities)
        self._session = self._version = ""
        self._listening: asyncio.Task[None] | None = None
        self._asks: dict[int, _Ask] = {}

    async def write(self, message: bytes) -> None:
        """As `Pipe.write`. A request has gone when this returns; what becomes of it is told as its answer."""
        if self.over:
            raise Unavailable(self.over)
        found = envelope.heard(message)
        if found.method is UNSET or found.id is UNSET:
            await self._note(found, message)
            return
        headers, modern = self._headers(found)
        ask = _Ask(id=int(found.id or 0), method=found.method, modern=modern)
        self._asks[ask.id] = ask
        ask.task = self.begin(self._ask(ask, message, headers))

    def _headers(self, message: Message) -> tuple[dict[str, str], bool]:
        """What a request says of itself in its head, and is it of 2026-07-28?"""
        headers = {"content-type": JSON, "accept": _ACCEPT}
        params = envelope.members(message.params) or {}
        meta = envelope.members(params.get("_meta", UNSET)) or {}
        version = envelope.text(meta.get(META + "protocolVersion"))
        if not version:
            return headers | self._own(), False
        headers |= {"mcp-protocol-version": version, "mcp-method": str(message.method)}
        name = envelope.text(params.get(NAMED.get(str(message.method), "")))
        return headers | ({"mcp-name": name} if name.isascii() and name.isprintable() and name else {}), True

    def _own(self) -> dict[str, str]:
        session = {"mcp-session-id": self._session} if self._session else {}
        return session | ({"mcp-protocol-version": self._version} if self._version else {})

    async def _note(self, found: Message, message: bytes) -> None:
        """A notification, or an answer to what the server asked."""
        if found.method == "notifications/cancelled" and (ask := self._asks.get(_cancelled(found))) is not None:
            ask.answered = True  # whatever comes now is for no one
            if ask.modern:
                self._drop(ask)  # there, to leave the stream is to cancel (2026-07-28, cancellation)
                return
            try:
                await self._post(message)
            finally:
                self._drop(ask)
            return
        await self._post(message)
        if found.method == "notifications/initialized" and self._listening is None:
            self._listening = self.begin(self._listen())

    def _drop(self, ask: _Ask) -> None:
        self._asks.pop(ask.id, None)
        if ask.task is not None:
            ask.task.cancel()

    async def _post(self, message: bytes) -> None:
        headers = {"content-type": JSON, "accept": _ACCEPT} | self._own()
        async with self.reached(), self.client.stream("POST", self.url, content=message, headers=headers) as response:
            if response.status_code >= 300:
                if response.status_code == 404 and self._session:
                    self.fell(_FORGOTTEN)
                raise Unavailable(f"the remote server answers {response.status_code} to a notification")

    async def _ask(self, ask: _Ask, message: bytes, headers: Mapping[str, str]) -> None:
        events = Events()
        try:
            async with self.reached(), self.client.stream("POST", self.url, content=message, headers=headers) as response:
                await self._taken(ask, response, events)
            if not ask.answered and events.last and not ask.modern:
                await self._taken_up(ask, events)
            if not ask.answered:
                self._failed(ask, "the remote server ended its answer before it was whole")
        except TooLong:
            ask.answered = True
            self.answer_lost(MOST_MESSAGE + 1, ask.id)
        except Unavailable as error:
            if events.last and not ask.modern and not ask.answered:
                await self._taken_up(ask, events)
            if not ask.answered:
                self._failed(ask, str(error))
                if isinstance(error, Unreachable):
                    self.fell(str(error))
        finally:
            self._asks.pop(ask.id, None)

    async def _taken(self, ask: _Ask, response: Response, events: Events) -> None:
        """Read the answer to a request."""
        status = response.status_code
        if ask.method == "initialize" and status == 200:
            self._session = _session_of(response)
        if status == 200 and is_stream(response):
            await self._streamed(ask, response, events)
        elif status == 200 and is_json(response):
            await self._answer(ask, await bounded(response, MOST_MESSAGE))
        elif status == 404 and self._session:
            self._failed(ask, _FORGOTTEN)
            self.fell(_FORGOTTEN)
        elif status == 401 or (300 <= status < 400 and ask.method in _HANDSHAKE):  # it will not be better the next time
            self._failed(ask, refusal(response))
            self.fell(refusal(response))
        else:
            await self._refused(ask, response)

    async def _streamed(self, ask: _Ask, response: Response, events: Events) -> None:
        try:
            async with asyncio.timeout(None) as deadline:
                async for event in self.events(response, events):
                    await self._answer(ask, event.data)
                    if ask.answered and deadline.when() is None:
                        deadline.reschedule(asyncio.get_running_loop().time() + _AFTER_SECONDS)
        except TimeoutError:
            pass  # it was answered long ago

    async def _taken_up(self, ask: _Ask, events: Events) -> None:
        """Ask for what the broken stream would have said (2025-11-25, resumability)."""
        for number in range(_TRIES):
            await asyncio.sleep(min(events.retry or _REST_SECONDS * 2**number, _LONGEST_REST))
            headers = {"accept": STREAM, "last-event-id": events.last} | self._own()
            again = Events()
            again.last, again.retry = events.last, events.retry
            try:
                async with self.reached(), self.client.stream("GET", self.url, headers=headers) as response:
                    if response.status_code != 200 or not is_stream(response):
                        return
                    await self._streamed(ask, response, again)
            except Unavailable:
                pass
            if ask.answered:
                return
            if again.last != events.last:
                events = again

    async def _listen(self) -> None:
        """What the server says about no call, for as long as it has a stream for that."""
        number, events = 0, Events()
        while not self.over:
            headers = {"accept": STREAM} | self._own() | ({"last-event-id": events.last} if events.last else {})
            again = Events()
            again.last = events.last
            try:
                async with self.reached(), self.client.stream("GET", self.url, headers=headers) as response:
                    if response.status_code == 404 and self._session:
                        self.fell(_FORGOTTEN)
                    if response.status_code != 200 or not is_stream(response):
                        return  # it has none
                    async for event in self.events(response, again):
                        number = 0
                        await self.deliver(event.data)
            except (Unavailable, TooLong):
                pass
            events = again
            number += 1
            await asyncio.sleep(min(events.retry or _REST_SECONDS * 2**number, _LONGEST_REST))

    async def _answer(self, ask: _Ask, data: bytes) -> None:
        """One message on the way to the answer of *ask*."""
        try:
            message = envelope.heard(data)
        except Malformed:
            await self.deliver(data)  # it is counted there
            return
        if message.method is UNSET and message.id == ask.id:
            if ask.answered:
                return
            ask.answered = True
            if ask.method == "initialize":
                self._version = _version_of(message)
        await self.deliver(data)

    async def _refused(self, ask: _Ask, response: Response) -> None:
        """An answer that is no success: the error of JSON-RPC in it, or one of ours that names the status."""
        said = refusal(response)
        if is_json(response):
            line = await bounded(response, _MOST_ERROR)
            try:
                message = envelope.heard(line)
            except Malformed:
                message = Message()
            if message.error is not UNSET and message.id in (None, UNSET, ask.id):
                ask.answered = True
                if self.passes(one_line(line)):
                    self.said(envelope.answer(b"%d" % ask.id, message))
                return
        self._failed(ask, said)

    def _failed(self, ask: _Ask, said: str) -> None:
        ask.answered = True
        self.said(envelope.error(b"%d" % ask.id, envelope.UNAVAILABLE, said))

    async def farewell(self) -> None:
        """End the session at the server (2025-11-25, session management)."""
        if self._session:
            async with self.client.stream("DELETE", self.url, headers=self._own()):
                pass  # 405 says that it lets no client end one


_FORGOTTEN = "the remote server does not know our session any more"


def _session_of(response: Response) -> str:
    found = str(response.headers.get("mcp-session-id", ""))
    return found if len(found) <= _MOST_SESSION and found.isascii() and found.isprintable() else ""


def _version_of(message: Message) -> str:
    if message.result is UNSET:
        return ""
    try:
        found = envelope.text((envelope.members(message.result) or {}).get("protocolVersion"))
    except Malformed:
        return ""  # the handshake says so
    return found if found in LEGACY_VERSIONS else ""


def _cancelled(message: Message) -> int:
    id = envelope.value((envelope.members(message.params) or {}).get("requestId", Raw(b"0")))
    return id if isinstance(id, int) else 0
