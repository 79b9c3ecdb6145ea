"""Bytes on a raw socket: what two readers of HTTP could read differently is refused, before anything is served of it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import h11
import pytest
from starlette.types import Receive, Scope, Send

from adapters.http.framing import MOST_HEAD, Ambiguous, Framing
from adapters.http.protocol import protocol
from tests.adapters.loopback import answered, exchanged, loopback, statuses

pytestmark = pytest.mark.requirement("ARC-3/messages-have-one-meaning")

GET = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n%s"


class Echo:
    """Answers 200, and notes what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body, more = body + message["body"], message["more_body"]
        self.seen.append((scope["method"], scope["path"], body))
        self.headers = list(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[int, Echo]]:
    echo = Echo()
    with loopback(echo, protocol()) as port:
        yield port, echo


GOOD = {
    "length": (POST % (b"Content-Length: 3\r\n", b"abc"), b"abc"),
    "no body": (POST % (b"", b""), b""),
    "chunks": (
        POST % (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"),
        b"abc0123456789abcdef",
    ),
    "spaces around a value": (POST % (b"Content-Length: \t 3 \r\n", b"abc"), b"abc"),
    "a value with a colon and marks": (POST % (b"X-Y: a:b;c=\"d\"\r\nX-Empty:\r\n", b""), b""),
}  # fmt: skip

AMBIGUOUS = {
    "a length beside chunks": POST % (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunks beside a length": POST % (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "a length twice": POST % (b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"),
    "two lengths": POST % (b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"),
    "a length in a list": POST % (b"Content-Length: 3, 3\r\n", b"abc"),
    "a length with a sign": POST % (b"Content-Length: +3\r\n", b"abc"),
    "a negative length": POST % (b"Content-Length: -3\r\n", b"abc"),
    "a length in hexadecimal": POST % (b"Content-Length: 0x3\r\n", b"abc"),
    "a length with an underscore": POST % (b"Content-Length: 1_0\r\n", b"0123456789"),
    "a length of other digits": POST % ("Content-Length: \u0663\r\n".encode(), b"abc"),
    "an empty length": POST % (b"Content-Length:\r\n", b""),
    "a length without end": POST % (b"Content-Length: 10000000000000000000\r\n", b"abc"),
    "a coding twice": POST % (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "two codings": POST % (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "another coding": POST % (b"Transfer-Encoding: identity\r\n", b"abc"),
    "a coding in quotes": POST % (b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    "chunks in HTTP/1.0": POST.replace(b"1.1", b"1.0") % (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "a folded line": POST % (b"X-Y: a\r\n b\r\n", b""),
    "a folded length": POST % (b"Content-Length:\r\n 3\r\n", b"abc"),
    "a first line that is folded": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "a space before the colon": POST % (b"Content-Length : 3\r\n", b"abc"),
    "a tab before the colon": POST % (b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n"),
    "a line without a colon": POST % (b"nothing\r\n", b""),
    "a name with a NUL": POST % (b"X\x00Y: a\r\n", b""),
    "a value with a NUL": POST % (b"X-Y: a\x00b\r\n", b""),
    "a value with a control": POST % (b"X-Y: a\x0bb\r\n", b""),
    "a bare line feed": POST % (b"X-Y: a\n", b""),
    "bare line feeds alone": b"GET / HTTP/1.1\nHost: x\n\n",
    "a bare carriage return": POST % (b"X-Y: a\rX-Z: b\r\n", b""),
    "a bare line feed that ends the head": b"GET / HTTP/1.1\r\nHost: x\r\n\n",
    "two hosts": POST % (b"Host: y\r\n", b""),
    "no host": b"GET / HTTP/1.0\r\n\r\n",
    "two authorizations": POST % (b"Authorization: Bearer a\r\nauthorization: Bearer b\r\n", b""),
    "two origins": POST % (b"Origin: http://x\r\nOrigin: http://y\r\n", b""),
    "two cookies": POST % (b"Cookie: a=b\r\nCookie: c=d\r\n", b""),
    "a chunk's extension": POST % (b"Transfer-Encoding: chunked\r\n", b"3;a=b\r\nabc\r\n0\r\n\r\n"),
    "a last chunk's extension": POST % (b"Transfer-Encoding: chunked\r\n", b"0;a\r\n\r\n"),
    "a chunk's size with a space": POST % (b"Transfer-Encoding: chunked\r\n", b"3 \r\nabc\r\n0\r\n\r\n"),
    "a chunk's size with a sign": POST % (b"Transfer-Encoding: chunked\r\n", b"+3\r\nabc\r\n0\r\n\r\n"),
    "a chunk's size as 0x": POST % (b"Transfer-Encoding: chunked\r\n", b"0x3\r\nabc\r\n0\r\n\r\n"),
    "a chunk's size and a bare line feed": POST % (b"Transfer-Encoding: chunked\r\n", b"3\nabc\r\n0\r\n\r\n"),
    "a chunk that ends otherwise": POST % (b"Transfer-Encoding: chunked\r\n", b"3\r\nabcXX0\r\n\r\n"),
    "a chunk longer than its size": POST % (b"Transfer-Encoding: chunked\r\n", b"2\r\nabc\r\n0\r\n\r\n"),
    "a chunk without end": POST % (b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffffffff\r\nabc"),
    "header lines after the chunks": POST % (b"Transfer-Encoding: chunked\r\n", b"0\r\nX-Y: a\r\n\r\n"),
    "an empty line before": b"\r\n" + GET,
    "two spaces in the first line": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab in the first line": b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space at the end of the first line": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "no version": b"GET /\r\nHost: x\r\n\r\n",
    "another version": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT y:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target that is not visible": b"GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a head without end": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Y: a\r\n" * (MOST_HEAD // 8 + 1),
    "too many lines": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Y: a\r\n" * 200 + b"\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_has_one_reading_is_served(served: tuple[int, Echo], name: str) -> None:
    port, echo = served
    sent, body = GOOD[name]
    echo.seen.clear()
    assert statuses(exchanged(port, sent)) == [200]
    assert echo.seen == [("POST", "/", body)]
    echo.seen.clear()
    assert statuses(exchanged(port, *(sent[at : at + 1] for at in range(len(sent))))) == [200], "byte by byte"
    assert echo.seen == [("POST", "/", body)]


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_could_be_read_otherwise_is_refused_and_nothing_after_it_is_served(served: tuple[int, Echo], name: str) -> None:
    port, echo = served
    echo.seen.clear()
    answer = exchanged(port, AMBIGUOUS[name] + GET)
    assert statuses(answer) == [400], answer
    assert echo.seen == [], "neither it nor what was hidden behind it"


def test_a_second_request_that_is_ambiguous_ends_the_connection(served: tuple[int, Echo]) -> None:
    port, echo = served
    echo.seen.clear()
    keep = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchanged(port, keep, AMBIGUOUS["a length beside chunks"], GET)
    assert 200 not in statuses(answer)[1:]
    assert [path for _, path, _ in echo.seen] in ([], ["/first"])


def test_one_that_is_pipelined_is_served_after_the_first(served: tuple[int, Echo]) -> None:
    port, echo = served
    echo.seen.clear()
    assert statuses(exchanged(port, b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n" + GET)) == [200, 200]
    assert [path for _, path, _ in echo.seen] == ["/first", "/next"]


def test_a_head_that_does_not_come_in_time_is_not_waited_for() -> None:
    with loopback(Echo(), protocol(silent_seconds=0.05)) as port:
        assert exchanged(port) == b"", "nothing at all"
        assert exchanged(port, b"GET / HTTP/1.1\r\nHost:") == b""


def test_one_address_holds_no_more_than_its_share() -> None:
    import socket

    with loopback(Echo(), protocol(most_per_address=2)) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        assert exchanged(port, GET) == b""
        for one in held:
            assert answered(one, GET) == [200]
            one.close()
        answers = (exchanged(port, GET) for _ in range(1000))
        assert any(statuses(one) == [200] for one in answers), "it has room again"


def test_ours_and_h11_read_the_same_wherever_ours_reads_at_all() -> None:
    """Changed at random: what ours lets through, h11 splits into the same requests, and none is left over."""
    source = random.Random(9)  # noqa: S311  # the same changes each time
    pieces = [sent for sent, _ in GOOD.values()] + list(AMBIGUOUS.values())[:40] + [GET]
    passed = 0
    for _ in range(20_000):
        text = bytearray(source.choice(pieces).replace(b"Connection: close\r\n", b"") * 2)
        for _ in range(source.randrange(3)):
            at = source.randrange(len(text))
            text[at : at + source.randrange(2)] = source.choice(
                (b"\r\n", b"\n", b" ", b"\t", b"0", b"3", b":", b";", b"\x00", b",")
            )
        framing = Framing()
        try:
            framing.feed(bytes(text))
        except Ambiguous:
            continue
        try:
            ended, closed = _ended_for_h11(bytes(text))
        except h11.RemoteProtocolError:
            continue  # refused by one of the two is refused
        passed += 1
        assert framing.ended == ended or (closed and framing.ended > ended), bytes(text)
    assert passed > 1000


def _ended_for_h11(text: bytes) -> tuple[int, bool]:
    """How many whole requests h11 finds in *text*, and whether it reads no more after the last."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(text)
    ended = 0
    while True:
        event = connection.next_event()
        if isinstance(event, h11.EndOfMessage):
            ended += 1
            connection.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.MUST_CLOSE:
                return ended, True
            connection.start_next_cycle()
        elif event in (h11.NEED_DATA, h11.PAUSED):
            return ended, False
