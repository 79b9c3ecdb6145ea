"""HTTP/1.1 for the simulated API server, one task a connection; TLS if there is a context."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.simulators.kube.answers import Answer, Request

Handle = Callable[[Request, str], Awaitable[Answer | None]]
"""Gives the answer to a request and the certificate's name of the client; `None` ends the connection without one."""
_PACKED_FROM = 128 * 1024
"""Longer answers are packed for who wants that (API Concepts, "Compression"; feature APIResponseCompression)."""


async def ended(loop: asyncio.AbstractEventLoop) -> None:
    """End the connections of *loop*, and wait until their sockets are closed."""
    for key in list(loop._selector.get_map().values()):  # type: ignore[attr-defined]
        reading = key.data[0] if isinstance(key.data, tuple) else None
        transport = getattr(getattr(reading, "_callback", None), "__self__", None)
        if isinstance(transport, asyncio.Transport):  # also of one whose TLS handshake goes on
            transport.abort()
    for _ in range(5):
        await asyncio.sleep(0.005)


_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
            404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 409: "Conflict", 410: "Gone",
            415: "Unsupported Media Type", 422: "Unprocessable Entity", 429: "Too Many Requests",
            500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


async def listen(
    handle: Handle, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> asyncio.Server:
    """Serve at *host*. When its ``close`` was called, `ended` ends what is still connected."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _one(reader, writer, handle):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(connected, host, port, ssl=tls, limit=1 << 20, backlog=512)


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handle) -> bool:
    """Answer one request; is another one possible?"""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return False
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name:
            headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
    elif length := int(headers.get("content-length", "0")):
        body = await reader.readexactly(length)
    parts = urlsplit(target)
    request = Request(
        method=method,
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=body,
    )
    certificate = ""
    shown = writer.get_extra_info("peercert")
    if shown:
        names = dict(one[0] for one in shown.get("subject", ()))
        certificate = str(names.get("commonName", ""))
    answer = await handle(request, certificate)
    if answer is None:
        writer.transport.abort()
        return False
    said = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}", f"Content-Type: {answer.form}"]
    said += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.stream is None:
        body = answer.body
        if len(body) > _PACKED_FROM and "gzip" in headers.get("accept-encoding", ""):
            body = gzip.compress(body, compresslevel=1)
            said.append("Content-Encoding: gzip")
        said.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join([*said, "", ""]).encode() + body)
        await writer.drain()
        return headers.get("connection", "").lower() != "close"
    writer.write("\r\n".join([*said, "Transfer-Encoding: chunked", "", ""]).encode())
    gone = asyncio.ensure_future(reader.read(1))
    stream = answer.stream
    try:
        while True:
            following = asyncio.ensure_future(anext(stream, b""))  # type: ignore[call-overload]
            await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
                return False
            part = following.result()
            if part is None:
                writer.transport.abort()
                return False
            if not part:
                break
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await gone
        await stream.aclose()  # type: ignore[attr-defined]
    return False
