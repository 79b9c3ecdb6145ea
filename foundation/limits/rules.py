"""What is limited: rates (token buckets) and quotas, each for one caller, or for each tool of a caller.

A caller is (issuer, tenant, id), so callers of two issuers never share a count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

Triple = tuple[str, str, str]
"""Issuer, tenant and id of a caller."""
MICROS = 1_000_000
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
MINUTE, DAY, MONTH = "minute", "day", "month"


class Where(Enum):
    """Where the counts are."""

    MEMORY = "memory"
    DATABASE = "database"
    REDIS = "redis"


class Unit(Enum):
    """What a rule counts."""

    CALLS = "calls"
    TOKENS = "tokens"


SERVERS = "servers/"
"""The beginning of the names of hosted servers' tools: ``servers/NAME/TOOL``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Tools by name, or by the beginning of their names and ``*``; or a ``@group``. With ``action``, only its calls count."""

    object: str
    action: str = ""

    def matches(self, tool: str, groups: Mapping[str, frozenset[str]]) -> bool:
        """Does it mean *tool*?"""
        if self.object.startswith("@"):
            return tool in groups.get(self.object[1:], ())
        if self.object.endswith("*"):
            return tool.startswith(self.object[:-1])
        return tool == self.object

    def counts(self, tool: str) -> str:
        """What is counted together with *tool*: the tool, or all tools of its hosted server unless one of them is meant."""
        together = tool.startswith(SERVERS) and tool != self.object
        return tool.rpartition("/")[0] if together else tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """``calls`` in one period; ``burst`` of them may come at once (a quota has no burst)."""

    calls: int
    burst: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One limit. Without ``targets`` it counts all tool calls of a caller together; with them, those of each tool (and of each
    hosted server) by itself.

    ``per`` is the period: of `SECONDS` for a rate; ``day`` or ``month`` (UTC) for a quota, or ``minute`` for one of the ledger.
    ``callers`` have other numbers; if only they are ``named``, it is about no one else. ``unit`` is what the numbers are of.
    """

    name: str
    quota: bool
    per: str
    numbers: Numbers
    targets: tuple[Target, ...] = ()
    callers: Mapping[Triple, Numbers] = field(default_factory=dict)
    named: bool = False
    unit: Unit = Unit.CALLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every rule, the place of the counts, and how many ``hosts`` share them. ``groups`` are the tools of each ``@group``."""

    rules: tuple[Rule, ...] = ()
    where: Where = Where.MEMORY
    hosts: int = 1
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def by_action(self) -> bool:
        """Does a rule count the calls with one action only?"""
        return any(one.action for rule in self.rules for one in rule.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One count that a call adds to: ``rule`` for one caller (and one object), with the ``numbers`` that count for them.

    ``owed`` are calls that were let through while the shared counts were lost, and which are counted with this one.
    """

    key: tuple[str, ...]
    rule: Rule
    numbers: Numbers
    owed: int = 0

    @property
    def interval(self) -> int:
        """Microseconds until one call more may come, rounded up, so that a rate is never exceeded."""
        return -(-SECONDS[self.rule.per] * MICROS // self.numbers.calls)


def charges(limits: Limits, who: Triple, tool: str, actions: frozenset[str]) -> Iterator[Charge]:
    """What a call of *tool* with these *actions* by the caller *who* adds to."""
    for rule in limits.rules:
        if rule.named and who not in rule.callers:
            continue
        numbers = rule.callers.get(who, rule.numbers)
        key = (rule.name, rule.per, *who)
        if not rule.targets:
            yield Charge(key=key, rule=rule, numbers=numbers)
            continue
        found = {
            f"{one.counts(tool)}:{one.action}" if one.action else one.counts(tool)
            for one in rule.targets
            if (not one.action or one.action in actions) and one.matches(tool, limits.groups)
        }
        for name in sorted(found):
            yield Charge(key=(*key, name), rule=rule, numbers=numbers)


def windows(per: str, now: int) -> tuple[int, int, int]:
    """When the window of a minute, a day or a month (UTC) before that of *now*, the one of *now*, and the next one end.

    All in milliseconds since 1970. A store takes the first that its own clock has not reached: a host whose clock is wrong by
    less than a window then still counts in the window that the others count in.
    """
    if per == MINUTE:
        end = now // 60_000 * 60_000
        return (end, end + 60_000, end + 120_000)
    at = datetime.fromtimestamp(now / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if per == DAY:
        ends = (at, at + timedelta(days=1), at + timedelta(days=2))
    else:
        first = at.replace(day=1)
        second = (first + timedelta(days=32)).replace(day=1)
        ends = (first, second, (second + timedelta(days=32)).replace(day=1))
    return (_ms(ends[0]), _ms(ends[1]), _ms(ends[2]))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
