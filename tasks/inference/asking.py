"""One request over its own connection, and the times at which the parts of its answer came.

No proxy, no redirect, no cookie and no retry: their time would be measured as time of the model.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from arcops.endpoint import Load, Route
from arcops.errors import Refused
from arcops.seen.inference import Fault
from arcops.tier import Tier
from foundation.egress import stream
from foundation.egress.destination import Destination
from foundation.egress.permission import Purpose, permitted
from foundation.egress.tls import context as tls_context
from tasks.inference.bad_answer import BadAnswer
from tasks.inference.dialect import STANDARD, Dialect
from tasks.inference.events import StreamedAnswer

if TYPE_CHECKING:
    from foundation.egress.tls import SSLContext

MOST_ANSWER = 8 * 1024 * 1024
"""Bytes of one answer, with all data of the stream around its text."""

_MOST_LIST = 1024 * 1024
_CHUNK = 64 * 1024


_ENDPOINT = Purpose(what="the endpoint's URL", form="use one like http://127.0.0.1:8000", instead="set --tier restricted")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDoor:
    """The target of requests, which ``tier`` allows: the certificate must name ``to.host``; ``path`` comes before ``/v1``."""

    to: Destination
    tier: Tier
    path: str
    tls: SSLContext | None
    key: str

    @property
    def port(self) -> int:
        return self.to.port


def door(load: Load, tier: Tier, *, key: str, authorities: bytes) -> EndpointDoor:
    """Raises `Refused` if *tier* does not reach the address, or if a key would be sent without encryption."""
    to = permitted(tier, load.url, _ENDPOINT)
    if to.in_the_clear and key:
        raise Refused(f"the API key would be sent to {to.host} without encryption; use https")
    context = None
    if to.scheme == "https":
        try:
            context = tls_context(authorities.decode("ascii"))
        except ValueError as error:
            raise Refused("the file of the endpoint's authorities holds no readable certificates (PEM)") from error
    elif authorities:
        raise Refused("certificates of authorities are given, but the address is not https; use https")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Refused("the API key holds characters that a header must not have; check its file for a line break")
    return EndpointDoor(to=to, tier=tier, path=urlsplit(load.url).path.rstrip("/"), tls=context, key=key)


def refuse_beyond(url: str, tier: Tier) -> None:
    """Raise `Refused` unless *tier* reaches the endpoint at *url*."""
    permitted(tier, url, _ENDPOINT)


@dataclass(slots=True)
class Answered:
    """The result of a request; moments are nanoseconds of the clock, ``None`` if that step was not reached."""

    answer: StreamedAnswer
    sent: int = 0
    connected: int | None = None
    ended: int | None = None
    fault: Fault | None = None
    said: str = ""
    status: int = 0


async def ask(at: EndpointDoor, load: Load, model: str, prompt: str, tokens: int, dialect: Dialect = STANDARD) -> Answered:
    """Stream one answer of *model*. Every error is in the result; only cancellation is raised."""
    got = Answered(answer=StreamedAnswer(route=load.route, most_events=4 * tokens + 64), sent=time.perf_counter_ns())
    last = [0]
    try:
        async with asyncio.timeout(load.patience / 1e6):
            await _stream(at, load, dialect.body(load.route, model, prompt, tokens), got, last)
    except TimeoutError:
        got.fault, got.said = _out_of_patience(got, load, last[0])
    except BadAnswer as error:
        got.fault, got.said, got.status = error.fault, error.said, error.status
    if got.fault is None:
        got.fault, got.said = _incomplete(got.answer)
    return got


def _out_of_patience(got: Answered, load: Load, last: int) -> tuple[Fault, str]:
    seconds = f"{load.patience / 1e6:g} s"
    if got.connected is None:
        return Fault.CONNECT, f"the connection was not made within {seconds}"
    silent = (time.perf_counter_ns() - last) / 1000
    if last and silent < load.patience / 4:
        return Fault.ENDLESS, f"the stream did not end within {seconds}, and data still came"
    return Fault.TIMEOUT, f"no {'more data' if last else 'data'} came within {seconds}"


def _incomplete(answer: StreamedAnswer) -> tuple[Fault | None, str]:
    if not answer.done and not answer.finish:
        return Fault.DISCONNECTED, "the stream ended before the answer did"
    if not answer.moments:
        return Fault.EMPTY, "the answer holds no text"
    return None, ""


async def _stream(at: EndpointDoor, load: Load, body: dict[str, object], got: Answered, last: list[int]) -> None:
    route = "/v1/chat/completions" if load.route is Route.CHAT else "/v1/completions"
    exchange = _exchange(at, "POST", route, json.dumps(body).encode(), got, "text/event-stream", MOST_ANSWER)
    async with aclosing(exchange) as parts:
        async for data, when in parts:
            last[0] = when
            got.answer.feed(data, when)
            if got.answer.done:
                got.ended = when
                return
    got.ended = time.perf_counter_ns()


async def fetch(at: EndpointDoor, path: str, seconds: float, kind: str = "application/json") -> bytes:
    """The content at *path*, of the media type *kind*, or of any type if that is empty. Raises `BadAnswer`."""
    got = Answered(answer=StreamedAnswer(route=Route.CHAT, most_events=0))
    try:
        async with asyncio.timeout(seconds):
            async with aclosing(_exchange(at, "GET", path, b"", got, kind, _MOST_LIST)) as exchange:
                parts = [data async for data, _ in exchange]
    except TimeoutError as error:
        raise BadAnswer(Fault.TIMEOUT, f"{path} did not answer within {seconds:g} s") from error
    return b"".join(parts)


async def post(at: EndpointDoor, path: str, body: dict[str, object], seconds: float, kind: str = "application/json") -> bytes:
    """The whole answer of the media type *kind* to *body* at *path*. Raises `BadAnswer`."""
    got = Answered(answer=StreamedAnswer(route=Route.CHAT, most_events=0))
    try:
        async with asyncio.timeout(seconds):
            async with aclosing(_exchange(at, "POST", path, json.dumps(body).encode(), got, kind, _MOST_LIST)) as exchange:
                return b"".join([data async for data, _ in exchange])
    except TimeoutError as error:
        raise BadAnswer(Fault.TIMEOUT, f"{path} did not answer within {seconds:g} s") from error


async def _exchange(
    at: EndpointDoor, method: str, path: str, body: bytes, got: Answered, kind: str, most: int
) -> AsyncGenerator[tuple[bytes, int], None]:
    """The parts of the answer's body and the moment of each. Raises `BadAnswer`."""
    reader, writer = await _connected(at)
    try:
        got.connected = time.perf_counter_ns()
        wire = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=64 * 1024)
        named = f"[{at.to.host}]" if ":" in at.to.host else at.to.host
        headers = [
            ("Host", f"{named}:{at.to.port}"),
            ("Accept", kind or "*/*"),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "arcops"),
            ("Connection", "close"),
        ]
        if body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if at.key:
            headers.append(("Authorization", f"Bearer {at.key}"))
        request = wire.send(h11.Request(method=method, target=at.path + path, headers=headers)) or b""
        writer.write(
            request + ((wire.send(h11.Data(data=body)) or b"") if body else b"") + (wire.send(h11.EndOfMessage()) or b"")
        )
        await writer.drain()
        size = 0
        while True:
            event, when = await _next(wire, reader)
            if isinstance(event, h11.Response):
                _refuse_status(event, kind, most)
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > most:
                    raise BadAnswer(Fault.TOO_LARGE, f"the answer is larger than {most} bytes")
                yield bytes(event.data), when
            elif isinstance(event, h11.EndOfMessage):
                return
            elif isinstance(event, h11.ConnectionClosed):
                raise BadAnswer(Fault.DISCONNECTED, "the connection was closed before the answer ended")
    except OSError as error:
        raise BadAnswer(Fault.DISCONNECTED, f"the connection broke: {error.strerror or type(error).__name__}") from error
    finally:
        writer.transport.abort()  # there is no more to send, and a server that does not close must not delay the check


async def _connected(at: EndpointDoor) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await stream.connected(at.tier, at.to, tls=at.tls, limit=_CHUNK)
    except stream.Untrusted as error:
        raise BadAnswer(Fault.UNTRUSTED, str(error)) from error
    except stream.NoConnection as error:
        raise BadAnswer(Fault.CONNECT, str(error)) from error


async def _next(wire: h11.Connection, reader: asyncio.StreamReader) -> tuple[object, int]:
    when = time.perf_counter_ns()
    try:
        while (event := wire.next_event()) is h11.NEED_DATA:
            data = await reader.read(_CHUNK)
            when = time.perf_counter_ns()
            wire.receive_data(data)
    except h11.RemoteProtocolError as error:
        state = wire.their_state
        with suppress(OSError):
            if reader.at_eof():
                raise BadAnswer(Fault.DISCONNECTED, "the connection was closed before the answer ended") from error
        raise BadAnswer(Fault.MALFORMED, f"the answer is not HTTP ({state})") from error
    return event, when


def _refuse_status(response: h11.Response, kind: str, most: int) -> None:
    status = response.status_code
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    if status == 429:
        raise BadAnswer(Fault.THROTTLED, "the server answered 429, too many requests", status)
    for least, fault in ((500, Fault.SERVER), (400, Fault.REFUSED), (300, Fault.REDIRECTED)):
        if status >= least:
            raise BadAnswer(fault, f"the server answered {status}", status)
    if status != 200:
        raise BadAnswer(Fault.MALFORMED, f"the server answered {status}", status)
    found = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and found != kind:
        raise BadAnswer(Fault.MALFORMED, f"the answer is not {kind}")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise BadAnswer(Fault.TOO_LARGE, f"the answer announces more than {most} bytes")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise BadAnswer(Fault.MALFORMED, "the answer is compressed, although the request did not allow it")
