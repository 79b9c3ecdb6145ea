"""What servers use of a machine, looked at every few seconds, and advice about their size from it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from arcops.errors import ArcOpsError
from foundation.database.engine import Database
from foundation.database.tables import COST_DAYS, HOSTED_USE
from services.host.costs.meter import cpu_of

LOOK_SECONDS = 15.0
_MIB = 1024 * 1024
_ROOM = 1.25
"""What is advised is so much more than was seen."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a server used: the ``days`` that it was seen, and the most on one host: processes and bytes of memory at once, and
    percent of one CPU at its busiest. ``calls``, and seconds of CPU of those that could be told from others.
    """

    days: int
    processes: int
    memory: int
    cpu_percent: float
    calls: int
    cpu_a_call: float | None


class Sizing:
    """Looks at the processes of the servers that *running* names, and keeps in *database* what they use at *host*."""

    def __init__(
        self,
        database: Database,
        host: str,
        running: Callable[[], Mapping[str, tuple[int, ...]]],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._host, self._running, self._clock, self._now = database, host, running, clock, now
        self._before: dict[int, float] = {}
        self._at = clock()

    async def always(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            there = dict(self._running())
            with suppress(ArcOpsError):
                await asyncio.to_thread(self.look, there)

    def look(self, there: Mapping[str, tuple[int, ...]]) -> None:
        """Look once at the processes *there*. Raises `Unavailable` if the database does not answer."""
        clock = self._clock()
        seconds, self._at = max(0.001, clock - self._at), clock
        cpu = {pid: cpu_of(pid) or 0.0 for pids in there.values() for pid in pids}
        rows = []
        for name, pids in sorted(there.items()):
            if not pids:
                continue
            spent = sum(max(0.0, cpu[pid] - self._before.get(pid, 0.0)) for pid in pids if cpu[pid])
            rows.append(
                (name, len(pids), sum(memory_of(pid) for pid in pids), round(spent * 1e6), round(spent / seconds * 1e6))
            )
        self._before = cpu
        if rows:
            self._keep(rows)

    def _keep(self, rows: list[tuple[str, int, int, int, int]]) -> None:
        day = self._now().astimezone(UTC).strftime("%Y-%m-%d")
        table = HOSTED_USE.c
        greatest = func.greatest if self._database.kind == "postgresql" else func.max
        insert = self._database.insert(HOSTED_USE)
        with self._database.writing() as connection:
            for name, processes, memory, cpu, peak in rows:
                values = {"samples": 1, "processes": processes, "memory": memory, "cpu": cpu, "cpu_peak": peak}
                put = insert.values(day=day, name=name, host=self._host[:200], **values)
                new = {
                    "samples": table.samples + 1,
                    "processes": greatest(table.processes, put.excluded.processes),
                    "memory": greatest(table.memory, put.excluded.memory),
                    "cpu": table.cpu + put.excluded.cpu,
                    "cpu_peak": greatest(table.cpu_peak, put.excluded.cpu_peak),
                }
                connection.execute(put.on_conflict_do_update(index_elements=[table.day, table.name, table.host], set_=new))


def memory_of(process: int) -> int:
    """The bytes of memory that *process* has for itself and shares (its resident set); 0 if it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def used(database: Database, name: str, since: str) -> Use:
    """What the server *name* used from the day *since* on."""
    table = HOSTED_USE.c
    peaks = (table.processes, table.memory, table.cpu_peak)
    asked = select(func.count(func.distinct(table.day)), *(func.coalesce(func.max(one), 0) for one in peaks))
    sums = ("calls", "cpu_sum", "cpu_calls")
    costs = select(*(func.coalesce(func.sum(COST_DAYS.c[one]), 0) for one in sums))
    with database.reading() as connection:
        count, processes, memory, peak = connection.execute(asked.where(table.name == name, table.day >= since)).one()
        calls, cpu, counted = connection.execute(costs.where(COST_DAYS.c.server == name, COST_DAYS.c.day >= since)).one()
    return Use(
        days=count,
        processes=processes,
        memory=memory,
        cpu_percent=peak / 1e4,
        calls=int(calls),
        cpu_a_call=float(cpu) / 1e6 / float(counted) if counted else None,
    )


def advice(use: Use) -> str:
    """What to give the server, in one or two sentences: what it used at most, and a quarter more."""
    if not use.days:
        return "no records yet: let it run for a day of usual work, then ask again"
    each = use.memory // max(1, use.processes)
    memory = max(16, -(-round(each * _ROOM) // _MIB))
    cpu = max(10, 10 * -(-round(use.cpu_percent * _ROOM * 10) // 10))
    text = (
        f"give each process {memory} MiB of memory, and all of them together {cpu} millicores of CPU; it had {use.processes} "
        f"at most, so --most {max(1, round(use.processes * _ROOM + 0.5))} leaves room"
    )
    few = "; it is from one day only, so look again after a week" if use.days < 2 else ""
    return text + few
