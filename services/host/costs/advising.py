"""When use of a quota counts as sustained over 80 %, and what is advised then. Pure.

Use is *over* while more than 80 % of a window is used; of a minute's quota also while that was so in the minute before. It is
*sustained* when it was over at each look for three minutes. An advisory is raised once then, and ends with the use that it was
about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from foundation.limits.rules import DAY, MONTH, SERVERS, Triple, Unit, windows
from services.host.costs.quotas import EACH, Used

OVER_PERCENT = 80
SUSTAINED_MS = 180_000
_UNITS = {Unit.TOKENS: "tokens", Unit.CALLS: "calls"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Use of a quota that is over since then; ``raised`` is when the advisory was, if it was. Milliseconds since 1970."""

    id: str
    rule: str
    server: str
    who: Triple
    since: int
    raised: int | None
    used: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """``standing`` are those that are over now, ``raised`` the ones among them whose advisory is raised by this look, and
    ``ended`` those that are over no more.
    """

    standing: tuple[Standing, ...]
    raised: tuple[Standing, ...]
    ended: tuple[Standing, ...]


def id_of(one: Used) -> str:
    """What tells this use from others: the quota, the caller and the server."""
    return hashlib.sha256("\n".join(one.key).encode()).hexdigest()


def over(one: Used) -> bool:
    """Is more than `OVER_PERCENT` used?"""
    return max(one.used, one.before) * 100 > one.amount * OVER_PERCENT


def advised(uses: Iterable[Used], before: Iterable[Standing], now: int) -> Advised:
    """What a look at *uses* now makes of those that were over *before*. If the clock was set back, the time begins again."""
    known: Mapping[str, Standing] = {one.id: one for one in before}
    standing, raised = [], []
    for one in uses:
        if not over(one):
            continue
        id = id_of(one)
        old = known.get(id)
        since = old.since if old is not None and old.since <= now else now
        when = old.raised if old is not None else None
        if when is None and now - since >= SUSTAINED_MS:
            when = now
        made = Standing(
            id=id,
            rule=one.rule.name,
            server=one.server,
            who=one.who,
            since=since,
            raised=when,
            used=max(one.used, one.before),
            amount=one.amount,
        )
        standing.append(made)
        if when is not None and (old is None or old.raised is None):
            raised.append(made)
    there = {one.id for one in standing}
    return Advised(
        standing=tuple(standing), raised=tuple(raised), ended=tuple(one for one in known.values() if one.id not in there)
    )


def action(one: Used, now: int) -> str:
    """What to do about use that is over: one sentence, with when the quota will be used up if it goes on so."""
    what = _UNITS[one.rule.unit]
    option = "--tokens" if one.rule.unit is Unit.TOKENS else "--calls"
    issuer, tenant, id = one.who
    named = f" --issuer {issuer} --tenant '{tenant}' --caller {id}" if id else ""
    more = max(one.amount * 5 // 4, max(one.used, one.before) * 5 // 4)
    server = "'*'" if one.rule.targets[0].object == SERVERS + EACH else one.server  # each server's own quota counts besides
    raise_it = f"raise it with 'arcops host quota set {server} {option} {more} --per {one.rule.per}{named}'"
    if one.used >= one.amount:
        ends = datetime.fromtimestamp(one.until / 1000, UTC)
        return f"calls are refused until {ends:%Y-%m-%d %H:%M}Z: {raise_it}, or use fewer {what}"
    when = _used_up(one, now)
    at_this = f"at this pace it is used up at {datetime.fromtimestamp(when / 1000, UTC):%Y-%m-%d %H:%M}Z: " if when else ""
    return f"{at_this}{raise_it}, or use fewer {what}"


def public_action(one: Used, now: int) -> str:
    """As `action`, for those who need not know whose use it is."""
    when = _used_up(one, now)
    until = datetime.fromtimestamp((one.until if one.used >= one.amount else when or 0) / 1000, UTC)
    said = f"calls are refused until {until:%Y-%m-%d %H:%M}Z: " if one.used >= one.amount else ""
    said = said or (f"at this pace it is used up at {until:%Y-%m-%d %H:%M}Z: " if when else "")
    return f"{said}'arcops host quota show {one.server}' says whose use it is, and how to raise the quota"


def _used_up(one: Used, now: int) -> int | None:
    """When all of a day's or a month's quota is used if it goes on so; ``None`` if the window ends before."""
    if one.rule.per not in (DAY, MONTH) or not one.used:
        return None
    begin, *_ = windows(one.rule.per, now)
    when = now + (one.amount - one.used) * max(1, now - begin) // one.used
    return when if when < one.until else None
