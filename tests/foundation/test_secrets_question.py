"""One question to a store: it ends, whatever the other side does, and no error shows what was sent."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.permission import Purpose
from foundation.egress.question import Answer, Way

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference", "ARC-2/only-named-hosts-are-reached")

CANARY = "canary-in-a-header-71ce"
WAY = Way(tier=Tier.AIR_GAPPED, purpose=Purpose(what="VAULT_ADDR", form="-", instead="-"), seconds=1, most=1000)


@contextmanager
def side(speaks: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """The address of a server that reads nothing and *speaks* on its first connection; the event says that the test is over."""
    over = threading.Event()

    def serve() -> None:
        with listening.accept()[0] as connection:
            try:
                speaks(connection, over)
            except OSError:
                return  # the other side has gone

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            over.set()
            thread.join()


CHUNK = b"ff\r\n" + b"x" * 255 + b"\r\n"


def drips(before: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def speak(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(before)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return speak


@pytest.mark.parametrize(
    "before",
    [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", b"H"],
    ids=["header", "body", "status"],
)
def test_a_side_that_drips_is_left_after_its_time(before: bytes) -> None:
    with side(drips(before)) as url, pytest.raises(Unavailable):
        WAY.ask("GET", url, {})


def test_a_side_that_says_nothing_is_left() -> None:
    with side(lambda connection, over: bool(over.wait(900)) or None) as url, pytest.raises(Unavailable):  # type: ignore[func-returns-value]
        WAY.ask("GET", url, {})


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNK * 10,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=["long", "long chunks", "another protocol", "nothing"],
)  # fmt: skip
def test_an_answer_that_is_too_long_or_not_http_is_an_error(said: bytes) -> None:
    with side(lambda connection, over: connection.sendall(said)) as url, pytest.raises(ArcOpsError):
        WAY.ask("GET", url, {})


@pytest.mark.parametrize(
    "value", [f"{CANARY}\r\nX: y", f"{CANARY}\n", f" {CANARY}", f"{CANARY}é", f"{CANARY}\x00", f"{CANARY}\x7f"]
)
def test_a_header_that_cannot_be_sent_is_refused_and_not_shown(value: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(Refused, match="X-Vault-Token") as refused:
        WAY.ask("GET", "http://127.0.0.1:1/", {"X-Vault-Token": value})
    assert CANARY not in "".join(traceback.format_exception(refused.value)) + caplog.text


def test_neither_an_answer_nor_an_error_shows_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    assert CANARY not in repr(Answer(status=200, body=CANARY.encode()))
    with (
        caplog.at_level(logging.DEBUG),
        side(lambda connection, over: connection.sendall(f"HTTP/1.1 {CANARY}\r\n\r\n".encode())) as url,
        pytest.raises(Unavailable) as raised,
    ):
        WAY.ask("POST", url, {"X-Vault-Token": CANARY}, CANARY.encode())
    assert CANARY not in "".join(traceback.format_exception(raised.value))
    assert CANARY not in "".join(one.getMessage() for one in caplog.records if one.levelno > logging.DEBUG)
