"""The meter of this host, by this place's settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from foundation.database.engine import Database
from foundation.limits.ledger import Ledger
from foundation.settings import Settings
from services.host.costs.meter import Meter, new_host
from services.host.costs.rate_file import RateFile
from services.host.costs.spool import Spool
from services.host.costs.store import CostStore
from services.host.figures.records import Ending, Kind, record
from services.host.site import costs_in


def metering(settings: Settings, database: Database, now: Callable[[], datetime], *, ledger: Ledger | None = None) -> Meter:
    """What measures calls here and keeps their events in *database*, which need not answer yet.

    Raises `Refused` if the rate card is wrong now.
    """
    host, rates = new_host(), RateFile(settings.host_rates)
    rates.read()

    def lost(count: int) -> None:
        record(database, Kind.COSTS_LOST, host, now(), now(), Ending.FAILED, value=count)

    return Meter(
        CostStore(database).write,
        rates.rates,
        Spool(costs_in(settings), host),
        host=host,
        required=settings.host_costs_required,
        ledger=ledger,
        lost=lost,
    )
