"""The tables of what hosted servers cost, of their quotas, and of the records that figures are measured from."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text

from foundation.database.metadata import METADATA

HOSTED_RECORDS = Table(
    "arcops_hosted_record",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("value", Double, nullable=True),
    Index("arcops_hosted_record_kind", "kind", "ended"),
)
"""What was done with hosted servers, from when to when, and how it ended; never changed."""


def _who() -> tuple[Column[str], ...]:
    """Who called: an issuer, a tenant there, and the id in it."""
    return tuple(Column(name, Text, nullable=False) for name in ("issuer", "tenant", "identity"))


def _numbers(*names: str) -> tuple[Column[int], ...]:
    return tuple(Column(name, BigInteger, nullable=False) for name in names)


COST_EVENTS = Table(
    "arcops_cost_event",
    METADATA,
    Column("host", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    *_who(),
    Column("server", String(63), nullable=False),
    Column("tool", String(200), nullable=False),
    Column("model", String(100), nullable=False),
    *_numbers("bytes_in", "bytes_out", "tokens_in", "tokens_out"),
    Column("estimated", Integer, nullable=False),
    Column("cpu", BigInteger, nullable=True),
    Column("price", BigInteger, nullable=True),
    Column("currency", String(3), nullable=False),
    Column("card", String(10), nullable=False),
    Column("latency", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("audited", Integer, nullable=False),
    Column("trace", String(32), nullable=False),
    Index("arcops_cost_event_at", "at"),
)
"""What each call of a hosted server's tool cost. ``host`` is a process that counts from 1: an event that is written twice is
kept once. ``bytes_in`` and ``tokens_in`` are of the arguments, ``estimated`` is 1 if the tokens were not counted; ``cpu`` and
``latency`` are microseconds, ``price`` billionths of ``currency`` by the ``card`` of that day."""

COST_DAYS = Table(
    "arcops_cost_day",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("day", String(10), nullable=False),
    *_who(),
    Column("server", String(63), nullable=False),
    Column("tool", String(200), nullable=False),
    Column("model", String(100), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("estimated", Integer, nullable=False),
    *_numbers("bytes_in", "bytes_out", "tokens_in", "tokens_out"),
    *_numbers("calls", "failed", "cpu_sum", "cpu_calls", "price_sum", "unpriced", "latency_sum", "audited"),
    Index("arcops_cost_day_day", "day"),
)
"""The sums of the events of one day (UTC) with the same names; ``key`` is a digest of these. Written with the events."""

HOSTED_QUOTAS = Table(
    "arcops_hosted_quota",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("server", String(63), nullable=False),
    *_who(),
    Column("unit", String(8), nullable=False),
    Column("per", String(8), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("made", BigInteger, nullable=False),
)
"""How many tokens or calls one caller has at one server in a minute, a day or a month. ``server`` is ``*`` for each of them; an
empty ``identity`` means each caller that has no row of its own."""

HOSTED_ADVISORIES = Table(
    "arcops_hosted_advisory",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("quota", String(100), nullable=False),
    Column("server", String(63), nullable=False),
    *_who(),
    Column("since", BigInteger, nullable=False),
    Column("raised", BigInteger, nullable=True),
    Column("used", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
)
"""Callers whose use of a quota stays over 80 %: ``since`` when, and when the advisory was ``raised``. Removed when it ends."""

HOSTED_USE = Table(
    "arcops_hosted_use",
    METADATA,
    Column("day", String(10), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("host", String(200), primary_key=True),
    *_numbers("samples", "processes", "memory", "cpu", "cpu_peak"),
)
"""What a server used of a machine on one day: the most processes and bytes of memory at once, all microseconds of CPU, and the
most of them in one second."""
