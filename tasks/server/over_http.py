"""The first words with a server of another machine (MCP, streamable HTTP of 2025-11-25 and 2026-07-28; HTTP+SSE of 2024-11-05).

No redirect is followed, and nothing is sent but what a client that can do nothing says, with the headers of the row.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from artifacts.envelope import strict_json
from foundation.egress import web
from foundation.egress.outside import Outside
from foundation.egress.permission import Purpose
from foundation.egress.remotes import NotAsked
from tasks.server.events import Event, Events, TooLong, endpoint
from tasks.server.talk import MOST_ALL, MOST_MESSAGE, Talk, answers, asks, refuse, refusing

if TYPE_CHECKING:
    from foundation.egress.web import AsyncClient, Response

JSON, STREAM = "application/json", "text/event-stream"
PURPOSE = Purpose(
    what="the address of the server",
    form="write remote:https://HOST/PATH, or sse:https://HOST/PATH",
    instead="set ARCOPS_TIER=restricted, so that a server of another machine may be asked",
)
_TICK, _FAREWELL_SECONDS = 0.2, 5.0
_MOST_SESSION = 1024


@dataclass(slots=True, kw_only=True)
class OverHttp(Talk):
    """With the server at *url*, if *tier* reaches it; *headers* go with each request, and an answer may take *seconds*. *alive*
    is called often and may raise. Its certificate comes from *authorities* (PEM; the usual ones if empty). *outside* limits the
    addresses, if someone else chose the URL; *instead* says what to do if it lets no one in. It is a context.
    """

    url: str
    tier: Tier
    headers: Mapping[str, str] = field(repr=False)
    seconds: float
    alive: Callable[[], object]
    authorities: str = ""
    outside: Outside | None = None
    instead: str = "give its credential with --secret AUTHORIZATION=REFERENCE"
    size: int = 0
    _numbers: int = 0
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner, repr=False)
    _client: AsyncClient | None = None

    def __enter__(self) -> Self:
        self.client()  # refused at once if the tier does not reach it
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ArcOpsError):
            self._runner.run(self._within(self.left(), "the farewell", _FAREWELL_SECONDS))
        if self._client is not None:
            self._runner.run(self._client.aclose())
        self._runner.close()

    def client(self) -> AsyncClient:
        """The client of HTTP. Raises `Refused` if the tier does not reach the server."""
        if self._client is None:
            headers = {"accept-encoding": "identity", "user-agent": "arcops", **self.headers}
            self._client = web.client(
                self.tier,
                self.url,
                PURPOSE,
                seconds=self.seconds,
                headers=headers,
                authorities=self.authorities,
                outside=self.outside,
            )
        return self._client

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """As `Talk.call`."""
        self._numbers += 1
        message = {"jsonrpc": "2.0", "id": self._numbers, "method": method, "params": params}
        return self._runner.run(self._within(self.asked(message), method, self.seconds))

    def notify(self, method: str) -> None:
        """As `Talk.notify`."""
        self._runner.run(self._within(self.told({"jsonrpc": "2.0", "method": method}), method, self.seconds))

    def leftover(self, seconds: float) -> None:
        """As `Talk.leftover`: what no one asked for has no way here."""

    async def asked(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to *message*."""
        raise NotImplementedError

    async def told(self, message: dict[str, Any]) -> None:
        """Send *message*, which has no answer."""
        raise NotImplementedError

    async def left(self) -> None:
        """Tell the server that we leave, if it must know."""

    async def _within(self, work: Coroutine[None, None, Any], what: str, seconds: float) -> Any:
        task, ends = asyncio.ensure_future(self._reached(work)), time.monotonic() + seconds
        try:
            while not (await asyncio.wait((task,), timeout=_TICK))[0]:
                self.alive()
                if time.monotonic() > ends:
                    raise Unavailable(f"it did not answer {what} in time")
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
        return task.result()

    async def _reached(self, work: Coroutine[None, None, Any]) -> Any:
        try:
            return await work
        except NotAsked as error:
            raise Unavailable(str(error)) from error
        except web.no_connection() as error:
            raise Unavailable(f"it cannot be reached ({type(error).__name__})") from error
        except web.failures() as error:
            raise Unavailable(f"it does not answer ({type(error).__name__})") from error
        except TooLong:
            raise Refused("it writes more than is read of a server") from None

    async def parts(self, response: Response) -> AsyncIterator[bytes]:
        """The body of *response*. Raises `Refused` if the server said too much by now."""
        async for part in response.aiter_raw():
            self.size += len(part)
            if self.size > MOST_ALL:
                refuse("it writes more than is read of a server")
            yield part

    async def events(self, response: Response) -> AsyncIterator[Event]:
        """The events of *response*. Raises `TooLong`."""
        seen = Events(MOST_MESSAGE)
        async for part in self.parts(response):
            for event in seen.feed(part):
                yield event


@dataclass(slots=True, kw_only=True)
class Posted(OverHttp):
    """Over streamable HTTP: each message is a POST, and its answer is JSON or a stream of events."""

    _own: dict[str, str] = field(default_factory=dict, repr=False)

    async def asked(self, message: dict[str, Any]) -> dict[str, Any]:
        """As `OverHttp.asked`."""
        async with self._post(message) as response:
            refuse_refusal(response, self.instead)
            if message["method"] == "initialize":
                self._taken(response)
            if response.status_code == 200 and media(response) == STREAM:
                async for event in self.events(response):
                    found = self.message(event.data)
                    if found is not None and answers(found, message["id"]):
                        return self._known(message, found)
                    if found is not None and asks(found):
                        await self.told(refusing(found))
                raise Unavailable(f"it ended its answer to {message['method']} before it was whole")
            body = b"".join([part async for part in self.parts(response)])
            if response.status_code != 200:
                return _error(response, body)
            found = self.message(body) if media(response) == JSON else None
            if found is None or not answers(found, message["id"]):
                raise Refused(f"it answers {message['method']} with what is no answer of MCP")
            return self._known(message, found)

    async def told(self, message: dict[str, Any]) -> None:
        """As `OverHttp.told`."""
        async with self._post(message) as response:
            refuse_refusal(response, self.instead)
            if response.status_code >= 300:
                raise Unavailable(f"it answers {response.status_code} to a notification")

    async def left(self) -> None:
        """End the session (2025-11-25, session management)."""
        if "mcp-session-id" in self._own:
            async with self.client().stream("DELETE", self.url, headers=self._own):
                pass  # 405 says that it lets no client end one

    @asynccontextmanager
    async def _post(self, message: dict[str, Any]) -> AsyncIterator[Response]:
        headers = {"content-type": JSON, "accept": f"{JSON}, {STREAM}"}
        version = message.get("params", {}).get("_meta", {}).get("io.modelcontextprotocol/protocolVersion", "")
        headers |= {"mcp-protocol-version": version, "mcp-method": message["method"]} if version else self._own
        async with self.client().stream("POST", self.url, content=json.dumps(message).encode(), headers=headers) as response:
            yield response

    def _taken(self, response: Response) -> None:
        session = str(response.headers.get("mcp-session-id", ""))
        if session and len(session) <= _MOST_SESSION and session.isascii() and session.isprintable():
            self._own["mcp-session-id"] = session

    def _known(self, message: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """*found*; what it says of the version belongs into the head of all that follows."""
        result = found.get("result")
        version = result.get("protocolVersion") if isinstance(result, dict) and message["method"] == "initialize" else None
        if isinstance(version, str) and version.isascii() and version.isprintable() and len(version) < 100:
            self._own["mcp-protocol-version"] = version
        return found


@dataclass(slots=True, kw_only=True)
class Listened(OverHttp):
    """Over HTTP+SSE: one stream has all that the server says, and names the address to which messages are posted."""

    _address: str = ""
    _said: AsyncIterator[Event] | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, repr=False)

    async def asked(self, message: dict[str, Any]) -> dict[str, Any]:
        """As `OverHttp.asked`."""
        said = await self._opened()
        await self.told(message)
        async for event in said:
            found = self.message(event.data) if event.kind == "message" else None
            if found is not None and answers(found, message["id"]):
                return found
            if found is not None and asks(found):
                await self.told(refusing(found))
        raise Unavailable(f"it ended its stream before it answered {message['method']}")

    async def told(self, message: dict[str, Any]) -> None:
        """As `OverHttp.told`."""
        data, headers = json.dumps(message).encode(), {"content-type": JSON}
        async with self.client().stream("POST", self._address, content=data, headers=headers) as response:
            refuse_refusal(response, self.instead)
            if response.status_code >= 300:
                raise Unavailable(f"it answers {response.status_code} to a message")

    async def left(self) -> None:
        """Leave the stream."""
        await self._stack.aclose()

    async def _opened(self) -> AsyncIterator[Event]:
        if self._said is not None:
            return self._said
        response = await self._stack.enter_async_context(self.client().stream("GET", self.url, headers={"accept": STREAM}))
        refuse_refusal(response, self.instead)
        if response.status_code != 200 or media(response) != STREAM:
            raise Refused(f"it answers {response.status_code}, and no stream of events; is it a server of streamable HTTP?")
        self._said = self.events(response)
        async for event in self._said:
            if event.kind == "endpoint":
                self._address = endpoint(self.url, event.data)
                if not self._address:
                    raise Refused("it names an address of another host for messages, which is not followed")
                return self._said
        raise Unavailable("it ended its stream before it named an address for messages")


def refuse_refusal(response: Response, instead: str) -> None:
    """Raise `Refused`, with what to do *instead*, if the server lets us not in, or sends us elsewhere."""
    status = response.status_code
    if status in (401, 403):
        raise Refused(f"it does not let us in ({status}); {instead}")
    if 300 <= status < 400:
        raise Refused(f"it answers {status}: another address, which is not followed; if that is right, its row must name it")


def media(response: Response) -> str:
    """The kind of the body of *response*, in small letters."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _error(response: Response, body: bytes) -> dict[str, Any]:
    """What an answer that is no success says: the error of JSON-RPC in it, or one that names the status."""
    with suppress(Refused):
        found = strict_json(body, "an answer")
        if isinstance(found, dict) and isinstance(found.get("error"), dict):
            return {"error": found["error"]}
    return {"error": {"code": -32000, "message": f"it answers {response.status_code}"}}
