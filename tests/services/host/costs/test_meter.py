"""The meter: an event for each call, whatever becomes of the database; and no value of an argument in any of them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from arcops.errors import Unavailable
from services.host.costs.event import CostEvent
from services.host.costs.meter import cpu_of
from services.host.costs.rates import parse_rates
from services.host.costs.spool import Spool
from tests.services.host.costs.calls import ANN, EVE, Kept, call, meter

pytestmark = pytest.mark.requirement("HOST-026-028/cost-events")

CARD = parse_rates(b"currency: EUR\ncards: [{from: 2026-01-01, models: [{name: m, input: 1, output: 2}], model: m}]", where="-")


def test_each_call_gives_one_event(tmp_path: Path) -> None:
    kept = Kept()
    at = meter(kept, tmp_path, lambda: CARD)
    call(at, tool="now", trace="0" * 31 + "1")
    call(at, EVE, outcome="failed", result=None)
    at.close()
    first, second = kept.events
    assert (first.number, first.issuer, first.tenant, first.identity) == (1, ANN.issuer, "acme", "ann")
    assert (first.server, first.tool, first.outcome, first.trace) == ("time", "now", "done", "0" * 31 + "1")
    assert (first.bytes_in, first.bytes_out, first.tokens_in, first.tokens_out) == (14, 50, 4, 13)
    assert (first.model, first.estimated, first.audited) == ("m", True, True)
    assert (first.price, first.currency, first.card) == (21_000, "EUR", "2026-01-01")  # 4 tokens at 2, 13 at 1, of a million
    assert (second.identity, second.outcome, second.tokens_out, second.number) == ("eve", "failed", 0, 2)


def test_without_a_card_nothing_has_a_price(tmp_path: Path) -> None:
    kept = Kept()
    at = meter(kept, tmp_path)
    call(at)
    at.close()
    (event,) = kept.events
    assert (event.model, event.price, event.currency, event.estimated) == ("", None, "", True)


def test_no_value_of_an_argument_is_kept(tmp_path: Path) -> None:
    kept = Kept()
    kept.lost = True
    at = meter(kept, tmp_path, lambda: CARD)
    call(at, arguments=b'{"password":"hunter2"}', result=b'{"content":[{"type":"text","text":"hunter3"}]}')
    at.flush(0.2)
    spooled = b"".join(path.read_bytes() for path in (tmp_path / "costs").iterdir())
    assert b'"number":1' in spooled
    kept.lost = False
    at.close()
    (event,) = kept.events
    for one in (spooled.decode(), repr(dataclasses.astuple(event))):
        assert "hunter" not in one
        assert "password" not in one


def test_a_lost_database_loses_no_event(tmp_path: Path) -> None:
    kept = Kept()
    at = meter(kept, tmp_path)
    call(at)
    assert at.flush()
    kept.lost = True
    for _ in range(5):
        call(at)
    at.flush(0.3)
    assert "wait on this machine" in at.healthy()
    kept.lost = False
    call(at)
    at.close()
    assert [one.number for one in kept.events] == [1, 2, 3, 4, 5, 6, 7]
    assert not list((tmp_path / "costs").iterdir())


def test_what_a_killed_process_put_by_is_kept_by_the_next(tmp_path: Path) -> None:
    kept = Kept()
    kept.lost = True
    killed = meter(kept, tmp_path, host="b" * 16)
    call(killed)
    killed.close()  # it ends while the database is lost
    path = tmp_path / "costs" / f"{'b' * 16}.jsonl"
    path.write_bytes(path.read_bytes() + b'{"half of an ev')
    kept.lost = False
    at = meter(kept, tmp_path)
    call(at)
    at.close()
    assert [(one.host[0], one.number) for one in kept.events] == [("b", 1), ("a", 1)]
    assert not list((tmp_path / "costs").iterdir())


def test_what_a_living_process_put_by_is_left_to_it(tmp_path: Path) -> None:
    kept, lost = Kept(), Kept()
    lost.lost = True
    other = meter(lost, tmp_path, host="b" * 16)
    call(other)
    other.flush(0.2)
    at = meter(kept, tmp_path)
    call(at)
    at.close()
    assert [one.host[0] for one in kept.events] == ["a"]
    lost.lost = False
    other.close()
    assert [one.host[0] for one in lost.events] == ["b"]


def test_a_full_store_refuses_calls(tmp_path: Path) -> None:
    kept = Kept()
    kept.lost = True
    at = meter(kept, tmp_path, most_spool=600)
    refused = ""
    for _ in range(100):
        try:
            call(at)
        except Unavailable as error:
            refused = str(error)
            break
        at.flush(0.05)
    assert "this call's cost cannot be recorded, so it is not done" in refused
    assert "kept nowhere" in at.healthy()
    kept.lost = False
    at.close()
    numbers = [one.number for one in kept.events]
    assert numbers == list(range(1, len(numbers) + 1)), "each call that was done has its event"


def test_by_best_effort_what_is_lost_is_counted_and_recorded(tmp_path: Path) -> None:
    kept, told = Kept(), []
    kept.lost = True
    at = meter(kept, tmp_path, most_spool=600, required=False, most=10, lost=told.append)
    for _ in range(100):
        call(at)
        at.flush(0.001)
    at.flush(0.3)
    assert at.lost > 0
    assert "are lost" in at.healthy()
    kept.lost = False
    at.close()
    assert told == [at.lost]
    assert len(kept.events) + at.lost == 100


def test_a_clock_that_is_set_back_loses_nothing(tmp_path: Path) -> None:
    kept, now = Kept(), [2_000_000_000.0]
    at = meter(kept, tmp_path, lambda: CARD, wall=lambda: now[0])
    call(at)
    now[0] -= 86_400 * 30
    call(at)
    at.close()
    assert [one.number for one in kept.events] == [1, 2]
    assert kept.events[1].at < kept.events[0].at
    assert all(one.latency >= 0 for one in kept.events)


class At:
    """A link to a process."""

    def __init__(self, process: int | None) -> None:
        self.process, self.busy, self.called = process, 0, 0


def test_cpu_is_told_if_it_is_the_calls_own(tmp_path: Path) -> None:
    kept = Kept()
    at = meter(kept, tmp_path)
    code = "import sys\nfor _ in sys.stdin:\n sum(range(10**6))\n print(flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        link = At(child.pid)
        for others in (0, 1):
            begun = at.begin(ANN, "time", "now", None, trace="", audited=True)
            begun.reached(link)
            link.called += 1 + others
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            begun.ended("done", None)
        assert cpu_of(child.pid)
        child.stdin.close()
    begun = at.begin(ANN, "time", "now", None, trace="", audited=True)
    begun.reached(At(None))  # a server of another machine
    begun.ended("done", None)
    at.close()
    alone, shared, elsewhere = kept.events
    assert alone.cpu is not None
    assert 1000 < alone.cpu <= 10_000_000
    assert shared.cpu is None
    assert elsewhere.cpu is None


def test_a_spool_that_cannot_be_written_keeps_no_half_event(tmp_path: Path) -> None:
    kept = Kept()
    at = meter(kept, tmp_path)
    call(at)
    at.close()
    spool = Spool(tmp_path / "s", "c" * 16, most=10_000)
    spool.put(kept.events)
    with pytest.raises(Unavailable, match="would have more than"):
        spool.put(kept.events * 100)
    spool.put(kept.events)
    assert [len(one) for one in spool.batches()] == [2]
    spool.close()


def test_what_is_put_by_and_written_again_is_settled_once(tmp_path: Path) -> None:
    """The first batch of the spool is written, the second is not: both come again, and the ledger hears of each event once."""
    told: list[int] = []

    class Told:
        def ended(self, *_: object) -> None:
            """Nothing is counted here."""

        corrected = ended

        def kept(self, who: object, server: str, at: int, tokens: int) -> None:
            told.append(at)

    class Stumbling(Kept):
        stumbles = False

        def write(self, events: Sequence[CostEvent]) -> None:
            if self.stumbles and events[0].number > 1:
                raise Unavailable("the database does not answer")
            super().write(events)

    kept, now = Stumbling(), [0]
    at = meter(kept, tmp_path, ledger=Told(), wall=lambda: now.__setitem__(0, now[0] + 1) or float(now[0]))
    kept.lost = True
    for _ in range(1001):  # the spool is written in batches
        call(at)
    at.flush(0.3)
    kept.lost, kept.stumbles = False, True
    at.flush(0.3)
    kept.stumbles = False
    at.close()
    assert len(kept.events) == 1001
    assert len(told) == len(set(told)) == 1001


def test_a_file_beside_that_cannot_be_opened_stops_nothing(tmp_path: Path) -> None:
    kept = Kept()
    (tmp_path / "costs").mkdir(mode=0o700)
    (tmp_path / "costs" / "x.jsonl").symlink_to(tmp_path / "nowhere")
    at = meter(kept, tmp_path)
    call(at)
    at.close()
    assert [one.number for one in kept.events] == [1]


def test_what_is_dropped_is_not_held(tmp_path: Path) -> None:
    kept = Kept()
    kept.lost = True
    at = meter(kept, tmp_path, most_spool=600, required=False, most=3)
    for _ in range(50):
        call(at)
    kept.lost = False
    at.close()
    assert at._held_ever == at._counted_ever


def test_the_name_of_a_tool_is_one_that_every_database_takes(tmp_path: Path) -> None:
    kept = Kept()
    at = meter(kept, tmp_path)
    call(at, tool="a\x00b")
    at.close()
    assert kept.events[0].tool == "a\ufffdb"
