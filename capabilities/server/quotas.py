"""Quotas of hosted servers: set them, remove them, and see who used how much of each, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import author, database, kept_database
from flows.place import Place

if TYPE_CHECKING:
    from services.host.costs.advising import Standing
    from services.host.costs.quotas import Quota, Used

_SERVER = shaped(positional=True, title="SERVER", least=1, most=63)
_MOST = 1_000_000_000_000
_MOST_SHOWN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HostQuotaSet:
    """Which quota to set, or to remove."""

    server: str = field(metadata=_SERVER)
    """The server's name, or '*' for each server by itself."""
    tokens: int = field(default=0, metadata=shaped(least=0, most=_MOST))
    """How many tokens: those of arguments and results together."""
    calls: int = field(default=0, metadata=shaped(least=0, most=_MOST))
    """How many calls."""
    per: str = field(default="day", metadata=shaped(most=10))
    """In which period: minute, day or month, which begin in UTC."""
    caller: str = field(default="", metadata=shaped(most=255))
    """Whose it is, by their id in the audit log; without one it is for each caller that has no quota of their own."""
    issuer: str = field(default="", metadata=shaped(most=1000))
    """The issuer of that caller."""
    tenant: str = field(default="", metadata=shaped(most=255))
    """The tenant of that caller, if the issuer has tenants."""
    remove: bool = False
    """Remove this quota: of both units, or only that of which a number is given, whatever the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaShown:
    """A quota: ``amount`` of the ``unit`` (tokens or calls) per period. Without a ``caller`` it is for each of them."""

    server: str
    unit: str
    per: str
    amount: int
    caller: str = ""
    issuer: str = ""
    tenant: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseShown:
    """What one caller used of a quota at one server in the window that ends at ``until``; ``percent`` is rounded down.

    ``over_since`` is when use went over 80 %, ``advised`` when the advisory was raised, if it was; ``action`` says what to do.
    """

    server: str
    unit: str
    per: str
    caller: str
    issuer: str
    tenant: str
    used: int
    amount: int
    percent: int
    until: datetime
    over_since: datetime | None = None
    advised: datetime | None = None
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotasShown:
    """The quotas, and who used them, the most used first. ``more`` is how many uses are not listed."""

    quotas: tuple[QuotaShown, ...]
    uses: tuple[UseShown, ...]
    more: int = 0


@tool(title="Set a quota of a hosted server", scope=Scope.TRUST, idempotent=True, destructive=True)
def host_quota_set(ask: HostQuotaSet, at: Place) -> QuotasShown:
    """Say how many tokens or calls a caller has at a hosted server in a minute, a day or a month. It counts within seconds."""
    from foundation.limits.rules import Unit
    from services.host.costs.quotas import EACH, Quota, Quotas
    from services.host.reserved import refuse_reserved

    if ask.server != EACH:
        refuse_reserved(ask.server)
    if ask.tokens and ask.calls:
        raise Refused(
            "a quota is of tokens or of calls; give one of --tokens and --calls, and set the other by a second command"
        )
    if not ask.remove and not (ask.tokens or ask.calls):
        raise Refused("a quota needs a number: give --tokens or --calls, or --remove")
    wanted = [
        Quota(
            server=ask.server,
            unit=unit,
            per=ask.per,
            amount=amount,
            issuer=ask.issuer,
            tenant=ask.tenant,
            identity=ask.caller,
            author=author(at),
        )
        for unit, amount in ((Unit.TOKENS, ask.tokens), (Unit.CALLS, ask.calls))
        if amount or (ask.remove and not (ask.tokens or ask.calls))
    ]
    with database(at) as found:
        quotas = Quotas(found)
        if ask.remove:
            if not sum(quotas.remove(one) for one in wanted):
                raise Refused(f"{ask.server} has no such quota per {ask.per}; 'arcops host quota show' lists them")
        else:
            quotas.put(wanted[0])
    return _shown(ask.server if ask.server != EACH else "", at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostQuotaShow:
    """Whose quotas to show."""

    server: str = field(default="", metadata=shaped(positional=True, title="SERVER", most=63))
    """The server; every server if nothing is said."""


@tool(title="Show quotas and their use", scope=Scope.AUDIT, reads_only=True)
def host_quota_show(ask: HostQuotaShow, at: Place) -> QuotasShown:
    """List the quotas of hosted servers, who used how much of each in this minute, day or month, and what to do about it."""
    return _shown(ask.server, at)


def _shown(server: str, at: Place) -> QuotasShown:
    from services.host.costs.advising import id_of
    from services.host.costs.quotas import EACH, Quotas, rules_of
    from services.host.costs.watching import standing_in

    with kept_database(at) as found:
        if found is None:
            return QuotasShown(quotas=(), uses=())
        quotas = Quotas(found)
        rows = [one for one in quotas.all() if not server or one.server in (server, EACH)]
        now = int(at.now().timestamp() * 1000)
        uses = [one for one in quotas.uses(rules_of(rows), now) if not server or one.server == server]
        with found.reading() as connection:
            standing = {one.id: one for one in standing_in(connection)}
    listed = sorted(
        (_use(one, standing.get(id_of(one)), now) for one in uses), key=lambda one: (-one.percent, one.server, one.caller)
    )
    return QuotasShown(
        quotas=tuple(_quota(one) for one in rows), uses=tuple(listed[:_MOST_SHOWN]), more=max(0, len(listed) - _MOST_SHOWN)
    )


def _quota(one: Quota) -> QuotaShown:
    return QuotaShown(
        server=one.server,
        unit=one.unit.value,
        per=one.per,
        amount=one.amount,
        caller=one.identity,
        issuer=one.issuer,
        tenant=one.tenant,
        author=one.author,
    )


def _use(one: Used, standing: Standing | None, now: int) -> UseShown:
    from services.host.costs.advising import action, over

    issuer, tenant, caller = one.who
    return UseShown(
        server=one.server,
        unit=one.rule.unit.value,
        per=one.rule.per,
        caller=caller,
        issuer=issuer,
        tenant=tenant,
        used=one.used,
        amount=one.amount,
        percent=one.used * 100 // one.amount,
        until=datetime.fromtimestamp(one.until / 1000, UTC),
        over_since=datetime.fromtimestamp(standing.since / 1000, UTC) if standing is not None else None,
        advised=datetime.fromtimestamp(standing.raised / 1000, UTC) if standing is not None and standing.raised else None,
        action=action(one, now) if over(one) else "",
    )
