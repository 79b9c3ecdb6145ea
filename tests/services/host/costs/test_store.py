"""Events in the database and their sums of a day: written once, together, by several hosts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.database.engine import Database
from foundation.database.migrating import ready
from services.host.costs.event import CostEvent
from services.host.costs.store import CostStore
from services.host.costs.tokens import read_by_model
from tests.foundation.database.open_here import Server, at_server, hurried
from tests.postgres import postgres

DAY = int(datetime(2026, 11, 30, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
ONE = CostEvent(
    host="a" * 16, number=1, at=DAY, issuer="https://i", tenant="acme", identity="ann", server="time", tool="now", model="m",
    bytes_in=14, bytes_out=50, tokens_in=4, tokens_out=13, estimated=False, cpu=900, price=21_000, currency="EUR",
    card="2026-11-01", latency=2000, outcome="done", audited=True, trace="",
)  # fmt: skip


def many(count: int, host: str = "a", first: int = 1) -> list[CostEvent]:
    return [replace(ONE, host=host * 16, number=number) for number in range(first, first + count)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as url:
        yield Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.site)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/database/arcops.sqlite"
    found: Server = request.getfixturevalue("server")
    return found.new()


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    with hurried(at_server(address)) as found:
        yield ready(found)


@pytest.fixture
def store(database: Database) -> CostStore:
    return CostStore(database)


def test_an_event_is_kept_as_it_was_told(store: CostStore) -> None:
    odd = replace(ONE, number=2, cpu=None, price=None, estimated=True, outcome="failed", audited=False, trace="f" * 32)
    assert store.write([ONE, odd]) == 2
    assert list(store.events(DAY, DAY + 1)) == [ONE, odd]
    (counted, guessed) = store.sums("2026-11-30", "2026-11-30")
    assert (counted.calls, counted.failed, counted.tokens_in, counted.price_sum, counted.cpu_calls) == (1, 0, 4, 21_000, 1)
    assert (guessed.calls, guessed.failed, guessed.unpriced, guessed.cpu_calls, guessed.audited) == (1, 1, 1, 0, 0)


def test_a_batch_that_is_written_again_counts_once(store: CostStore) -> None:
    assert store.write(many(3)) == 3
    assert store.write(many(5)) == 2  # the first three were written, and no one heard of it
    assert store.write(many(5)) == 0
    (found,) = store.sums("2026-11-30", "2026-11-30")
    assert (found.calls, found.tokens_out) == (5, 65)
    assert len(list(store.events(0, DAY + 1))) == 5


def test_each_day_has_its_own_sums(store: CostStore) -> None:
    store.write([replace(ONE, at=DAY - 1), replace(ONE, number=2), replace(ONE, number=3, at=DAY + 23 * HOUR, identity="eve")])
    found = {(one.day, one.identity): one.calls for one in store.sums("2026-11-29", "2026-11-30")}
    assert found == {("2026-11-29", "ann"): 1, ("2026-11-30", "ann"): 1, ("2026-11-30", "eve"): 1}
    (all_,) = store.sums("2026-11-01", "2026-11-30", by=())
    assert (all_.calls, all_.price_sum, all_.identity) == (3, 63_000, "")
    assert store.sums("2026-12-01", "2026-12-31", by=()) == ()
    assert store.sums("2026-11-30", "2026-11-30", server="docs") == ()


def test_events_are_read_by_parts_in_their_order(store: CostStore) -> None:
    store.write(many(5))
    store.write([replace(one, at=DAY + 1) for one in many(3, "b")])
    found = list(store.events(DAY, DAY + HOUR, most=2))
    assert [(one.host[0], one.number) for one in found] == [("a", n) for n in range(1, 6)] + [("b", n) for n in range(1, 4)]


def test_what_is_forgotten_stays_in_the_sums(store: CostStore) -> None:
    store.write([replace(ONE, at=DAY - 1), replace(ONE, number=2)])
    assert store.forget(DAY) == 1
    (found,) = store.sums("2026-11-01", "2026-11-30", by=())
    assert found.calls == 2


def test_hosts_that_write_at_once_lose_nothing(address: str, store: CostStore) -> None:
    def write(host: str) -> None:
        with hurried(at_server(address)) as mine:
            for first in range(1, 101, 10):
                CostStore(mine).write(many(10, host, first))

    threads = [threading.Thread(target=write, args=(one,)) for one in "abcd"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    (found,) = store.sums("2026-11-30", "2026-11-30")
    assert (found.calls, found.tokens_in) == (400, 1600)


def test_events_and_sums_are_written_together(database: Database, store: CostStore) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP TABLE arcops_cost_day"))
    with pytest.raises(Exception, match="arcops_cost_day"):
        store.write(many(3))
    assert not list(store.events(0, DAY + 1))


def test_what_a_model_reads_of_a_result_is_its_texts() -> None:
    two = b'{"content":[{"type":"text","text":"a"},{"type":"image","data":"AAAA"},{"type":"text","text":"b"}]}'
    assert read_by_model(two) == "a\nb"
    assert read_by_model(b'{"content":[],"structuredContent":{"n":1}}') == '{"content":[],"structuredContent":{"n":1}}'
    assert read_by_model(b'{"code":-32602,"message":"no"}') == '{"code":-32602,"message":"no"}'
    assert read_by_model(b'{"contents":[{"uri":"a:b","text":"one"},{"uri":"a:c","blob":"AA=="}]}') == "one"
    prompt = b'{"messages":[{"role":"user","content":{"type":"text","text":"say"}},{"role":"user","content":{"type":"image"}}]}'
    assert read_by_model(prompt) == "say"
    block = b'{"content":[{"type":"resource","resource":{"uri":"a:b","text":"held"}},{"type":"text","text":"and"}]}'
    assert read_by_model(block) == "held\nand"
    assert read_by_model(b'{"content":"odd"}') == '{"content":"odd"}'
