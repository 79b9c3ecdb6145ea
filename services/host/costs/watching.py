"""The quotas of one host, kept up to date: rules and use from the database every few seconds, bursts and advisories to it.

A database that does not answer changes nothing: the rules of before count on, and what is let through is added here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from arcops.errors import ArcOpsError
from foundation.database.engine import Database
from foundation.database.lease import Leases, Lost
from foundation.database.tables import HOSTED_ADVISORIES
from foundation.limits.ledger import Ledger
from services.host.costs.advising import OVER_PERCENT, Standing, action, advised, id_of
from services.host.costs.quotas import Quotas, Used, rules_of
from services.host.costs.store import CostStore
from services.host.figures.records import MOST_SUBJECT, Ending, Kind, record

LOOK_SECONDS = 2.0
ADVISE_SECONDS = 15.0
KEPT_DAYS = 400
"""How long events are kept; their sums of each day stay."""
_FORGET_SECONDS = 3600.0
_LEASE = "hosted/advisories"
_MOST_RULE = 64

_log = logging.getLogger(__name__)


class Watching:
    """Keeps *ledger* as the database says. Advisories are raised by the one host that holds their lease; *advise* is told each,
    with the use and the moment in milliseconds since 1970; and that it ended, without a use.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        leases: Leases,
        *,
        wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        advise: Callable[[Standing, Used | None, int], object] = lambda standing, used, now: None,
    ) -> None:
        self._database, self._ledger, self._leases, self._wall = database, ledger, leases, wall
        self._tell = advise
        self._quotas = Quotas(database)
        self._advised = self._forgot = float("-inf")

    async def always(self) -> None:
        """Look for ever."""
        while True:
            begun = time.monotonic()
            with suppress(ArcOpsError):
                await asyncio.to_thread(self.look)
            await asyncio.sleep(max(LOOK_SECONDS, 20 * (time.monotonic() - begun)))

    def look(self) -> None:
        """Look once. Raises `Unavailable` if the database does not answer."""
        rules = rules_of(self._quotas.all())
        self._ledger.rule(rules)
        now = self._wall()
        marked = self._ledger.mark()
        uses = self._quotas.uses(rules, now) if rules else ()
        self._ledger.read({one.key: (one.until, one.used) for one in uses}, marked)
        self._tell_bursts(now)
        if now / 1000 - self._advised >= ADVISE_SECONDS or now / 1000 < self._advised:
            self._advised = now / 1000
            with suppress(Lost):
                self._advise(uses, now)

    def _tell_bursts(self, now: int) -> None:
        at = datetime.fromtimestamp(now / 1000, UTC)
        for one in self._ledger.bursts():
            subject = f"{one.server} {one.rule} {one.caller[2]}"[:MOST_SUBJECT]
            record(self._database, Kind.BURST, subject, at, at, Ending.DONE, value=one.let)

    def _advise(self, uses: tuple[Used, ...], now: int) -> None:
        lease = self._leases.take(_LEASE, ADVISE_SECONDS * 2)
        if lease is None:
            return
        with self._leases.writing(lease) as connection:
            found = advised(uses, standing_in(connection), now)
            connection.execute(delete(HOSTED_ADVISORIES))
            if found.standing:
                connection.execute(insert(HOSTED_ADVISORIES), [_row(one) for one in found.standing])
        if now / 1000 - self._forgot >= _FORGET_SECONDS:
            self._forgot = now / 1000
            CostStore(self._database).forget(now - KEPT_DAYS * 86_400_000)
        self._leases.give(lease)
        by_id = {id_of(one): one for one in uses}
        for one in found.raised:
            self._raise(one, action(by_id[one.id], now), now)
            self._told(one, by_id[one.id], now)
        for one in found.ended:
            if one.raised is not None:
                _log.warning("%s: use of the quota %s is not over %d %% any more", _who(one), one.rule, OVER_PERCENT)
                left = by_id.get(one.id)
                self._told(replace(one, used=left.used if left is not None else 0), None, now)

    def _told(self, one: Standing, used: Used | None, now: int) -> None:
        try:
            self._tell(one, used, now)
        except ArcOpsError as error:
            _log.warning("receivers are not told of this advisory, because it cannot be kept as an artifact: %s", error)

    def _raise(self, one: Standing, advice: str, now: int) -> None:
        words = (_who(one), one.used, one.amount, one.rule, one.server, OVER_PERCENT, advice)
        _log.warning("%s has used %d of %d of the quota %s at %s, which stays over %d %%: %s", *words)
        subject = f"{one.server} {one.rule} {one.who[2]}"[:MOST_SUBJECT]
        begun, raised = (datetime.fromtimestamp(at / 1000, UTC) for at in (one.since, now))
        record(self._database, Kind.ADVISORY, subject, begun, raised, Ending.DONE, value=one.used / one.amount)


def standing_in(connection: Connection) -> tuple[Standing, ...]:
    """What is over by the last look."""
    return tuple(_standing(one) for one in connection.execute(select(HOSTED_ADVISORIES)).all())


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        id=row.id,
        rule=row.quota,
        server=row.server,
        who=(row.issuer, row.tenant, row.identity),
        since=row.since,
        raised=row.raised,
        used=row.used,
        amount=row.amount,
    )


def _row(one: Standing) -> dict[str, object]:
    issuer, tenant, identity = one.who
    return {
        "id": one.id,
        "quota": one.rule[-_MOST_RULE:],
        "server": one.server,
        "issuer": issuer,
        "tenant": tenant,
        "identity": identity,
        "since": one.since,
        "raised": one.raised,
        "used": one.used,
        "amount": one.amount,
    }


def _who(one: Standing) -> str:
    issuer, tenant, id = one.who
    return f"the caller {id[:200]} of {issuer[:200]}" + (f" (tenant {tenant[:200]})" if tenant else "")
