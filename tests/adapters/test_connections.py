"""Connections that hold the door: silent ones are closed, idle ones are kept, and no number of either keeps a caller out."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from adapters.http.at_work import AtWork
from adapters.http.protocol import protocol
from adapters.http.quotas import connections_per_address
from adapters.http.serve import listen
from arcops.errors import Refused
from tests.adapters.loopback import answered, exchanged, loopback, statuses
from tests.adapters.serving import served
from tests.models import bench

pytestmark = pytest.mark.requirement("ARC-3/messages-have-one-meaning")

KEPT = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"


class Answers:
    """Answers 200; ``/slow`` not before it may."""

    def __init__(self) -> None:
        self.asked, self.may = threading.Event(), threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            more = message["more_body"]
        if scope["path"] == "/slow":
            self.asked.set()
            await asyncio.to_thread(self.may.wait)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def test_a_body_that_pauses_is_not_waited_for() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with loopback(Answers(), protocol(silent_seconds=0.05)) as port:
        assert exchanged(port, head + b"part") == b""


def test_an_idle_connection_is_kept() -> None:
    with loopback(Answers(), protocol(silent_seconds=0.05)) as port, socket.create_connection(("127.0.0.1", port)) as one:
        assert answered(one, KEPT) == [200]
        assert exchanged(port) == b"", "a silent one that came later is closed by now"
        assert answered(one, KEPT) == [200]


@pytest.mark.parametrize("first", [b"", KEPT], ids=["silent", "idle"])
def test_those_that_wait_longest_make_room_for_the_next(first: bytes) -> None:
    with loopback(Answers(), protocol(most=20)) as port, ExitStack() as held:
        for _ in range(200):
            one = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            if first:
                assert answered(one, first) == [200]
        assert statuses(exchanged(port, LAST)) == [200]


def test_a_request_at_work_makes_no_room() -> None:
    answers = Answers()
    with loopback(answers, protocol(most=5)) as port, ExitStack() as held:
        busy = held.enter_context(socket.create_connection(("127.0.0.1", port)))
        busy.sendall(SLOW)
        assert answers.asked.wait(600)
        for _ in range(50):
            held.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert statuses(exchanged(port, LAST)) == [200]
        answers.may.set()
        assert answered(busy) == [200]


def test_small_answers_are_sent_at_once() -> None:
    """asyncio sets TCP_NODELAY only on sockets that name their protocol (``base_events._set_nodelay``)."""
    with contextlib.closing(listen("127.0.0.1", 0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_the_limit_for_an_address_is_a_setting() -> None:
    assert connections_per_address({}) is None
    assert connections_per_address({"ARCOPS_CONNECTIONS_PER_ADDRESS": "7"}) == 7
    for wrong in ("0", "-1", "many", "10001"):
        with pytest.raises(Refused, match="ARCOPS_CONNECTIONS_PER_ADDRESS"):
            connections_per_address({"ARCOPS_CONNECTIONS_PER_ADDRESS": wrong})


class Held:
    """An application whose requests stay at work until they may end; ``/stream`` begins a stream of events first."""

    def __init__(self) -> None:
        self.may = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/stream":
            headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["path"] not in ("/livez", "/now"):
            await self.may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def _asked(app: AtWork, path: str) -> int:
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app({"type": "http", "path": path, "method": "GET", "headers": []}, receive, send)
    return int(said[0]["status"])


def test_requests_at_work_are_counted_and_neither_probes_nor_open_streams() -> None:
    async def all_of_it() -> None:
        held = Held()
        app = AtWork(app=held, most=3)
        streams = [asyncio.ensure_future(_asked(app, "/stream")) for _ in range(10)]
        await asyncio.sleep(0)
        assert await _asked(app, "/now") == 200
        busy = [asyncio.ensure_future(_asked(app, "/work")) for _ in range(3)]
        await asyncio.sleep(0)
        assert await _asked(app, "/now") == 503
        assert await _asked(app, "/livez") == 200
        held.may.set()
        assert await asyncio.gather(*streams, *busy) == [200] * 13
        assert await _asked(app, "/now") == 200

    asyncio.run(all_of_it())


@pytest.fixture
def many() -> Iterator[None]:
    """Room for thousands of connections in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_of_silent_connections_keep_no_one_out(many: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = bench(tmp_path_factory.mktemp("held")).environment
    with served("web", env=environment) as server, ExitStack() as held:
        port = int(server.url.rpartition(":")[2])
        for number in range(3000):
            one = held.enter_context(socket.socket())
            one.bind((f"127.0.{number // 200 % 200 + 1}.1", 0))
            one.connect(("127.0.0.1", port))
        assert httpx2.get(f"{server.url}/livez", timeout=600).status_code == 200
        assert server.get("/", timeout=600).status_code == 200
