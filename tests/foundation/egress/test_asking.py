"""Each way out leaves a remote alone that does not answer, and says until when."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.egress import postgresql, remotes, stream, web
from foundation.egress.cluster import ApiServer, ClusterWay
from foundation.egress.destination import read_destination
from foundation.egress.permission import Purpose
from foundation.egress.redis_server import Script, read_redis
from foundation.egress.spans import exporter
from foundation.egress.tls import context
from foundation.issuing import fetched

pytestmark = pytest.mark.requirement("BASE-9/remotes-that-do-not-answer-are-left-alone")

PURPOSE = Purpose(what="X", form="y", instead="z")


@pytest.fixture
def port() -> Iterator[int]:
    """A port at which nothing listens, and which no other takes."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No remote is known, and a breaker that is open stays so for the test."""
    tolerance = remotes.Tolerance(failures=3, first=3600.0, most=3600.0)
    monkeypatch.setattr(remotes.HERE, "tolerance", tolerance)
    monkeypatch.setattr(remotes.HERE, "_known", type(remotes.HERE._known)())
    monkeypatch.setattr(remotes, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr("foundation.egress.asking_web.FIRST_SECONDS", 0.001)


def by_web(port: int) -> None:
    async def get() -> None:
        async with web.client(Tier.AIR_GAPPED, f"http://127.0.0.1:{port}", PURPOSE, seconds=60) as client:
            await client.get(f"http://127.0.0.1:{port}/x")

    asyncio.run(get())


def by_stream(port: int) -> None:
    async def connect() -> None:
        to = read_destination(f"http://127.0.0.1:{port}")
        _, writer = await stream.connected(Tier.AIR_GAPPED, to, tls=None, limit=1000)
        writer.close()
        await writer.wait_closed()

    asyncio.run(connect())


def by_issuer(port: int) -> None:
    fetched(f"http://127.0.0.1:{port}/keys")


def by_postgresql(port: int) -> None:
    to = read_destination(f"http://127.0.0.1:{port}")
    postgresql.session(Tier.AIR_GAPPED, to, user="u", name="n", password="", tls={"sslmode": "disable"})


def by_redis(port: int) -> None:
    Script(Tier.AIR_GAPPED, read_redis(f"redis://127.0.0.1:{port}"), "return {}", password="", seconds=60).run([], [])


WAYS = (by_web, by_stream, by_issuer, by_postgresql, by_redis)


@pytest.mark.parametrize("way", WAYS)
def test_a_way_out_opens_the_breaker_and_says_until_when(way: Callable[[int], None], port: int) -> None:
    for _ in range(3):
        with pytest.raises(Exception) as caught:  # noqa: PT011  # each way has errors of its own
            way(port)
    with pytest.raises(Exception, match="it failed 3 times in a row, so it is not asked until") as caught:
        way(port)
    assert not isinstance(caught.value, Refused)
    with socket.socket() as listening:  # now it would answer, but it is not asked: another port of the machine is
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        by_stream(int(listening.getsockname()[1]))
    assert [one.name.rpartition(":")[2] for one in remotes.HERE.now()] == [str(port)]


def test_a_collector_of_spans_that_does_not_answer_is_left_alone(port: int) -> None:
    from opentelemetry.sdk.trace.export import SpanExportResult

    sent = exporter(Tier.AIR_GAPPED, f"http://127.0.0.1:{port}/v1/traces", PURPOSE, seconds=0.01)
    for _ in range(4):
        assert sent.export([]) is SpanExportResult.FAILURE
    assert [one.phase.value for one in remotes.HERE.now()] == ["open"]
    sent.shutdown()


def test_a_cluster_that_does_not_answer_is_left_alone(port: int) -> None:
    way = ClusterWay(server=f"https://127.0.0.1:{port}", tls=context(""), verify=True, tls_name="", proxy="", direct=True)
    api = ApiServer(Tier.RESTRICTED, way, authorization="")
    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer"):
            api.get("/api", [], "object", seconds=(60, 60))
    with pytest.raises(Unavailable, match="so it is not asked until"):
        api.get("/api", [], "object", seconds=(60, 60))
    api.close()


@contextmanager
def closing(count: list[bytes]) -> Iterator[int]:
    """A server that reads a request and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:
                    return
                with one:
                    count.append(one.recv(65536))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_may_have_arrived_is_not_sent_twice(method: str) -> None:
    seen: list[bytes] = []

    async def send(port: int) -> None:
        async with web.client(Tier.AIR_GAPPED, f"http://127.0.0.1:{port}", PURPOSE, seconds=60) as client:
            await client.request(method, f"http://127.0.0.1:{port}/x")

    with closing(seen) as port, pytest.raises(httpx2.HTTPError):
        asyncio.run(send(port))
    assert len(seen) == 1


def test_a_refused_certificate_or_password_is_an_answer(port: int) -> None:
    class Said(Exception):
        sqlstate = "28P01"

    for _ in range(9):
        with pytest.raises(Said), remotes.HERE.asking("postgresql://x:1", (ConnectionError,)):
            raise Said
    assert remotes.HERE.now() == ()
