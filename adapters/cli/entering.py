"""How callers get in at a door that stays open: who may enter, how often, and what is written down; and what runs for that."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.app import DoorPart
from adapters.http.bound import Bound
from adapters.http.limiting import limits_of
from adapters.http.login import people
from adapters.http.opening import UserOpening, opening
from adapters.http.quotas import ALONE, Quotas, Shares, read_quotas
from capabilities.access.known import authorization
from capabilities.place import Place
from foundation.audit.audit import Audit
from foundation.egress.remotes import HERE
from foundation.identity.accepting import read_accepting
from foundation.identity.revoked import StoredRevocations
from foundation.identity.stored import StoredKeys
from foundation.limits.deciding import Deciding
from foundation.settings import is_loopback
from foundation.telemetry import logs, traces
from foundation.tokens import fetched

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """``at`` is the place of callers; ``parts`` are what runs beside every other part of the door."""

    at: Place
    door: Door
    parts: tuple[DoorPart, ...]
    limits: Deciding
    way_in: UserOpening | None

    def say_how_to_open(self) -> None:
        """Tell the folder of the secret. The link itself is for a person at a terminal, because logs are copied elsewhere."""
        if self.way_in is None:
            return
        place = self.way_in.put()
        _log.info("only for this user: %s has the secret, and a link for the browser", place)
        if sys.stderr.isatty():
            print(f"arcops: open {self.way_in.link}", file=sys.stderr, flush=True)


def enter(at: Place, bound: Bound, *, files: bool = True) -> Entered:
    """Read from the environment who may enter at *bound*. Without *files* nothing here names a file of this machine, so the
    holder of a key may enter beside its user. Raises `Refused` before anything is open.
    """
    logs.begin(os.environ)
    traces.begin(os.environ, at.settings.tier)
    accepting = read_accepting(os.environ, at.settings.tier, f"{bound.url}/mcp", now=time.time, fetch=fetched)
    by_user = not accepting.tokens and is_loopback(bound.host)
    accepting.revoked = StoredRevocations(settings=at.settings)
    # Without an issuer, callers at loopback are this user, who may name every file; the holder of a key may not.
    if not (by_user and files) or at.settings.roots:
        accepting.keys = StoredKeys(settings=at.settings)
    if not accepting.tokens and not by_user:
        _log.warning("no ARCOPS_OIDC_ISSUER is set, so other machines are let in to %s only by API keys", bound.host)
    way_in = opening(bound, at.settings.cache, os.environ) if by_user else None
    quotas = read_quotas(os.environ, ALONE if by_user else Quotas())
    issuers = tuple(one.issuer for one in accepting.tokens)
    persons = people(at.settings, issuers, bound, os.environ, now=time.time, fetch=fetched)  # refuses before anything is open
    limits = limits_of(at.settings, alone=by_user and accepting.keys is None)
    audit = Audit.open(at.settings)
    accounts = Accounts(audit=audit, tier=at.settings.tier)
    if persons is not None:
        persons.accounts, persons.revoked = accounts, accepting.revoked
    door = Door(
        accepting=accepting,
        authorization=authorization(at.settings),
        accounts=accounts,
        opening=way_in,
        people=persons,
        quotas=quotas,
        requests=Shares(quotas.requests, "requests in progress"),
        limits=limits,
    )
    # A caller with the secret of this start is this user; a caller with a token or a key sees what the operator serves.
    at = replace(at, own=False, roots=at.settings.roots or (None if by_user else ()))
    recorded = DoorPart(routes=(), running=_recorded(audit), probes={"audit": audit.healthy})
    notes = {"limits": lambda: limits.told.lost, "remotes": HERE.said}
    limited = DoorPart(routes=(), running=_limited(limits), probes={"limits": limits.file.healthy}, notes=notes)
    parts = [DoorPart(routes=(), running=_traced()), recorded, limited]
    if way_in is not None:
        parts.insert(1, DoorPart(routes=way_in.routes(), running=way_in.running()))
    if persons is not None:
        parts.insert(1, DoorPart(routes=persons.routes()))
    return Entered(at=at, door=door, parts=tuple(parts), limits=limits, way_in=way_in)


@asynccontextmanager
async def _traced() -> AsyncIterator[None]:
    """Send the last spans before a signal ends the process; later there is no chance to send them."""
    try:
        yield
    finally:
        await asyncio.to_thread(traces.flush)


@asynccontextmanager
async def _limited(limits: Deciding) -> AsyncIterator[None]:
    """Close the shared counts when the process ends."""
    try:
        yield
    finally:
        await asyncio.to_thread(limits.close)


@asynccontextmanager
async def _recorded(audit: Audit) -> AsyncIterator[None]:
    """Write the last records of the audit log before the process ends."""
    try:
        yield
    finally:
        await asyncio.to_thread(audit.close)
