"""Counts that processes and hosts share: the same arithmetic as in memory, and never more than the limit for all together.

mark.site: the same at a PostgreSQL server.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from arcops.errors import Unavailable
from arcops.identity import Identity
from foundation.database.engine import Database
from foundation.database.migrating import ready
from foundation.limits.counting import Counters, hashed
from foundation.limits.reading import parse_limits
from foundation.limits.rules import Charge, Limits, charges
from foundation.limits.stored import Stored
from tests.foundation.database.open_here import Open
from tests.foundation.limits.limited_sites import ACTIONS, ADA, BOB, CALL, GROUPS

pytestmark = pytest.mark.requirement("HOST-025/rate-limits")


def limits(text_: str) -> Limits:
    return parse_limits(text_.encode(), where="limits.yaml", actions=ACTIONS, groups=GROUPS)


BOTH = limits(
    "counters: database\nhosts: 2\nrates: [{name: calls, calls: 10, per: hour}]\nquotas: [{name: d, calls: 4, per: day}]"
)
RATE = limits("counters: database\nhosts: 2\nrates: [{name: calls, calls: 20, per: hour, burst: 5}]")


def of(at: Limits, who: Identity = ADA) -> tuple[Charge, ...]:
    return tuple(charges(at, (who.issuer, who.tenant, who.id), "list_policies", CALL))


def taken(counters: Counters, at: Limits, who: Identity = ADA, times: int = 1) -> int:
    return sum(all(one.let for one in counters.take(of(at, who))) for _ in range(times))


def pass_time(database: Database, seconds: float) -> None:
    with database.writing() as connection:
        connection.execute(
            text("UPDATE arcops_limit SET mark = CASE WHEN mark > 1000000000 THEN mark - :u ELSE mark END, until = until - :m"),
            {"u": int(seconds * 1e6), "m": int(seconds * 1e3)},
        )


@pytest.fixture
def database(open_: Open) -> Database:
    return ready(open_())


def test_hosts_together_get_what_the_limit_says(database: Database, open_: Open) -> None:
    first, second = Stored(database), Stored(open_())
    assert taken(first, RATE, times=3) == 3
    assert taken(second, RATE, times=9) == 2
    assert taken(first, RATE, BOB, times=9) == 5
    (standing,) = first.take(of(RATE))
    assert (standing.let, standing.remain) == (False, 0)
    assert 170_000_000 < standing.wait <= 180_000_000
    pass_time(database, 181)
    assert taken(second, RATE, times=9) == 1
    pass_time(database, 3600)
    assert taken(first, RATE, times=9) == 5


def test_all_counts_of_a_call_change_or_none(database: Database) -> None:
    counters = Stored(database)
    assert taken(counters, BOTH, times=9) == 4
    rate, quota = counters.take(of(BOTH))
    assert (rate.let, quota.let) == (True, False)
    assert rate.remain == 6, "the call that the quota refused did not count"
    assert (quota.used, quota.remain) == (4, 0)
    assert 0 < quota.wait <= 86_400_000_000
    pass_time(database, 86_400)
    assert taken(counters, BOTH, times=9) == 4, "the next day"


def test_many_at_once_get_no_more_than_one_by_one(database: Database, open_: Open) -> None:
    let: list[int] = []
    hosts = [Stored(database), Stored(open_())]

    def work(counters: Counters) -> None:
        for _ in range(5):
            try:
                let.append(taken(counters, RATE))
            except Unavailable:  # a machine that is very busy; then the call is not let through by these counts
                continue

    threads = [threading.Thread(target=work, args=(hosts[number % 2],)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(let) <= 5
    assert sum(let) + taken(hosts[0], RATE, times=9) == 5


def test_a_call_owes_what_was_counted_elsewhere(database: Database) -> None:
    from dataclasses import replace

    counters = Stored(database)
    only = limits("counters: database\nhosts: 2\nquotas: [{name: d, calls: 10, per: day}]")
    (one,) = of(only)
    assert counters.take([replace(one, owed=7)])[0].used == 8
    assert not counters.take([replace(one, owed=2)])[0].let
    assert counters.take([one])[0].used == 9
    assert not counters.take([replace(one, owed=20)])[0].let


def test_a_host_with_a_wrong_clock_counts_in_the_same_window(database: Database) -> None:
    import time

    now = time.time_ns() // 1_000_000
    only = limits("counters: database\nhosts: 2\nquotas: [{name: d, calls: 3, per: day}]")
    for wrong in (-80_000_000, 80_000_000, 0):
        Stored(database, wall=lambda wrong=wrong: now + wrong).take(of(only))  # type: ignore[misc]
    (standing,) = Stored(database).take(of(only))
    assert (standing.let, standing.used) == (False, 3)
    with pytest.raises(Unavailable, match="clock of this host"):
        Stored(database, wall=lambda: now - 10 * 86_400_000).take(of(only, BOB))


def test_what_is_over_is_removed_and_nothing_else(database: Database) -> None:
    counters = Stored(database)
    assert taken(counters, BOTH, times=2) == 2
    pass_time(database, 2 * 86_400)
    assert taken(counters, BOTH, BOB) == 1
    counters._clean()
    with database.reading() as connection:
        kept = set(connection.execute(text("SELECT key FROM arcops_limit")).scalars())
    assert kept == {hashed(one) for one in of(BOTH, BOB)}


def test_a_key_names_no_caller(database: Database) -> None:
    Stored(database).take(of(BOTH))
    with database.reading() as connection:
        rows = list(connection.execute(text("SELECT * FROM arcops_limit")))
    assert len(rows) == 2
    assert "ada" not in repr(rows)
    assert "example" not in repr(rows)


@contextmanager
def without_table(database: Database) -> Iterator[None]:
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE arcops_limit RENAME TO elsewhere"))
    yield


def test_a_database_that_is_damaged_is_no_way_through(database: Database) -> None:
    from arcops.errors import ArcOpsError

    with without_table(database), pytest.raises(ArcOpsError):
        Stored(database).take(of(RATE))
