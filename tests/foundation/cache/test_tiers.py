"""The tiers together: made once, however many ask; shared between hosts by a real Redis server; and right without it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from foundation.cache.memory import Memory
from foundation.cache.opening import cache_of
from foundation.cache.shared import Shared
from foundation.cache.tiers import Cache
from foundation.settings import read_settings
from tests.redis_server import redis_server

pytestmark = pytest.mark.requirement("BASE-9/caches-are-hints")
KEY = bytes(32)


@dataclass
class Making:
    """Makes a value, and counts how often."""

    value: bytes = b"value"
    times: int = 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.value


@dataclass
class Server:
    """A Redis server as the script sees it."""

    values: dict[str, bytes] = field(default_factory=dict)
    lost: bool = False
    pauses: list[float] = field(default_factory=list)

    def run(self, keys: Sequence[str], values: Sequence[str | int | bytes]) -> list[bytes]:
        if self.lost:
            raise Unavailable("lost")
        what, *more = values
        if what == "find":
            if keys[0] in self.values:
                return [b"found", self.values[keys[0]]]
            mine = keys[1] not in self.values
            self.values.setdefault(keys[1], b"1")
            return [b"mine" if mine else b"busy"]
        if what == "keep":
            assert isinstance(more[1], bytes)
            self.values[keys[0]] = more[1]
        self.values.pop(keys[1], None)
        return [b"done"]

    def close(self) -> None:
        """Nothing is open."""


def host(server: Server | None = None, key: bytes = KEY) -> Cache:
    shared = Shared(script=server, key=lambda: key, wall=lambda: 1_000) if server is not None else None
    pause = server.pauses.append if server is not None else (lambda _: None)
    return Cache(memory=Memory(clock=lambda: 0.0), shared=shared, pause=pause)


def test_it_is_made_once_for_many_at_once() -> None:
    cache, making, begun, go = host(), Making(), threading.Event(), threading.Event()

    def slow() -> bytes:
        begun.set()
        assert go.wait(600)
        return making()

    with ThreadPoolExecutor(8) as threads:
        found = [threads.submit(cache.get, "a", slow, 10)]
        assert begun.wait(600)
        found += [threads.submit(cache.get, "a", slow, 10) for _ in range(7)]
        go.set()
        assert [one.result(600) for one in found] == [b"value"] * 8
    assert making.times == 1
    assert cache.get("b", Making(b"other"), 10) == b"other", "another name is another value"


def test_who_waits_for_one_that_fails_makes_it_and_gets_an_own_error() -> None:
    cache, begun, go, times = host(), threading.Event(), threading.Event(), []

    def failing() -> bytes:
        times.append(1)
        begun.set()
        assert go.wait(600)
        raise Refused(f"number {len(times)}")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.get, "a", failing, 10)
        assert begun.wait(600)
        second = threads.submit(cache.get, "a", failing, 10)
        go.set()
        errors = [first.exception(600), second.exception(600)]
    assert all(isinstance(one, Refused) for one in errors)
    assert errors[0] is not errors[1]
    assert cache.get("a", Making(), 10) == b"value", "an error is not kept"


def test_another_host_gets_what_one_made() -> None:
    server, first, second = Server(), Making(), Making()
    assert host(server).get("a", first, 10) == host(server).get("a", second, 10) == b"value"
    assert (first.times, second.times) == (1, 0)


def test_hosts_of_another_database_share_nothing() -> None:
    server, second = Server(), Making(b"theirs")
    host(server).get("a", Making(), 10)
    assert host(server, bytes(31) + b"\1").get("a", second, 10) == b"theirs"


def test_a_host_waits_for_one_that_makes_it_but_not_for_one_that_ended() -> None:
    server, making = Server(), Making()
    other = host(server)
    assert other.shared is not None
    other.shared.find("a", 10)  # it says that it makes it, and ends
    assert host(server).get("a", making, 10) == b"value"
    assert (making.times, sum(server.pauses)) == (1, pytest.approx(1.0))


def test_what_cannot_be_made_lets_others_try_at_once() -> None:
    server = Server()

    def failing() -> bytes:
        raise Refused("no")

    with pytest.raises(Refused):
        host(server).get("a", failing, 10)
    assert host(server).get("a", Making(), 10) == b"value"
    assert not server.pauses


def test_without_the_server_everything_is_as_before() -> None:
    server, making = Server(lost=True), Making()
    cache = host(server)
    assert cache.get("a", making, 10) == cache.get("a", making, 10) == b"value"
    assert making.times == 1
    assert not server.pauses


def test_without_the_database_nothing_is_shared() -> None:
    server = Server()

    def no_key() -> bytes:
        raise Unavailable("the database does not answer")

    cache = Cache(memory=Memory(clock=lambda: 0.0), shared=Shared(script=server, key=no_key))
    assert cache.get("a", Making(), 10) == b"value"
    assert not server.values


@pytest.mark.parametrize("garbage", [b"", b"garbage", bytes(100)])
def test_garbage_from_the_server_is_nothing(garbage: bytes) -> None:
    server = Server()
    host(server).get("a", Making(), 10)
    server.values = dict.fromkeys(server.values, garbage)
    assert host(server).get("a", Making(b"made"), 10) == b"made"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


def real(folder: Path, port: int) -> Cache:
    own = {"ARCOPS_HOME": str(folder), "ARCOPS_SHARED_CACHE": "redis", "ARCOPS_REDIS": f"redis://127.0.0.1:{port}"}
    return cache_of(read_settings(own), own)


@pytest.mark.site
def test_two_hosts_of_one_database_by_a_real_server(tmp_path: Path, port: int) -> None:
    one, two, making = real(tmp_path, port), real(tmp_path, port), Making(bytes(range(256)) * 1000)
    assert one.get("a", making, 10) == two.get("a", Making(), 10) == making.value
    long = Making(bytes(5 * 1024 * 1024))
    assert len(one.get("long", long, 10)) == len(two.get("long", long, 10))
    assert long.times == 2, "what is long stays in memory"
    for each in (one, two):
        each.close()


@pytest.mark.site
def test_a_server_that_goes_away_is_not_missed(tmp_path: Path) -> None:
    with redis_server(tmp_path) as port:
        cache = real(tmp_path, port)
        cache.get("a", Making(), 10)
    making = Making(b"again")
    assert cache.get("b", making, 10) == b"again"
    assert making.times == 1
    cache.close()


def test_it_is_shared_only_by_a_server_that_is_named(tmp_path: Path) -> None:
    own = {"ARCOPS_HOME": str(tmp_path), "ARCOPS_SHARED_CACHE": "redis"}
    with pytest.raises(Refused, match="ARCOPS_REDIS names no server"):
        cache_of(read_settings(own), own)
    with pytest.raises(Refused, match="ARCOPS_TIER"):
        cache_of(read_settings({**own, "ARCOPS_REDIS": "rediss://redis.example.org"}), own)
    with pytest.raises(Refused, match="ARCOPS_SHARED_CACHE"):
        read_settings({**own, "ARCOPS_SHARED_CACHE": "yes"})
    assert cache_of(read_settings({"ARCOPS_HOME": str(tmp_path), "ARCOPS_REDIS": "redis://127.0.0.1"}), {}).shared is None
