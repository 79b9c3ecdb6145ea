"""What follows the question mark of an address is where tokens are put: it is in no line of a log, ours or the web server's."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from adapters.http.protocol import protocol
from adapters.http.watched import Watched
from foundation.telemetry import logs
from tests.adapters.loopback import exchanged, loopback

pytestmark = pytest.mark.requirement("BASE-7/logs-have-ids-and-no-secrets")

SECRET = "hunter2-in-a-query"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    out = io.StringIO()
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    access = logging.getLogger("uvicorn.access")
    access.addHandler(logging.StreamHandler(io.StringIO()))  # as uvicorn itself, or a configuration of it, leaves it
    try:
        logs.begin({"ARCOPS_LOG": "json"}, out)
        yield out
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
        logging.captureWarnings(False)


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
    elif "break" in scope["path"]:
        raise ValueError(f"GET {scope['path']}?{scope['query_string'].decode()} broke")
    else:
        logging.getLogger("adapters.x").info("asked for %s?%s", scope["path"], scope["query_string"].decode())
        logging.getLogger("uvicorn.access").info('%s - "GET %s?%s"', "x", scope["path"], scope["query_string"].decode())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def test_no_line_holds_a_query(written: io.StringIO) -> None:
    app = Watched(app=_app, tell=lambda path, status: None)
    with loopback(app, protocol()) as port:
        logs.take_over()  # as the import of Prefect's client does, once the server runs
        for path in ("/good", "/break", "/good%3F"):
            text = f"GET {path}?token={SECRET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            exchanged(port, text.encode())
        exchanged(port, f"GET /cut%3Ftoken={SECRET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        exchanged(port, f"GET http://a:{SECRET}@x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

        async def ask() -> None:
            async with connect(f"ws://127.0.0.1:{port}/socket?token={SECRET}", proxy=None) as socket:
                await socket.wait_closed()

        asyncio.run(ask())
    said = written.getvalue()
    assert '"path": "/good"' in said
    assert "WebSocket /socket?(query)" in said, "uvicorn writes a line for each WebSocket, with its whole address"
    assert "broke" in said
    assert SECRET not in said
    assert "uvicorn.access" not in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /x?a=b HTTP", "GET /x?(query) HTTP"),
        ("http://h/p?t=1 and http://h/q?u", "http://h/p?(query) and http://h/q?(query)"),
        ("?token=abcd", "?(query)"),
        ("is it so? yes", "is it so? yes"),
        ("what?!", "what?!"),
        ("/x?", "/x?"),
    ],
)
def test_an_address_is_cut_and_a_sentence_is_not(text: str, shown: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, text, None, None)
    assert shown in logs._Text(()).format(record)
