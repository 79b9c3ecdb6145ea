"""Counts in Redis: the same arithmetic as in memory and in the database, at a real server; and its address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.redis_server import Script, read_redis
from foundation.limits.remote import SCRIPT, Remote
from tests.foundation.database.test_limit_counts import BOTH, RATE, limits, of, taken
from tests.foundation.limits.limited_sites import ADA, BOB
from tests.redis_server import redis_server

pytestmark = [pytest.mark.requirement("HOST-025/rate-limits"), pytest.mark.site]


def script(port: int, password: str = "") -> Script:
    return Script(Tier.AIR_GAPPED, read_redis(f"redis://127.0.0.1:{port}/0"), SCRIPT, password=password, seconds=60)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def counters(port: int) -> Iterator[Remote]:
    made = Remote(script(port))
    made._script._client.flushall()  # type: ignore[attr-defined]
    yield made
    made.close()


def test_hosts_together_get_what_the_limit_says(counters: Remote, port: int) -> None:
    other = Remote(script(port))
    assert taken(counters, RATE, times=3) == 3
    assert taken(other, RATE, times=9) == 2
    assert taken(counters, RATE, BOB, times=9) == 5
    (standing,) = counters.take(of(RATE))
    assert (standing.let, standing.remain) == (False, 0)
    assert 100_000_000 < standing.wait <= 180_000_000
    other.close()


def test_all_counts_of_a_call_change_or_none(counters: Remote) -> None:
    assert taken(counters, BOTH, times=9) == 4
    rate, quota = counters.take(of(BOTH))
    assert (rate.let, rate.remain) == (True, 6)
    assert (quota.let, quota.used, quota.remain) == (False, 4, 0)
    assert 0 < quota.wait <= 86_400_000_000


def test_a_call_owes_what_was_counted_elsewhere(counters: Remote) -> None:
    (one,) = of(limits("counters: redis\nhosts: 2\nquotas: [{name: d, calls: 10, per: month}]"))
    assert counters.take([replace(one, owed=7)])[0].used == 8
    assert not counters.take([replace(one, owed=2)])[0].let
    assert counters.take([one])[0].used == 9


def test_every_count_ends_by_itself(counters: Remote) -> None:
    counters.take(of(BOTH))
    client = counters._script._client  # type: ignore[attr-defined]
    found = {key: client.pttl(key) for key in client.scan_iter()}
    assert len(found) == 2
    assert all(0 < left <= 86_400_001 for left in found.values())
    assert not any(b"ada" in key or b"example" in key for key in found)


def test_a_value_that_is_no_count_is_no_way_through(counters: Remote) -> None:
    counters.take(of(BOTH))
    client = counters._script._client  # type: ignore[attr-defined]
    for key in client.scan_iter():
        client.set(key, "x")
    with pytest.raises(Unavailable, match="does not answer"):
        counters.take(of(limits("counters: redis\nhosts: 2\nquotas: [{name: d, calls: 4, per: day}]")))


def test_a_host_with_a_wrong_clock_is_told(port: int) -> None:
    import time

    wrong = Remote(script(port), wall=lambda: time.time_ns() // 1_000_000 - 10 * 86_400_000)
    with pytest.raises(Unavailable):
        wrong.take(of(limits("counters: redis\nhosts: 2\nquotas: [{name: wrong, calls: 4, per: day}]")))
    wrong.close()


def test_a_server_that_is_gone_or_wants_a_password_is_unavailable(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--requirepass", "a-secret-of-this-test") as port:
        with pytest.raises(Unavailable) as caught:
            Remote(script(port, password="wrong")).take(of(RATE))
        assert "wrong" not in str(caught.value)
        made = Remote(script(port, password="a-secret-of-this-test"))
        assert taken(made, RATE, ADA) == 1
    with pytest.raises(Unavailable):
        made.take(of(RATE))
    made.close()


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user", "number"),
    [
        ("redis://127.0.0.1", "127.0.0.1", 6379, False, "", 0),
        ("rediss://r.example.org:6380/3", "r.example.org", 6380, True, "", 3),
        ("rediss://arcops@r.example.org/", "r.example.org", 6379, True, "arcops", 0),
        ("redis://[::1]:7000/1", "::1", 7000, False, "", 1),
        ("redis://[::1]", "::1", 6379, False, "", 0),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, tls: bool, user: str, number: int) -> None:
    found = read_redis(url)
    assert (found.to.host, found.to.port, found.tls, found.user, found.number) == (host, port, tls, user, number)


@pytest.mark.parametrize(
    "url",
    [
        "", "redis:", "http://r", "unix:///tmp/r", "redis://u:hunter2@r", "redis://:hunter2@r", "redis://r/0?ssl_cert_reqs=none",
        "redis://r/x", "redis://r:0", "redis://r:99999", "redis://a,b", "redis://r#x", "redis://r\\@x", "redis://r r",
        "redis+sentinel://r", "redis://[fe80::1%25eth0]",
    ],
)  # fmt: skip
def test_an_address_with_two_readings_or_a_password_is_refused(url: str) -> None:
    with pytest.raises(Refused) as caught:
        read_redis(url)
    assert "hunter2" not in str(caught.value)


def test_the_tier_and_a_password_in_the_clear_are_refused() -> None:
    at = read_redis("redis://r.example.org")
    with pytest.raises(Refused, match="the tier air-gapped does not reach"):
        Script(Tier.AIR_GAPPED, at, SCRIPT, password="", seconds=1)
    with pytest.raises(Refused, match="in the clear"):
        Script(Tier.RESTRICTED, at, SCRIPT, password="x", seconds=1)
