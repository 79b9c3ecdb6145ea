"""Quotas whose counts are the events of cost: so many tokens or calls of one caller at one hosted server.

What was used is known from the database, from all hosts, and read again and again; what this host let through since then is
added at once. A decision is made from memory alone. Tokens of a call are known when it ended, so a call is let through as long
as less than the quota is used. What one caller used at one server never counts for another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from arcops.errors import Unavailable
from foundation.limits.bucket import Standing, of_quota
from foundation.limits.rules import SERVERS, Charge, Limits, Rule, Triple, Unit, charges, windows

_MOST_MADE = 10_000
_MOST_BURSTS = 10_000
_CALL = frozenset(("call",))
_MINUTE = 60_000

Key = tuple[str, ...]
"""A rule, its period, a caller and a server, as `Charge.key`."""
Use = tuple[int, int]
"""What was used of a window: its end in milliseconds since 1970, and how much."""
Kept = Mapping[tuple[Triple, str, int], tuple[int, int]]
"""Calls and tokens of a caller at a server in a minute, which are not in the database yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """A caller went on over a quota: ``let`` calls were let through after it was used up and before the first was refused."""

    rule: str
    caller: Triple
    server: str
    let: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a call adds to, and how each count stands with it."""

    charges: tuple[Charge, ...] = ()
    standings: tuple[Standing, ...] = ()

    @property
    def let(self) -> bool:
        """Does each of them let it through?"""
        return all(one.let for one in self.standings)


NOTHING = Taken()


@dataclass(slots=True)
class _Count:
    """``since`` is what was added after the last `Ledger.mark`, ``after`` the calls that ended when all was used already."""

    until: int
    used: int = 0
    since: int = 0
    after: int = 0
    told: bool = False


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The counts of one host. Threads may share it. ``wall`` is in milliseconds since 1970.

    Until the rules were read once, every call of a server is refused: no one knows which there are.
    """

    wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    _limits: Limits | None = None
    _counts: dict[Key, _Count] = field(default_factory=dict)
    _unwritten: dict[tuple[Triple, str, int], tuple[int, int]] = field(default_factory=dict)
    _flying: dict[tuple[Triple, str], int] = field(default_factory=dict)
    _bursts: list[Burst] = field(default_factory=list)
    _made: dict[tuple[Triple, str], tuple[Charge, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rule(self, rules: Iterable[Rule]) -> None:
        """These *rules* count from now on."""
        made = Limits(rules=tuple(rules))
        with self._lock:
            if self._limits != made:
                self._limits, self._made = made, {}

    def take(self, who: Triple, tool: str) -> Taken:
        """Let a call of *tool* (``servers/NAME/TOOL``) through if every quota does. It has to be `ended`, or `given` back.

        Raises `Unavailable` if the quotas are not known yet.
        """
        if not tool.startswith(SERVERS):
            return NOTHING
        if self._limits is None:
            raise Unavailable("no server is called, because its quotas could not be read yet; try again")
        server = _server(tool)
        with self._lock:
            found = self._charged(who, server)
            now = self.wall() if found else 0
            flying = self._flying.get((who, server), 0)
            counts = [self._count(one, now) for one in found]
            standings = tuple(_standing(one, count, flying, now) for one, count in zip(found, counts, strict=True))
            taken = Taken(charges=found, standings=standings)
            if taken.let:
                self._flying[who, server] = flying + 1
                return taken
            for one, count, standing in zip(found, counts, standings, strict=True):
                if not standing.let and not count.told:
                    count.told = True
                    if len(self._bursts) < _MOST_BURSTS:
                        self._bursts.append(Burst(rule=one.rule.name, caller=who, server=server, let=count.after))
            return taken

    def given(self, who: Triple, tool: str) -> None:
        """A call that was let through is not made."""
        with self._lock:
            self._landed(who, _server(tool))

    def ended(self, who: Triple, server: str, at: int, tokens: int) -> None:
        """A call that was let through and began *at* that moment ended; it took so many *tokens*, as far as is known."""
        with self._lock:
            self._landed(who, server)
            self._add(who, server, at, 1, tokens)

    def came(self, who: Triple, server: str, at: int, tokens: int) -> None:
        """Something of *tokens* came that was not let through as a call of its own: the result of a task. It counts as one."""
        with self._lock:
            self._add(who, server, at, 1, tokens)

    def corrected(self, who: Triple, server: str, at: int, more: int) -> None:
        """A call that ended took so many tokens *more* than was said, or fewer."""
        with self._lock:
            self._add(who, server, at, 0, more)

    def kept(self, who: Triple, server: str, at: int, tokens: int) -> None:
        """The event of a call that ended is in the database, or lost for ever."""
        with self._lock:
            self._note(who, server, at, -1, -tokens)

    def mark(self) -> Kept:
        """Before the database is read: what it does not have."""
        with self._lock:
            for one in self._counts.values():
                one.since = 0
            return dict(self._unwritten)

    def read(self, used: Mapping[Key, Use], marked: Kept) -> None:
        """The database knows of *used*, and did not have what was *marked* before."""
        with self._lock:
            now = self.wall()
            self._counts = {key: one for key, one in self._counts.items() if one.until > now}
            waiting: dict[Key, int] = {}
            for (who, server, minute), (calls, tokens) in marked.items():
                for one in self._charged(who, server):
                    if windows(one.rule.per, minute * _MINUTE)[1] > now:
                        waiting[one.key] = waiting.get(one.key, 0) + (calls if one.rule.unit is Unit.CALLS else tokens)
                        self._count(one, now)
            for key, (until, _) in used.items():
                if until > now and key not in self._counts:
                    self._counts[key] = _Count(until)
            for key, count in self._counts.items():
                until, known = used.get(key, (0, 0))
                count.used = max(0, (known if until == count.until else 0) + waiting.get(key, 0) + count.since)

    def bursts(self) -> list[Burst]:
        """The bursts since this was asked last."""
        with self._lock:
            found, self._bursts = self._bursts, []
        return found

    def _charged(self, who: Triple, server: str) -> tuple[Charge, ...]:
        if self._limits is None or not self._limits.rules:
            return ()
        found = self._made.get((who, server))
        if found is None:
            if len(self._made) >= _MOST_MADE:
                self._made = {}
            found = self._made[who, server] = tuple(charges(self._limits, who, f"{SERVERS}{server}/", _CALL))
        return found

    def _count(self, one: Charge, now: int) -> _Count:
        found = self._counts.get(one.key)
        if found is None or found.until <= now:
            found = self._counts[one.key] = _Count(windows(one.rule.per, now)[1])
        return found

    def _landed(self, who: Triple, server: str) -> None:
        left = self._flying.get((who, server), 0) - 1
        if left > 0:
            self._flying[who, server] = left
        else:
            self._flying.pop((who, server), None)

    def _add(self, who: Triple, server: str, at: int, calls: int, tokens: int) -> None:
        self._note(who, server, at, calls, tokens)
        found = self._charged(who, server)
        if not found:
            return
        now = self.wall()
        for one in found:
            count = self._count(one, now)
            if windows(one.rule.per, at)[1] != count.until:
                continue  # it began in a window that is over, and counts there
            if calls and count.used >= one.numbers.calls:
                count.after += 1
            amount = calls if one.rule.unit is Unit.CALLS else tokens
            count.used, count.since = max(0, count.used + amount), count.since + amount

    def _note(self, who: Triple, server: str, at: int, calls: int, tokens: int) -> None:
        key = (who, server, at // _MINUTE)
        before = self._unwritten.get(key, (0, 0))
        now = (before[0] + calls, before[1] + tokens)
        if now == (0, 0):
            self._unwritten.pop(key, None)
        else:
            self._unwritten[key] = now


def _server(tool: str) -> str:
    return tool.removeprefix(SERVERS).partition("/")[0]


def _standing(one: Charge, count: _Count, flying: int, now: int) -> Standing:
    left = (count.until - now) * 1000
    if one.rule.unit is Unit.CALLS:
        return of_quota(count.used + flying, left, one.numbers.calls)
    remain = max(0, one.numbers.calls - count.used)
    return Standing(let=remain > 0, remain=remain, used=count.used, wait=0 if remain else left, reset=left)
