"""A site with hosted servers that were used: events of cost, quotas, an advisory, and records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from flows.place import Place
from foundation.database.lease import Leases
from foundation.database.opening import opened
from foundation.limits.ledger import Ledger
from foundation.limits.rules import Unit
from services.host.costs.quotas import Quota, Quotas
from services.host.costs.store import CostStore
from services.host.costs.watching import Watching
from services.host.figures.records import Ending, Kind, record
from services.host.figures.sizing import Sizing
from tests.adapters.hosted_world import EVIL, hosted_site
from tests.services.host.costs.test_store import ONE

USED = "made"
"""The server that was used."""


def used_site(folder: Path) -> Place:
    """The place."""
    at = hosted_site(folder)
    now = at.now()
    ms = int(now.timestamp() * 1000)
    with opened(at.settings) as database:
        events = [
            replace(ONE, number=number, at=ms - number * 1000, server=USED, tool=EVIL if number == 1 else "echo")
            for number in range(1, 10)
        ]
        events.append(replace(ONE, number=10, at=ms, server="odd", price=None, estimated=True, cpu=None, currency=""))
        CostStore(database).write(events)
        Quotas(database).put(Quota(server=USED, unit=Unit.CALLS, per="month", amount=10))
        Quotas(database).put(Quota(server="*", unit=Unit.TOKENS, per="day", amount=1_000_000))
        for later in (0, 90_000, 200_000):
            Watching(database, Ledger(), Leases(database, f"w{later}"), wall=lambda later=later: ms + later).look()  # type: ignore[misc]
        record(database, Kind.JIT, USED, now - timedelta(seconds=3), now, Ending.DONE)
        record(database, Kind.ROLLBACK, USED, now - timedelta(seconds=3), now, Ending.FAILED)
        ours = Sizing(database, "a-host", dict, now=lambda: now)
        ours._keep([(USED, 2, 100 << 20, 5_000_000, 250_000)])
    return at
