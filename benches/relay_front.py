"""The relay in a process of its own, for `benches.relay`: bare, or with tokens, roles, limits and the audit log on."""

from __future__ import annotations

import argparse
import os
import time

import uvicorn

from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.limiting import limits_of
from adapters.http.quotas import Quotas, Shares
from adapters.relay.app import relay
from adapters.relay.serve import config
from capabilities.access.known import authorization
from foundation.audit.audit import Audit
from foundation.identity.accepting import read_accepting
from foundation.identity.revoked import StoredRevocations
from foundation.settings import read_settings
from foundation.tokens import fetched
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


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--port", type=int, required=True)
    asked.add_argument("--all-on", action="store_true")
    given = asked.parse_args()
    hosting = Hosting(commands={"t": trivial()}, stateless=frozenset(("t",)))
    app = relay(hosting, whole_door() if given.all_on else None)
    served = config(app)
    served.port = given.port
    uvicorn.Server(served).run()
    hosting.close()


if __name__ == "__main__":
    main()
