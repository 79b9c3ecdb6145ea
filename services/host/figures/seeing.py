"""What the figures are measured from, as the database has it: records, the sums of calls, and when the first row was made."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select

from foundation.database.engine import Database
from foundation.database.tables import HOSTED_VERSIONS
from services.host.costs.store import CostStore
from services.host.figures.figures import Calls, Seen
from services.host.figures.records import Kind, Record, recorded

_FIRST, _LAST = "0000-01-01", "9999-12-31"


def seen(database: Database, now: datetime) -> Seen:
    """Everything that the figures need. Raises `Unavailable` if *database* does not answer."""
    records: dict[Kind, list[Record]] = {}
    for one in recorded(database):
        records.setdefault(one.kind, []).append(one)
    sums = CostStore(database).sums(_FIRST, _LAST, by=())
    with database.reading() as connection:
        made = connection.execute(select(func.min(HOSTED_VERSIONS.c.made))).scalar()
    return Seen(
        records=records,
        calls=Calls(calls=sum(one.calls for one in sums), audited=sum(one.audited for one in sums)),
        first_row=datetime.fromtimestamp(made / 1000, UTC) if made is not None else None,
        now=now,
    )


def nothing_seen(now: datetime) -> Seen:
    """There is no database yet."""
    return Seen(records={}, calls=Calls(calls=0, audited=0), first_row=None, now=now)
