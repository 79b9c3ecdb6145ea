"""Quotas of hosted servers in the database: tokens or calls of one caller at one server, and what was used of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Row, delete, func, literal_column, select
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.tables import COST_DAYS, COST_EVENTS, HOSTED_QUOTAS
from foundation.limits.ledger import Key
from foundation.limits.rules import (
    DAY,
    MINUTE,
    MONTH,
    SERVERS,
    Limits,
    Numbers,
    Rule,
    Target,
    Triple,
    Unit,
    charges,
    windows,
)

EACH = "*"
PERIODS = (MINUTE, DAY, MONTH)
MOST_AMOUNT = 1_000_000_000_000
_MOST_QUOTAS = 10_000
_CALL = frozenset(("call",))
_EVERYONE: Triple = ("", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """``amount`` tokens or calls (``unit``) in each minute, day or month (``per``; UTC) of one caller at the ``server``.

    ``server`` is `EACH` for each of them by itself. Without an ``identity`` it is for each caller that has none of their own.
    """

    server: str
    unit: Unit
    per: str
    amount: int
    issuer: str = ""
    tenant: str = ""
    identity: str = ""
    author: str = ""
    made: int = 0

    @property
    def who(self) -> Triple:
        """Whose it is, or `_EVERYONE`."""
        return (self.issuer, self.tenant, self.identity)

    @property
    def id(self) -> str:
        """What tells it from others: everything but the amount."""
        of = [self.server, *self.who, self.unit.value, self.per]
        return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]

    @property
    def rule(self) -> str:
        """The name of its rule, which it shares with those of other callers."""
        return f"{self.server}-{self.unit.value}-{self.per}"


def rules_of(quotas: Iterable[Quota]) -> tuple[Rule, ...]:
    """The rules that *quotas* make: one for each server, unit and period, with the numbers of each caller."""
    groups: dict[str, list[Quota]] = {}
    for one in quotas:
        groups.setdefault(one.rule, []).append(one)
    found = []
    for name, group in sorted(groups.items()):
        usual = next((one for one in group if one.who == _EVERYONE), None)
        first = usual or group[0]
        target = SERVERS + EACH if first.server == EACH else f"{SERVERS}{first.server}/*"
        found.append(
            Rule(
                name=name,
                quota=True,
                per=first.per,
                unit=first.unit,
                numbers=Numbers(calls=first.amount),
                targets=(Target(object=target),),
                callers={one.who: Numbers(calls=one.amount) for one in group if one.who != _EVERYONE},
                named=usual is None,
            )
        )
    return tuple(found)


class Quotas:
    """The quotas in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = literal_column(database.clock, BigInteger)

    def put(self, quota: Quota) -> None:
        """Set *quota*, or its new amount. Raises `Refused` for impossible numbers, or if there are too many."""
        if quota.per not in PERIODS:
            raise Refused(f"a quota is per {', '.join(PERIODS)}, not {quota.per[:50]!r}")
        if not 1 <= quota.amount <= MOST_AMOUNT:
            raise Refused(f"a quota cannot be {quota.amount}; use 1 to {MOST_AMOUNT}, or remove it")
        if quota.who != _EVERYONE and not (quota.issuer and quota.identity):
            raise Refused("a quota of one caller names their issuer and id, and their tenant if the issuer has tenants")
        values = {
            "server": quota.server,
            "issuer": quota.issuer,
            "tenant": quota.tenant,
            "identity": quota.identity,
            "unit": quota.unit.value,
            "per": quota.per,
            "amount": quota.amount,
            "author": quota.author,
            "made": self._now,
        }
        insert = self._database.insert(HOSTED_QUOTAS)
        others = select(func.count()).select_from(HOSTED_QUOTAS).where(HOSTED_QUOTAS.c.id != quota.id)
        with self._database.writing() as connection:
            if (connection.execute(others).scalar() or 0) >= _MOST_QUOTAS:
                raise Refused(f"there are {_MOST_QUOTAS} quotas, which is the most; remove some, or set one for each caller")
            put = insert.values(id=quota.id, **values)
            other = HOSTED_QUOTAS.c.amount != quota.amount  # the same amount again is no change
            connection.execute(put.on_conflict_do_update(index_elements=[HOSTED_QUOTAS.c.id], set_=values, where=other))

    def remove(self, quota: Quota) -> bool:
        """Remove the quota of this server, caller, unit and period. Was there one?"""
        with self._database.writing() as connection:
            return connection.execute(delete(HOSTED_QUOTAS).where(HOSTED_QUOTAS.c.id == quota.id)).rowcount == 1

    def all(self) -> tuple[Quota, ...]:
        """Every quota, in the order of servers."""
        columns = (HOSTED_QUOTAS.c.server, HOSTED_QUOTAS.c.unit, HOSTED_QUOTAS.c.per, HOSTED_QUOTAS.c.identity)
        with self._database.reading() as connection:
            return tuple(_quota(one) for one in connection.execute(select(HOSTED_QUOTAS).order_by(*columns)))

    def uses(self, rules: Iterable[Rule], now: int) -> tuple[Used, ...]:
        """What each caller used of *rules* in the windows of *now* (milliseconds since 1970), of those who used anything; of a
        quota of a minute also what was used in the minute before.
        """
        rules = tuple(rules)
        found: list[Used] = []
        for per in {one.per for one in rules}:
            limits = Limits(rules=tuple(one for one in rules if one.per == per))
            until = windows(per, now)[1]
            before = self._sums(per, now - 60_000) if per == MINUTE else {}
            sums = self._sums(per, now)
            for who, server in sums.keys() | before.keys():
                for one in charges(limits, who, f"{SERVERS}{server}/", _CALL):
                    place = 0 if one.rule.unit is Unit.CALLS else 1
                    found.append(
                        Used(
                            key=one.key,
                            rule=one.rule,
                            who=who,
                            server=server,
                            until=until,
                            used=sums.get((who, server), (0, 0))[place],
                            before=before.get((who, server), (0, 0))[place],
                            amount=one.numbers.calls,
                        )
                    )
        return tuple(found)

    def _sums(self, per: str, now: int) -> Mapping[tuple[Triple, str], tuple[int, int]]:
        """Calls and tokens of each caller at each server in the window of *now*."""
        if per == MINUTE:
            table = COST_EVENTS
            calls: ColumnElement[int] = func.count()
            begin = now // 60_000 * 60_000
            within: ColumnElement[bool] = (COST_EVENTS.c.at >= begin) & (COST_EVENTS.c.at < begin + 60_000)
        else:
            table = COST_DAYS
            calls = func.sum(COST_DAYS.c.calls)
            day = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%d")
            within = COST_DAYS.c.day == day if per == DAY else (COST_DAYS.c.day >= f"{day[:7]}-01") & (COST_DAYS.c.day <= day)
        names = (table.c.issuer, table.c.tenant, table.c.identity, table.c.server)
        asked = select(*names, calls, func.sum(table.c.tokens_in + table.c.tokens_out)).where(within).group_by(*names)
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        return {((one[0], one[1], one[2]), one[3]): (int(one[4]), int(one[5])) for one in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a caller used of a rule at a server, in the window that ends ``until``, and in the one ``before`` (of minutes)."""

    key: Key
    rule: Rule
    who: Triple
    server: str
    until: int
    used: int
    before: int
    amount: int


def _quota(row: Row[tuple[object, ...]]) -> Quota:
    return Quota(
        server=row.server,
        unit=Unit(row.unit),
        per=row.per,
        amount=row.amount,
        issuer=row.issuer,
        tenant=row.tenant,
        identity=row.identity,
        author=row.author,
        made=row.made,
    )
