"""Callers who send a body that does not end, or read nothing of an answer, keep no one out: not here, nor at what is behind."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from websockets.sync.client import connect

from adapters.http import proxied
from adapters.http.at_work import AtWork
from adapters.http.protocol import protocol
from adapters.http.proxied import Proxied
from tests.adapters.loopback import exchanged, loopback, statuses
from tests.adapters.serving import served
from tests.certificates import Authority
from tests.models import bench
from tests.waiting import until

pytestmark = pytest.mark.requirement("ARC-3/messages-have-one-meaning")

LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
MUCH = b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n"
BEGUN = b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
_PART = b"x" * (1 << 20)


class Answers:
    """Reads the body, and answers 200; at ``/much`` for as long as the caller is there, a megabyte at a time."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
            return
        self.asked.append(scope["path"])
        while (message := await receive())["type"] == "http.request" and message.get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/much":
            gone = asyncio.ensure_future(receive())
            while not gone.done():
                await send({"type": "http.response.body", "body": _PART, "more_body": True})
                await asyncio.sleep(0)  # to a caller who has gone, uvicorn sends without a pause
            self.left.set()
        await send({"type": "http.response.body", "body": b"ok"})


def connected(held: ExitStack, port: int, sent: bytes) -> socket.socket:
    one = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
    one.sendall(sent)
    return one


def ended(one: socket.socket) -> bool:
    """Does the server close this connection?"""
    try:
        while one.recv(1 << 20):
            pass
    except ConnectionError:
        pass
    return True


def test_an_answer_of_which_nothing_is_read_is_not_waited_for() -> None:
    answers = Answers()
    with loopback(answers, protocol(unread_seconds=0.2)) as port, ExitStack() as held:
        connected(held, port, MUCH)
        assert answers.left.wait(30)


def test_one_that_is_read_slowly_goes_on() -> None:
    """Each look finds that some was read since the one before."""
    answers = Answers()
    with loopback(answers, protocol(unread_seconds=0.5)) as port, ExitStack() as held:
        one = connected(held, port, MUCH)
        for _ in range(10):
            read = 0
            while read < 8 * len(_PART):  # more than the system keeps for both sides
                read += len(one.recv(1 << 20))
            assert not answers.left.wait(0.1)


def test_of_too_many_unread_answers_the_oldest_makes_room() -> None:
    answers = Answers()
    with loopback(answers, protocol(most_unread=3)) as port, ExitStack() as held:
        for _ in range(4):
            connected(held, port, MUCH)
        assert answers.left.wait(30)
        assert statuses(exchanged(port, LAST)) == [200]


def test_of_too_many_bodies_on_the_way_the_oldest_makes_room() -> None:
    with loopback(Answers(), protocol(most_sending=3)) as port, ExitStack() as held:
        first, *_ = (connected(held, port, BEGUN) for _ in range(4))
        assert ended(first)
        assert statuses(exchanged(port, LAST)) == [200]


@pytest.mark.parametrize("sent", [MUCH, BEGUN], ids=["unread", "a body on the way"])
def test_requests_that_wait_for_their_caller_are_not_at_work(sent: bytes) -> None:
    answers = Answers()
    with loopback(AtWork(app=answers, most=2), protocol()) as port, ExitStack() as held:
        for _ in range(6):
            connected(held, port, sent)
        until(lambda: statuses(exchanged(port, LAST)) == [200], "all six wait for their callers", seconds=60)


def test_a_request_is_at_work_again_when_its_caller_has_sent_the_rest() -> None:
    """With two at work and one place more, none is let in beside them."""
    may, here = asyncio.Event(), 0

    async def held(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal here
        await receive()
        here += 1
        await may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def all_of_it() -> None:
        rest = asyncio.Event()
        app = AtWork(app=held, most=2)

        async def asked(path: str) -> int:
            said: list[Message] = []

            async def send(message: Message) -> None:
                said.append(message)

            async def receive() -> Message:
                await rest.wait()
                return {"type": "http.request", "body": b"", "more_body": False}

            await app({"type": "http", "path": path, "method": "POST", "headers": []}, receive, send)
            return int(said[0]["status"])

        slow = [asyncio.ensure_future(asked("/x")) for _ in range(2)]
        await asyncio.sleep(0)
        rest.set()
        while here < 2:
            await asyncio.sleep(0)
        assert await asked("/x") == 503
        may.set()
        assert await asyncio.gather(*slow) == [200, 200]
        assert await asked("/x") == 200

    asyncio.run(all_of_it())


@contextmanager
def behind() -> Iterator[tuple[int, Answers]]:
    """The port of the front, and what is behind it."""
    answers = Answers()
    with loopback(answers) as port:
        pages = Proxied(f"http://127.0.0.1:{port}", lambda path: path)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan":
                await pages(scope, receive, send)
                return
            await receive()
            async with pages.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})

        with loopback(app, protocol(), lifespan="on") as front:
            yield front, answers


def test_what_is_behind_is_not_asked_before_a_small_body_is_here() -> None:
    with behind() as (port, answers), ExitStack() as held:
        slow = connected(held, port, BEGUN)
        assert statuses(exchanged(port, LAST)) == [200]
        assert answers.asked == ["/"]
        slow.sendall(b"x" * 999)
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        assert answers.asked == ["/", "/api"]


def test_what_is_behind_is_left_when_the_caller_goes() -> None:
    """Else all of a long answer would be fetched for no one."""
    with behind() as (port, answers), ExitStack() as held:
        one = connected(held, port, MUCH)
        assert one.recv(100)
        one.close()
        assert answers.left.wait(30)


def test_a_websocket_that_was_never_answered_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect answers who gives its password. Those who do not can hold no place."""
    monkeypatch.setattr(proxied, "_MOST_SOCKETS", 3)
    with behind() as (port, _), ExitStack() as held:
        sockets = [held.enter_context(connect(f"ws://127.0.0.1:{port}/x", proxy=None)) for _ in range(3)]
        sockets[0].send("the password")
        assert sockets[0].recv(timeout=30) == "the password"
        one = held.enter_context(connect(f"ws://127.0.0.1:{port}/x", proxy=None))
        one.send("mine")
        assert one.recv(timeout=30) == "mine"
        assert [_open(each) for each in sockets] == [True, False, True]


def _open(one: Any) -> bool:
    try:
        one.send("still there?")
        return bool(one.recv(timeout=30))
    except Exception:  # whatever it says, it has ended
        return False


def test_a_tls_handshake_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """uvloop would wait a minute, and so would asyncio."""
    certificate, key = Authority.new().issue("127.0.0.1", tmp_path)
    environment = bench(tmp_path / "home").environment
    with served("web", "--tls-cert", str(certificate), "--tls-key", str(key), env=environment) as server, ExitStack() as held:
        port = int(server.url.rpartition(":")[2])
        begun = bytes.fromhex("16030102000100")  # the beginning of a greeting
        assert all(ended(one) for one in [connected(held, port, sent) for sent in (b"", begun)]), "within 30 seconds"
