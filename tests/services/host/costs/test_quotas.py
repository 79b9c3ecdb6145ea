"""Quotas of hosted servers: decided from memory, counted by the events in the database, of one caller at one server each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from foundation.database.engine import Database
from foundation.database.lease import Leases
from foundation.database.migrating import ready
from foundation.limits.ledger import Ledger
from foundation.limits.rules import Unit
from services.host.costs.advising import SUSTAINED_MS, action, id_of
from services.host.costs.meter import Meter
from services.host.costs.quotas import Quota, Quotas, rules_of
from services.host.costs.rates import NONE
from services.host.costs.spool import Spool
from services.host.costs.store import CostStore
from services.host.costs.watching import Watching
from services.host.figures.records import Kind, recorded
from tests.foundation.database.open_here import at_server, hurried
from tests.services.host.costs.calls import ANN, EVE, call
from tests.services.host.costs.test_store import DAY, ONE

pytestmark = pytest.mark.requirement("HOST-026-028/costs-and-quotas")

WHO = (ANN.issuer, ANN.tenant, ANN.id)
OTHER = (EVE.issuer, EVE.tenant, EVE.id)
MINUTE = 60_000


class Clock:
    """The time of a test, in milliseconds since 1970."""

    def __init__(self) -> None:
        self.now = DAY + 8 * 3_600_000

    def __call__(self) -> int:
        return self.now

    def seconds(self) -> float:
        return self.now / 1000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as found:
        yield ready(found)


class Host:
    """One host of several with the same database: a ledger, a meter, and what keeps the ledger up to date."""

    def __init__(self, database: Database, clock: Clock, folder: Path, name: str = "a") -> None:
        self.ledger = Ledger(wall=clock)
        self.watching = Watching(database, self.ledger, Leases(database, name), wall=clock)
        spool = Spool(folder / "costs", name * 16)
        self.meter = Meter(
            CostStore(database).write, lambda: NONE, spool, host=name * 16, ledger=self.ledger, every=0.01, wall=clock.seconds
        )

    def calls(self, count: int = 1, who: Identity = ANN, server: str = "time", size: int = 40) -> list[bool]:
        """Which of so many calls were let through, each with *size* bytes of result; 4 of them are a token."""
        found = []
        for _ in range(count):
            let = self.ledger.take((who.issuer, who.tenant, who.id), f"servers/{server}/now").let
            if let:
                call(self.meter, who, server=server, arguments=b"", result=b"x" * size)
            found.append(let)
        return found

    def settle(self) -> None:
        """Everything is in the database, and read again."""
        assert self.meter.flush()
        self.watching.look()


@pytest.fixture
def host(database: Database, clock: Clock, tmp_path: Path) -> Iterator[Host]:
    made = Host(database, clock, tmp_path)
    yield made
    made.meter.close()


def put(database: Database, amount: int, unit: Unit = Unit.CALLS, per: str = "day", server: str = "time", **more: str) -> Quota:
    quota = Quota(server=server, unit=unit, per=per, amount=amount, author="ann", **more)  # type: ignore[arg-type]  # texts
    Quotas(database).put(quota)
    return quota


def test_until_the_quotas_are_known_nothing_is_let_through(host: Host) -> None:
    with pytest.raises(Unavailable, match="could not be read yet"):
        host.calls()
    host.watching.look()
    assert host.calls() == [True]


def test_calls_over_the_quota_are_refused_and_no_one_elses(database: Database, host: Host) -> None:
    put(database, 3)
    host.watching.look()
    assert host.calls(5) == [True, True, True, False, False]
    assert host.calls(3, EVE) == [True] * 3, "another caller has their own"
    assert host.calls(3, server="docs") == [True] * 3, "another server is not starved"
    host.settle()
    assert host.calls() == [False]
    assert host.calls(server="docs") == [True]


def test_each_server_by_itself(database: Database, host: Host) -> None:
    put(database, 2, server="*")
    host.watching.look()
    assert host.calls(3) == [True, True, False]
    assert host.calls(3, server="docs") == [True, True, False]


def test_tokens_are_spent_when_a_call_ends(database: Database, host: Host) -> None:
    put(database, 25, Unit.TOKENS)
    host.watching.look()
    assert host.calls(5) == [True, True, True, False, False]  # 10 tokens each: after the third, 30 are used
    host.settle()
    assert host.calls() == [False]
    (use,) = Quotas(database).uses(rules_of(Quotas(database).all()), host.watching._wall())
    assert (use.used, use.amount, use.who, use.server) == (30, 25, WHO, "time")


def test_calls_that_are_under_way_count(database: Database, host: Host) -> None:
    put(database, 3)
    host.watching.look()
    let = [host.ledger.take(WHO, "servers/time/now").let for _ in range(5)]
    assert let == [True, True, True, False, False]
    host.watching.look()  # none of them is in the database yet
    assert not host.ledger.take(WHO, "servers/time/now").let
    host.ledger.given(WHO, "servers/time/now")
    assert host.ledger.take(WHO, "servers/time/now").let


@pytest.mark.parametrize("per", ["minute", "day", "month"])
def test_a_new_window_begins_with_nothing_used(database: Database, host: Host, clock: Clock, per: str) -> None:
    put(database, 1, per=per)
    host.watching.look()
    assert host.calls(2) == [True, False]
    host.settle()
    clock.now += {"minute": 1, "day": 24 * 60, "month": 31 * 24 * 60}[per] * MINUTE
    assert host.calls(2) == [True, False]
    host.settle()
    assert host.calls() == [False]


def test_a_caller_with_a_number_of_their_own(database: Database, host: Host) -> None:
    put(database, 1)
    put(database, 3, issuer=ANN.issuer, tenant=ANN.tenant, identity=ANN.id)
    host.watching.look()
    assert host.calls(4) == [True, True, True, False]
    assert host.calls(2, EVE) == [True, False]


def test_a_quota_of_one_caller_is_about_no_one_else(database: Database, host: Host) -> None:
    put(database, 1, issuer=ANN.issuer, tenant=ANN.tenant, identity=ANN.id)
    host.watching.look()
    assert host.calls(2) == [True, False]
    assert host.calls(9, EVE) == [True] * 9


def test_a_restart_forgets_nothing(database: Database, host: Host, clock: Clock, tmp_path: Path) -> None:
    put(database, 3)
    host.watching.look()
    host.calls(2)
    host.meter.close()
    again = Host(database, clock, tmp_path, "b")
    again.watching.look()
    assert again.calls(3) == [True, False, False]
    again.meter.close()


def test_two_hosts_share_what_is_used(database: Database, host: Host, clock: Clock, tmp_path: Path) -> None:
    put(database, 10)
    other = Host(database, clock, tmp_path, "b")
    host.watching.look()
    other.watching.look()
    host.calls(6)
    host.settle()
    other.settle()
    assert other.calls(6) == [True] * 4 + [False] * 2
    other.settle()
    host.settle()
    assert host.calls() == [False]
    other.meter.close()


def test_a_lost_database_stops_no_quota(database: Database, host: Host) -> None:
    put(database, 3)
    host.watching.look()
    host.calls(2)
    host.meter.flush()
    database.close()
    path = Path(str(database.address.path))  # type: ignore[union-attr]  # a file
    path.rename(path.with_suffix(".away"))
    with pytest.raises(Unavailable):
        host.watching.look()
    assert host.calls(3) == [True, False, False]
    path.with_suffix(".away").rename(path)
    host.settle()
    assert host.calls() == [False]


def test_a_burst_is_refused_within_its_first_requests(database: Database, host: Host) -> None:
    """Of tokens, what is under way when the quota is used up ends; the next call is refused."""
    put(database, 50, Unit.TOKENS, per="minute")
    host.watching.look()
    for number in range(20):
        who = replace(ANN, id=f"caller-{number}")
        assert host.calls(30, who).count(True) == 5
    host.watching.look()
    bursts = recorded(database, [Kind.BURST])
    assert len(bursts) == 20
    assert all(one.value is not None and one.value < 3 for one in bursts)
    assert "caller-7" in {one.subject.split()[-1] for one in bursts}, "each says who it was"


def test_calls_that_were_at_once_are_counted_in_the_burst(database: Database, host: Host) -> None:
    put(database, 10, Unit.TOKENS)
    host.watching.look()
    for _ in range(6):
        assert host.ledger.take(WHO, "servers/time/now").let
    for _ in range(6):
        call(host.meter, ANN, arguments=b"", result=b"x" * 40)
    assert host.calls() == [False]
    host.watching.look()
    (burst,) = recorded(database, [Kind.BURST])
    assert burst.value == 5


def test_a_decision_takes_less_than_a_millisecond(database: Database, host: Host) -> None:
    for number in range(100):
        put(database, 1_000_000, server=f"s{number}")
        put(database, 1_000_000, Unit.TOKENS, server=f"s{number}", per="month")
    put(database, 1_000_000, server="*", per="minute")
    host.watching.look()
    took = []
    for number in range(3000):
        begun = time.perf_counter()
        host.ledger.take(WHO, f"servers/s{number % 100}/now")
        took.append(time.perf_counter() - begun)
        host.ledger.given(WHO, f"servers/s{number % 100}/now")
    assert statistics.quantiles(took, n=20)[-1] < 0.001


def test_an_advisory_comes_after_sustained_use_once_and_ends(database: Database, host: Host, clock: Clock) -> None:
    put(database, 10)
    begun = clock.now
    host.watching.look()
    host.calls(8)
    host.settle()
    clock.now += 20 * 60 * 1000
    host.watching.look()
    assert not recorded(database, [Kind.ADVISORY]), "80 % are not over 80 %"
    host.calls(1)
    over = clock.now
    for _ in range(40):
        clock.now += 15_000
        host.settle()
    (advisory,) = recorded(database, [Kind.ADVISORY])
    assert advisory.seconds is not None
    assert SUSTAINED_MS / 1000 <= advisory.seconds < 300
    assert advisory.ended.timestamp() * 1000 - over < 300_000
    assert advisory.value == 0.9
    assert "ann" in advisory.subject
    clock.now = begun + 24 * 3_600_000  # the next day
    host.watching.look()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM arcops_hosted_advisory").scalar() == 0
    assert len(recorded(database, [Kind.ADVISORY])) == 1


def test_one_busy_minute_is_not_sustained(database: Database, host: Host, clock: Clock) -> None:
    put(database, 10, per="minute")
    host.watching.look()
    host.calls(10)
    for _ in range(20):
        host.settle()
        clock.now += 15_000
    assert not recorded(database, [Kind.ADVISORY])


def test_busy_minutes_are(database: Database, host: Host, clock: Clock) -> None:
    put(database, 10, per="minute")
    host.watching.look()
    begun = clock.now
    while clock.now - begun < 300_000:
        if (clock.now - begun) % MINUTE == 0:
            host.calls(9)
        host.settle()
        clock.now += 15_000
    (advisory,) = recorded(database, [Kind.ADVISORY])
    assert advisory.seconds is not None
    assert advisory.seconds < 300


def test_two_hosts_raise_one_advisory(database: Database, host: Host, clock: Clock, tmp_path: Path) -> None:
    put(database, 10)
    other = Host(database, clock, tmp_path, "b")
    host.watching.look()
    host.calls(9)
    for _ in range(30):
        clock.now += 15_000
        host.settle()
        other.settle()
    assert len(recorded(database, [Kind.ADVISORY])) == 1
    other.meter.close()


def test_a_clock_that_is_set_back_raises_nothing_early(database: Database, host: Host, clock: Clock) -> None:
    put(database, 10)
    host.watching.look()
    host.calls(9)
    host.settle()
    clock.now -= 60_000
    for _ in range(6):
        host.settle()
        clock.now += 15_000
    assert not recorded(database, [Kind.ADVISORY])


def test_the_advice_says_what_to_do(database: Database, host: Host, clock: Clock) -> None:
    put(database, 10)
    host.watching.look()
    host.calls(9)
    host.settle()
    (use,) = Quotas(database).uses(rules_of(Quotas(database).all()), clock.now)
    said = action(use, clock.now)
    assert said.startswith(
        "at this pace it is used up at 2026-11-30 08:53Z: raise it with 'arcops host quota set time --calls 12 "
    )
    assert f"12 --per day --issuer {ANN.issuer} --tenant 'acme' --caller ann'" in said
    assert action(replace(use, used=10), clock.now).startswith("calls are refused until 2026-12-01 00:00Z: raise it with")
    assert id_of(use) != id_of(replace(use, key=(*use.key[:-1], "servers/docs")))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"per": "week"}, "per minute, day, month"),
        ({"amount": 0}, "a quota cannot be 0"),
        ({"identity": "ann"}, "names their issuer and id"),
    ],
)
def test_impossible_quotas_are_refused(database: Database, wrong: dict[str, object], said: str) -> None:
    quota = replace(Quota(server="time", unit=Unit.CALLS, per="day", amount=1), **wrong)
    with pytest.raises(Refused, match=said):
        Quotas(database).put(quota)


def test_a_quota_is_set_again_and_removed(database: Database, host: Host) -> None:
    quota = put(database, 1)
    host.watching.look()
    assert host.calls(2) == [True, False]
    put(database, 5)
    host.settle()
    assert host.calls(5) == [True] * 4 + [False]
    assert Quotas(database).remove(quota)
    assert not Quotas(database).remove(quota)
    host.settle()
    assert host.calls(9) == [True] * 9


def test_an_event_that_is_written_late_counts_in_its_own_window(database: Database, host: Host, clock: Clock) -> None:
    put(database, 3, per="minute")
    host.watching.look()
    assert host.ledger.take(WHO, "servers/time/now").let
    begun = host.meter.begin(ANN, "time", "now", None, trace="", audited=True)
    clock.now += MINUTE
    begun.ended("done", None)
    host.settle()
    assert host.calls(4) == [True] * 3 + [False]


def test_old_events_are_removed_and_their_sums_stay(database: Database, host: Host, clock: Clock) -> None:
    CostStore(database).write([replace(ONE, at=clock.now - 401 * 86_400_000), replace(ONE, number=2, at=clock.now)])
    host.watching.look()
    assert [one.number for one in CostStore(database).events(0, clock.now + 1)] == [2]
    assert sum(one.calls for one in CostStore(database).sums("0000-01-01", "9999-12-31")) == 2


def test_what_is_kept_is_what_was_let_through(database: Database, host: Host) -> None:
    put(database, 1_000_000)
    host.watching.look()
    host.calls(50)
    host.settle()
    (found,) = CostStore(database).sums("2026-11-30", "2026-11-30", by=("server",))
    assert found.calls == 50
    assert not host.ledger.mark()
    assert replace(ONE, number=1).day == "2026-11-30"
