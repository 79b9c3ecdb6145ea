"""An application served on loopback by uvicorn in a thread, and bytes sent to it as they are."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


@contextmanager
def loopback(
    app: ASGIApp, http: type[asyncio.Protocol] | str = "h11", lifespan: str = "off", at: socket.socket | None = None
) -> Iterator[int]:
    """The port at which *app* is served, its HTTP read by *http*, until the block ends. *at* is a socket that listens."""
    with at or socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, http=http, ws="websockets-sansio", lifespan=lifespan, log_config=None)  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def exchanged(port: int, *parts: bytes, seconds: float = 20.0) -> bytes:
    """What is answered to *parts*, sent one after another on one connection, until the server closes it."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            while more := connection.recv(65536):
                answer += more
        except ConnectionError:
            pass
    return answer


def answered(connection: socket.socket, request: bytes = b"") -> list[int]:
    """The status of the one answer to *request* on *connection*, which stays open; nothing if the server closed it instead.

    Head and body may come apart, so the whole answer is read: what is left would be taken for the next one.
    """
    connection.sendall(request)
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
    except http.client.RemoteDisconnected:
        return []
    answer.read()
    return [answer.status]


def statuses(answer: bytes) -> list[int]:
    """The status of each answer in *answer*."""
    return [int(one) for one in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answer)]
