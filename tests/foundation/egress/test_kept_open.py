"""Requests over connections that stay open, to a server that answers with the bytes that a test gives it."""

from __future__ import annotations

import gc
import gzip
import socket
import threading
import time
import tracemalloc
import weakref
from collections.abc import Iterator
from contextlib import closing
from queue import SimpleQueue

import pytest

from arcops.errors import Unavailable
from arcops.tier import Tier
from foundation.egress import kept_open, tls
from foundation.egress.cluster import ClusterWay
from foundation.egress.kept_open import KeptOpen
from foundation.egress.kube import KubeClient, Stream

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def packed(body: bytes, after: bytes = b"") -> bytes:
    """An answer as an API server packs it."""
    data = gzip.compress(body, mtime=0) + after
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(data) + data


class Server:
    """Gives each request the next of ``answers``: pieces, after which it waits, or ends the connection if the last is empty."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.answers: SimpleQueue[tuple[bytes, ...]] = SimpleQueue()
        self.asked: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(one)
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        with one:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    try:
                        part = one.recv(65536)
                    except OSError:
                        return
                    if not part:
                        return
                    head += part
                self.asked.append(head)
                for piece in self.answers.get(timeout=10):
                    if not piece:
                        return
                    one.sendall(piece)

    def close(self) -> None:
        self._listening.close()
        for one in self._open:
            one.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as made:
        yield made


@pytest.fixture
def client(server: Server) -> Iterator[KubeClient]:
    way = ClusterWay(server=f"{server.url}/below", tls=tls.none(), verify=True, tls_name="", proxy="", direct=True)
    with closing(KubeClient(Tier.RESTRICTED, way, lambda: "Bearer t")) as made:
        yield made


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ((GOOD,), b"{}"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r", b"\n1\r\n}\r\n0\r\n\r\n"), b"{}"),
        ((b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", GOOD), b"{}"),
        (tuple(GOOD[at : at + 1] for at in range(len(GOOD))), b"{}"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), b""),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",), b"{}"),
    ],
)
def test_answers_are_read_and_their_connection_is_used_again(
    server: Server, client: KubeClient, pieces: tuple[bytes, ...], body: bytes
) -> None:
    for _ in range(3):
        server.answers.put(pieces)
        answered = client.ask("PATCH", "/api", (("a", "b c"),), b"[]", form="application/x", seconds=5)
        assert (answered.status, answered.body) == (200, body)
    assert server.connections == 1
    assert server.asked[0].startswith(b"PATCH /below/api?a=b+c HTTP/1.1\r\nHost: 127.0.0.1:")
    for field in (b"Authorization: Bearer t", b"Content-Type: application/x", b"Content-Length: 2"):
        assert field in server.asked[0].split(b"\r\n"), field


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", b""),
    ],
)
def test_a_connection_that_ends_is_not_used_again(server: Server, client: KubeClient, pieces: tuple[bytes, ...]) -> None:
    for _ in range(2):
        server.answers.put(pieces)
        assert client.ask("GET", "/api", seconds=5).body == b"{}"
    assert server.connections == 2


def test_one_that_the_server_closed_meanwhile_is_not_used(
    server: Server, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_open, "_FRESH_SECONDS", 0.0)
    server.answers.put((GOOD, b""))
    assert client.ask("GET", "/api", seconds=5).ok
    server.answers.put((GOOD,))
    until = time.monotonic() + 5
    while server._open[0].fileno() >= 0 and time.monotonic() < until:
        time.sleep(0.01)
    assert client.ask("GET", "/api", seconds=5).ok
    assert server.connections == 2


def test_one_that_waited_long_is_not_used(server: Server, client: KubeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_open, "_FRESH_SECONDS", 0.0)
    for stale, connections in ((60.0, 1), (0.0, 2)):
        monkeypatch.setattr(kept_open, "_STALE_SECONDS", stale)
        for _ in range(2 if stale else 1):
            server.answers.put((GOOD,))
            assert client.ask("GET", "/api", seconds=5).ok
        assert server.connections == connections


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ((b"",), "ended"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", b""), "ended"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", b""), "ended"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",), "not HTTP/1.1"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",), "not HTTP/1.1"),
        ((GOOD + GOOD,), "more than one answer"),
        ((GOOD + b"x",), "more than one answer"),
        ((b"hello\r\n\r\n",), "not HTTP/1.1"),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",), "unpacked"),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",), "encoded in another way"),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}",), "encoded in another way"),
        ((packed(b"{}")[:-2].replace(b"Length: 22", b"Length: 20"),), "end of what was packed"),
        ((packed(b"{}", b"more"),), "after what was packed"),
        ((b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",), "another protocol"),
        ((b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 70_000,), "head"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{",), "no answer|timed out"),
    ],
)
def test_what_is_no_whole_answer_is_none(server: Server, client: KubeClient, pieces: tuple[bytes, ...], says: str) -> None:
    server.answers.put(pieces)
    with pytest.raises(Unavailable, match=says):
        client.ask("GET", "/api", seconds=0.5)
    server.answers.put((GOOD,))
    assert client.ask("GET", "/api", seconds=5).ok
    assert server.connections == 2


def test_the_answer_to_a_get_may_be_packed(server: Server, client: KubeClient) -> None:
    body = b'{"items": [%s]}' % b",".join(b"%d" % number for number in range(50_000))
    whole = packed(body)
    for pieces in (
        (whole,),
        (whole[:200], whole[200:9000], whole[9000:]),
        (*(whole[at : at + 1] for at in range(99)), whole[99:]),
    ):
        server.answers.put(pieces)
        assert client.ask("GET", "/api", seconds=5).body == body
    assert all(b"Accept-Encoding: gzip" in one.split(b"\r\n") for one in server.asked)
    assert server.connections == 1
    server.answers.put((GOOD,))
    client.ask("PATCH", "/api", (), b"[]", seconds=5)
    assert b"Accept-Encoding" not in server.asked[-1], "nothing that is written, and nothing that stays open"


def test_no_more_is_unpacked_than_an_answer_may_have(server: Server) -> None:
    """A megabyte of zeroes in a thousand bytes, many times over."""
    bomb = packed(bytes(64 * 1024 * 1024))
    with closing(KeptOpen(server.url, tls.none())) as way:
        server.answers.put((bomb,))
        tracemalloc.start()
        with pytest.raises(OSError, match="more than 1,000 bytes"):
            way.ask("GET", "/", {}, None, seconds=5, most=1000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * 1024 * 1024
        server.answers.put((packed(b"x" * 1000),))
        assert len(way.ask("GET", "/", {}, None, seconds=5, most=1000).body) == 1000


def test_an_answer_may_be_too_long_and_a_head_has_one_meaning(server: Server) -> None:
    with closing(KeptOpen(server.url, tls.none())) as way:
        server.answers.put((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",))
        with pytest.raises(OSError, match="more than 8 bytes"):
            way.ask("GET", "/", {}, None, seconds=5, most=8)
        for target, fields in (("/a b", {}), ("/a\r\nX: y", {}), ("/ü", {}), ("/", {"Authorization": "a\r\nX: y"})):
            with pytest.raises(OSError, match="letter"):
                way.ask("GET", target, fields, None, seconds=5, most=8)


def test_an_answer_is_gone_when_no_one_holds_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not at the next garbage collection: a list may have a hundred megabytes."""
    made: list[weakref.ref[kept_open.Reply]] = []

    class Seen(kept_open.Reply):
        def __init__(self, most: int, *, packed: bool) -> None:
            super().__init__(most, packed=packed)
            made.append(weakref.ref(self))

    monkeypatch.setattr(kept_open, "Reply", Seen)
    gc.disable()
    try:
        with closing(KeptOpen(server.url, tls.none())) as way:
            server.answers.put((GOOD,))
            assert way.ask("GET", "/", {}, None, seconds=5, most=100).ok
        assert made[0]() is None
    finally:
        gc.enable()


def test_retry_after_is_read(server: Server, client: KubeClient) -> None:
    server.answers.put((b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}",))
    answered = client.ask("GET", "/api", seconds=5)
    assert (answered.status, answered.retry_after) == (429, 7.0)


def _stream(client: KubeClient) -> Stream:
    found = client.stream("/api", (("watch", "true"),), seconds=5, silent_seconds=0.5)
    assert isinstance(found, Stream)
    return found


OPEN = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_stream_gives_lines_until_its_end(server: Server, client: KubeClient) -> None:
    server.answers.put((OPEN, b"4\r\na\nb\n\r\n2\r\nc", b"d\r\n3\r\ne\n\n\r\n0\r\n\r\n"))
    assert list(_stream(client)) == [b"a", b"b", b"cde"]


def test_a_stream_that_is_cut_or_silent_breaks(server: Server, client: KubeClient) -> None:
    for pieces in ((OPEN, b"2\r\na\n\r\n", b""), (OPEN, b"2\r\na\n\r\n")):
        server.answers.put(pieces)
        lines = iter(_stream(client))
        assert next(lines) == b"a"
        with pytest.raises(Unavailable, match="broke"):
            next(lines)


def test_a_stream_is_ended_by_another_thread(server: Server, client: KubeClient) -> None:
    server.answers.put((OPEN, b"2\r\na\n\r\n"))
    found = client.stream("/api", (), seconds=5, silent_seconds=30)
    assert isinstance(found, Stream)
    lines = iter(found)
    assert next(lines) == b"a"
    ending = threading.Timer(0.05, found.close)
    ending.start()
    begun = time.monotonic()
    assert list(lines) == []
    assert time.monotonic() - begun < 10
    ending.join()


def test_an_answer_that_is_no_stream_is_given_whole(server: Server, client: KubeClient) -> None:
    server.answers.put((b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}",))
    found = client.stream("/api", (), seconds=5, silent_seconds=5)
    assert not isinstance(found, Stream)
    assert (found.status, found.body) == (410, b"{}")


def test_by_a_proxy_the_answers_are_the_same(server: Server) -> None:
    way = ClusterWay(
        server="http://cluster.invalid/below", tls=tls.none(), verify=True, tls_name="", proxy=server.url, direct=False
    )
    with closing(KubeClient(Tier.RESTRICTED, way, lambda: "Bearer t")) as client:
        server.answers.put((GOOD,))
        assert client.ask("PATCH", "/api", (), b"[]", seconds=5).body == b"{}"
        assert server.asked[0].startswith(b"PATCH http://cluster.invalid/below/api HTTP/1.1\r\n")
        server.answers.put((OPEN, b"4\r\na\nb\n\r\n0\r\n\r\n"))
        assert list(_stream(client)) == [b"a", b"b"]
        server.answers.put((OPEN, b"2\r\na\n\r\n", b""))
        lines = iter(_stream(client))
        assert next(lines) == b"a"
        with pytest.raises(Unavailable, match="broke"):
            next(lines)
        server.answers.put((b"",))
        with pytest.raises(Unavailable, match="does not answer"):
            client.ask("GET", "/api", seconds=5)
