"""How long the figures of hosting take over very many calls, beside counting the same calls one by one, in one run.

    python -m benches.figures [--calls 1000000] [--callers 1000]

A million calls of a thousand callers at twenty servers in thirty days are put into a database of its own. Then are timed: every
figure with the workflows of the last day (aim: one second), what quotas of minute, day and month read, and, as the peer, one
statement that counts the events themselves, as it would be without sums of each day.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from arcops.tier import Tier
from foundation.database.address import read_address
from foundation.database.engine import Database, connected
from foundation.database.migrating import ready
from foundation.limits.rules import Unit
from services.host.costs.quotas import Quota, Quotas, rules_of
from services.host.figures.figures import figures
from services.host.figures.records import Ending, Kind, record
from services.host.figures.seeing import seen
from services.host.figures.workflows import workflows

AIM_SECONDS = 1.0
SERVERS, DAYS = 20, 30
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
_EVENTS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :calls)
INSERT INTO arcops_cost_event SELECT 'bench', i, :until - (:calls - i) * :span / :calls, 'https://login.example', 'acme',
  'u' || (i * 7919 % :callers), 's' || (i % :servers), 'tool', 'm', 100, 1000, 25, 250, 0, 900, 1000, 'EUR', '2026-01-01',
  2000, 'done', 1, '' FROM n
"""
_DAYS = """
INSERT INTO arcops_cost_day SELECT lower(hex(randomblob(32))), strftime('%Y-%m-%d', at / 1000, 'unixepoch'), issuer, tenant,
  identity, server, tool, model, currency, estimated, sum(bytes_in), sum(bytes_out), sum(tokens_in), sum(tokens_out), count(*),
  0, sum(cpu), count(*), sum(price), 0, sum(latency), sum(audited) FROM arcops_cost_event GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10
"""


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--calls", type=int, default=1_000_000)
    reader.add_argument("--callers", type=int, default=1000)
    asked = reader.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o700)
        address = read_address(f"sqlite:///{folder}/database/arcops.sqlite")
        with ready(connected(address, Tier.AIR_GAPPED)) as database:
            fill(database, asked.calls, asked.callers)
            measure(database)


def fill(database: Database, calls: int, callers: int) -> None:
    span = int(timedelta(days=DAYS).total_seconds() * 1000)
    values = {"calls": calls, "callers": callers, "servers": SERVERS, "until": int(NOW.timestamp() * 1000), "span": span}
    with database.writing() as connection:
        connection.execute(text(_EVENTS), values)
        sums = connection.execute(text(_DAYS)).rowcount
    for number in range(200):
        record(database, Kind.JIT, f"s{number % SERVERS}", NOW - timedelta(minutes=number), NOW, Ending.DONE)
    print(f"{calls:,} calls of {callers:,} callers at {SERVERS} servers in {DAYS} days: {sums:,} sums")


def measure(database: Database) -> None:
    quotas = [Quota(server="*", unit=unit, per=per, amount=10**9) for unit in Unit for per in ("minute", "day", "month")]
    rules, now = rules_of(quotas), int(NOW.timestamp() * 1000)

    def all_figures() -> None:
        figures(seen(database, NOW))

    def one_by_one() -> None:
        with database.reading() as connection:
            asked = "SELECT count(*), sum(audited), sum(price), sum(tokens_in + tokens_out) FROM arcops_cost_event"
            connection.execute(text(asked)).one()

    whole = shown("every figure", all_figures)
    flows = shown("the workflows of a day", lambda: workflows(database, now - 86_400_000))
    shown("what six quotas of each caller read", lambda: Quotas(database).uses(rules, now))
    peer = shown("the same calls counted one by one", one_by_one)
    within = "within" if whole + flows <= AIM_SECONDS else "OVER"
    print(f"figures {peer / whole:.1f} times as fast as counting; with the workflows {within} {AIM_SECONDS:g} s")


def shown(what: str, work: Callable[[], object], rounds: int = 5) -> float:
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    middle = sorted(took)[rounds // 2]
    print(f"{what:46} median {middle * 1000:8.1f} ms")
    return middle


if __name__ == "__main__":
    main()
