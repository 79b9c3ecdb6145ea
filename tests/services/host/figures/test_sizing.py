"""What servers use of a machine: looked at for real processes, kept as the most of a day, and turned into advice."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foundation.database.engine import Database
from services.host.costs.store import CostStore
from services.host.figures.sizing import Sizing, Use, advice, memory_of, used
from tests.services.host.costs.test_quotas import database
from tests.services.host.costs.test_store import ONE

__all__ = ["database"]  # a fixture
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CODE = (
    "import sys\nheld = bytearray(30 << 20)\nprint(flush=True)\nfor _ in sys.stdin:\n sum(range(3 * 10**6))\n print(flush=True)"
)


def test_memory_and_cpu_of_processes_are_seen(database: Database, tmp_path: Path) -> None:
    clock = [0.0]
    with subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        looks = Sizing(database, "a", dict, clock=lambda: clock[0], now=lambda: NOW)
        there = {"time": (child.pid,), "idle": ()}
        clock[0] = 10.0
        looks.look(there)
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        clock[0] = 10.1
        looks.look(there)
        child.stdin.close()
    assert memory_of(child.pid) == 0
    clock[0] = 20.0
    looks.look({"time": (child.pid,)})  # it has ended
    CostStore(database).write([ONE])
    found = used(database, "time", "2026-11-01")
    assert (found.days, found.processes, found.calls, found.cpu_a_call) == (1, 1, 1, 0.0009)
    assert found.memory > 30 << 20
    assert found.cpu_percent > 1
    assert used(database, "idle", "2026-11-01").days == 0
    assert used(database, "time", "2026-12-01").days == 0


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (Use(days=0, processes=0, memory=0, cpu_percent=0, calls=0, cpu_a_call=None), "no records yet"),
        (
            Use(days=9, processes=4, memory=400 << 20, cpu_percent=80, calls=9, cpu_a_call=None),
            "give each process 125 MiB of memory, and all of them together 1000 millicores of CPU; it had 4 at most",
        ),
        (Use(days=1, processes=1, memory=1 << 20, cpu_percent=0, calls=0, cpu_a_call=None), "look again after a week"),
    ],
)
def test_the_advice_is_a_quarter_more(use: Use, said: str) -> None:
    assert said in advice(use)
