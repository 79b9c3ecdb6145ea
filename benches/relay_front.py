"""The relay in a process of its own, for `benches.relay`: bare, or with tokens, roles, limits, audit log, costs and quotas."""

from __future__ import annotations

import argparse
import os
import time
from datetime import UTC, datetime

import uvicorn

from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.limiting import limits_of
from adapters.http.quotas import Quotas, Shares
from adapters.relay.app import relay
from adapters.relay.serve import config
from capabilities.access.known import authorization
from foundation.audit.audit import Audit
from foundation.database.lease import Leases
from foundation.database.opening import opened
from foundation.identity.accepting import read_accepting
from foundation.identity.revoked import StoredRevocations
from foundation.limits.ledger import Ledger
from foundation.limits.rules import Unit
from foundation.settings import read_settings
from foundation.tokens import fetched
from services.host.costs import quotas
from services.host.costs.meter import Meter
from services.host.costs.metering import metering
from services.host.costs.watching import Watching
from tests.simulators.hosting import Hosting, trivial

AUDIENCE = "https://arcops.example/mcp"


def whole_door() -> Door:
    """The door as it is served, by the environment."""
    settings = read_settings(os.environ)
    accepting = read_accepting(os.environ, settings.tier, AUDIENCE, now=time.time, fetch=fetched)
    accepting.revoked = StoredRevocations(settings=settings)
    quotas = Quotas(requests=10_000)
    return Door(
        accepting=accepting,
        authorization=authorization(settings),
        accounts=Accounts(audit=Audit.open(settings), tier=settings.tier),
        quotas=quotas,
        requests=Shares(quotas.requests, "requests in progress"),
        limits=limits_of(settings, alone=False),
    )


def counted(door: Door) -> Meter:
    """What measures the calls, into a database of its own, with a quota that counts them."""
    settings = read_settings(os.environ)
    database = opened(settings)
    quotas.Quotas(database).put(quotas.Quota(server="*", unit=Unit.TOKENS, per="day", amount=10**12))
    ledger = Ledger()
    Watching(database, ledger, Leases(database, "bench")).look()
    if door.limits is not None:
        door.limits.ledger = ledger
    return metering(settings, database, lambda: datetime.now(UTC), ledger=ledger)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--port", type=int, required=True)
    asked.add_argument("--all-on", action="store_true")
    given = asked.parse_args()
    hosting = Hosting(commands={"t": trivial()}, stateless=frozenset(("t",)))
    door = whole_door() if given.all_on else None
    meter = counted(door) if door is not None else None
    app = relay(hosting, door, meter=meter)
    served = config(app)
    served.port = given.port
    uvicorn.Server(served).run()
    hosting.close()
    if meter is not None:
        meter.close()


if __name__ == "__main__":
    main()
