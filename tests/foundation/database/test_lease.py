"""Who does it: one at a time, under an epoch that only grows, and no write under an epoch that is over."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from arcops.errors import Refused, Unavailable
from foundation.database import engine
from foundation.database.engine import Database
from foundation.database.lease import Lease, Leases, Lost, new_holder
from foundation.database.migrating import ready
from foundation.database.tables import API_KEYS
from tests.foundation.database.open_here import Open, at_server, hurried, pass_time

HOUSE = Path(__file__).resolve().parents[3]


def row(id_: str) -> dict[str, object]:
    return {"id": id_, "name": "n", "hash": bytes(32), "scopes": "read", "made": 0, "until": 1}


def written(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(select(API_KEYS.c.id)).scalars())


def test_one_holds_it_at_a_time(open_: Open) -> None:
    one, other = (Leases(ready(open_()), name) for name in ("one", "other"))
    lease = one.take("work", 60)
    assert lease is not None
    assert (lease.holder, lease.epoch) == ("one", 1)
    assert other.take("work", 60) is None
    assert one.take("work", 60) is None, "a holder that began again is another one"
    assert other.take("other work", 60) is not None
    renewed = one.renew(lease, 120)
    assert renewed.epoch == 1
    assert renewed.until > lease.until
    assert [(held.name, held.holder, held.epoch) for held in other.held()] == [("other work", "other", 1), ("work", "one", 1)]
    assert one.give(lease)
    assert not one.give(lease)
    taken = other.take("work", 60)
    assert taken is not None
    assert taken.epoch == 2


def test_what_expired_is_lost_even_if_no_one_took_it(open_: Open) -> None:
    database = ready(open_())
    one, other = Leases(database, "one"), Leases(database, "other")
    lease = one.take("work", 60)
    assert lease is not None
    with one.writing(lease) as connection:
        connection.execute(insert(API_KEYS).values(row("before")))
    pass_time(database, "work")
    assert other.held() == ()
    with pytest.raises(Lost, match="epoch 1"):
        one.renew(lease, 60)
    with pytest.raises(Lost), one.writing(lease) as connection:
        connection.execute(insert(API_KEYS).values(row("after")))
    assert not one.give(lease)
    taken = other.take("work", 60)
    assert taken is not None
    assert taken.epoch == 2
    with pytest.raises(Lost), one.writing(lease):
        pass
    with pytest.raises(Lost), other.writing(lease):
        pytest.fail("another holder's lease counts for no one else")
    with other.writing(taken) as connection:
        connection.execute(insert(API_KEYS).values(row("other")))
    assert written(database) == {"before", "other"}


def test_the_same_epoch_of_another_holder_is_stale(open_: Open) -> None:
    """Mutation: a check of the epoch alone would let a forged lease through."""
    database = ready(open_())
    one, other = Leases(database, "one"), Leases(database, "other")
    lease = one.take("work", 60)
    assert lease is not None
    forged = Lease(name="work", holder="other", epoch=lease.epoch, until=lease.until, deadline=lease.deadline)
    for wrong in (forged, lease):
        with pytest.raises(Lost):
            other.renew(wrong, 60)
        with pytest.raises(Lost), other.writing(wrong):
            pass
        assert not other.give(wrong)
    assert one.renew(lease, 60).epoch == 1


def test_many_at_once_and_one_gets_it(open_: Open) -> None:
    ready(open_())
    places = [Leases(open_(), f"holder {number}") for number in range(6)]
    start = threading.Barrier(len(places))
    found: list[Lease | None] = []

    def take(leases: Leases) -> None:
        start.wait()
        found.append(leases.take("work", 60))

    threads = [threading.Thread(target=take, args=(one,)) for one in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(places)
    assert [one.epoch for one in found if one is not None] == [1]


_CHILD = """
import sys
sys.path.insert(0, {house!r})
from sqlalchemy import insert
from foundation.database.lease import Leases, Lost
from foundation.database.tables import API_KEYS
from tests.foundation.database.open_here import at_server
from tests.foundation.database.test_lease import row
with at_server({address!r}) as database:
    leases = Leases(database, "stopped")
    lease = leases.take("work", 600)
    print(lease.epoch, flush=True)
    sys.stdin.readline()
    try:
        with leases.writing(lease) as connection:
            connection.execute(insert(API_KEYS).values(row("stale")))
    except Lost as error:
        print(error)
        raise SystemExit(7)
"""


def test_a_holder_that_was_stopped_and_woken_writes_nothing(open_: Open, address: str) -> None:
    database = ready(open_())
    code = _CHILD.format(house=str(HOUSE), address=address)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
        child.send_signal(signal.SIGSTOP)
        pass_time(database, "work")
        taken = Leases(database, "other").take("work", 600)
        assert taken is not None
        assert taken.epoch == 2
        child.send_signal(signal.SIGCONT)
        said, _ = child.communicate("write\n", timeout=600)
        assert child.returncode == 7
        assert "not held under epoch 1" in said
    assert written(database) == set()


@pytest.mark.site
def test_a_holder_that_is_stopped_inside_a_write_is_cut_off(server: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A taker waits for the row that the stopped one locked; the server ends that transaction, and undoes it."""
    monkeypatch.setattr(engine, "IDLE_SECONDS", 0.3)
    address = server.new()  # type: ignore[attr-defined]  # a Server
    with ready(at_server(address)) as first, at_server(address) as second:
        one, other = Leases(first, "one"), Leases(second, "other")
        lease = one.take("work", 0.2)
        assert lease is not None

        def stopped() -> None:
            with one.writing(lease) as connection:
                connection.execute(insert(API_KEYS).values(row("stale")))
                while (taken := other.take("work", 60)) is None:
                    """The first try waits for the lock until the server has ended the other transaction."""
                assert taken.epoch == 2

        with pytest.raises(Unavailable):
            stopped()
        assert written(second) == set()


def test_what_no_lease_can_be(open_: Open) -> None:
    database = ready(open_())
    leases = Leases(database, "one")
    for seconds in (0, -1, 0.01, 3601, float("nan"), float("inf")):
        with pytest.raises(Refused, match="seconds is not given"):
            leases.take("work", seconds)
    for name in ("", "x" * 201, "a\nb"):
        with pytest.raises(Refused, match="no name of a lease"):
            leases.take(name, 60)
        with pytest.raises(Refused, match="no name of a holder"):
            Leases(database, name)
    assert leases.held() == ()


def test_by_its_own_clock_a_holder_stops_earlier(open_: Open) -> None:
    clock = [100.0]
    leases = Leases(ready(open_()), "one", clock=lambda: clock[0])
    lease = leases.take("work", 60)
    assert lease is not None
    assert lease.deadline == 160.0
    clock[0] = 159.9
    assert leases.sure(lease)
    clock[0] = 160.0
    assert not leases.sure(lease)
    assert leases.sure(leases.renew(lease, 1)), "the database still says so, and the deadline is a new one"


def test_no_two_processes_have_one_name() -> None:
    assert new_holder() != new_holder()


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["take", "renew", "give", "expire", "write"]), st.integers(0, 2)), min_size=1, max_size=14
)


@settings(max_examples=30)
@given(operations=OPERATIONS)
def test_as_a_model_of_it_does(tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, int]]) -> None:
    """Whatever three holders do, one holds it, and the epochs of those who held it grow."""
    path = tmp_path_factory.mktemp("lease") / "arcops.sqlite"
    with hurried(at_server(f"sqlite:///{path}")) as database:
        ready(database)
        holders = [Leases(database, str(number)) for number in range(3)]
        mine: list[Lease | None] = [None, None, None]
        holding, epoch = -1, 0
        for number, (what, who) in enumerate(operations):
            lease = mine[who]
            if what == "take":
                taken = holders[who].take("work", 600)
                assert (taken is not None) is (holding < 0)
                if taken is not None:
                    epoch, holding, mine[who] = epoch + 1, who, taken
                    assert taken.epoch == epoch
            elif what == "expire":
                pass_time(database, "work")
                holding = -1
            elif lease is not None:
                held = holding == who and lease.epoch == epoch
                if what == "give":
                    assert holders[who].give(lease) is held
                    holding = -1 if held else holding
                    continue
                try:
                    if what == "renew":
                        mine[who] = holders[who].renew(lease, 600)
                    else:
                        with holders[who].writing(lease) as connection:
                            connection.execute(insert(API_KEYS).values(row(str(number))))
                    assert held
                except Lost:
                    assert not held
