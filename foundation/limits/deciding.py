"""May this caller call this tool now? Decided by the operator's limits, and counted in the same step.

If shared counts are lost, this host gives its part of each limit from its memory, and asks again after a while: a limit never
vanishes with the counts.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field, replace

from arcops.errors import ArcOpsError, Unavailable
from arcops.identity import Identity
from foundation.egress.breaker import Breaker, Phase, Tolerance, asked, failed, succeeded
from foundation.limits.bucket import Standing
from foundation.limits.counting import Counters
from foundation.limits.ledger import NOTHING, Ledger
from foundation.limits.limits_file import LimitsFile
from foundation.limits.memory import Key, Memory
from foundation.limits.rules import SECONDS, Charge, Limits, Where, charges

_log = logging.getLogger(__name__)

ADVISED_PERCENT = 80
"""Above so much of a quota, the caller and the operator are told."""
SHARED_SECONDS = 1.0
"""How long shared counts may take before they count as lost."""
_MOST_ADVISED = 50_000
_MOST_MADE = 10_000
_Of = tuple[str, str, str, str, frozenset[str]]
_THREADS = 8
_TOLERANCE = Tolerance(failures=1, first=1.0, most=30.0, patience=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One limit of a caller after a call, for its answer: ``window`` and ``reset`` are in seconds."""

    name: str
    quota: bool
    calls: int
    window: int
    remain: int
    reset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether the call is ``let`` through; if not, ``reason`` is one sentence, ``by`` the limit, and ``wait`` whole seconds.

    ``advice`` has one sentence for each quota of which more than `ADVISED_PERCENT` is used.
    """

    let: bool
    lines: tuple[Line, ...] = ()
    advice: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""
    quota: bool = False
    wait: int = 0


@dataclass(slots=True, kw_only=True)
class Told:
    """What was decided so far, for the metrics. ``lost`` is what is wrong with the shared counts, or empty."""

    let: int = 0
    limited: int = 0
    over_quota: int = 0
    unknown: int = 0
    alone: int = 0
    lost: str = ""


@dataclass(slots=True, kw_only=True)
class Deciding:
    """Decides by the limits of ``file``. ``opened`` opens shared counters. Threads may share it. ``ledger`` has the quotas of
    hosted servers, if some are hosted here; what it lets through has to be told to it when it ended.

    ``clock`` is in seconds and only grows, ``drawn`` gives random numbers from 0 to 1.
    """

    file: LimitsFile
    opened: Callable[[Where], Counters]
    memory: Memory = field(default_factory=Memory)
    clock: Callable[[], float] = time.monotonic
    drawn: Callable[[], float] = random.random
    seconds: float = SHARED_SECONDS
    ledger: Ledger | None = None
    told: Told = field(default_factory=Told)
    _counters: dict[Where, Counters] = field(default_factory=dict)
    _breaker: Breaker = field(default_factory=Breaker)
    _advised: OrderedDict[Key, int] = field(default_factory=OrderedDict)
    _made: tuple[Limits | None, dict[_Of, tuple[Charge, ...]]] = field(default_factory=lambda: (None, {}))
    _pool: ThreadPoolExecutor | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def waits(self) -> bool:
        """Can a decision wait for another machine or a disk? Then it has to be made in a thread. Raises as `decide`."""
        return self.file.limits().where is not Where.MEMORY

    def decide(self, caller: Identity, tool: str, actions: frozenset[str]) -> Turn:
        """Count a call of *tool* with *actions* by *caller*, and say whether it is let through.

        Raises `Unavailable` if the limits are not known, or there is no room for one more count: then it is not let through.
        """
        who = (caller.issuer, caller.tenant, caller.id)
        kept = NOTHING
        try:
            limits = self.file.limits()
            if self.ledger is not None:
                kept = self.ledger.take(who, tool)
            found = self._charged(limits, caller, tool, actions) if kept.let else ()
            if not found and not kept.charges:
                self.told.let += 1
                return Turn(let=True)
            standings = self._take(limits, found) if found else ()
        except ArcOpsError:
            self.told.unknown += 1
            if self.ledger is not None and kept is not NOTHING and kept.let:
                self.ledger.given(who, tool)
            raise
        if self.ledger is not None and kept is not NOTHING and kept.let and not all(one.let for one in standings):
            self.ledger.given(who, tool)
        turn = _turn((*found, *kept.charges), (*standings, *kept.standings))
        if turn.let:
            self.told.let += 1
        elif turn.quota:
            self.told.over_quota += 1
        else:
            self.told.limited += 1
        if turn.advice or turn.quota:
            self._say(caller, found, standings)
        return turn

    def close(self) -> None:
        """Close the shared counters."""
        with self._lock:
            found, self._counters = list(self._counters.values()), {}
        for one in found:
            one.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _charged(self, limits: Limits, caller: Identity, tool: str, actions: frozenset[str]) -> tuple[Charge, ...]:
        """What a call adds to, made once for each caller and tool as long as the limits are the same."""
        of, made = self._made
        if of is not limits or len(made) >= _MOST_MADE:
            of, made = self._made = limits, {}
        key = (caller.issuer, caller.tenant, caller.id, tool, actions)
        found = made.get(key)
        if found is None:
            found = made[key] = tuple(charges(of, key[:3], tool, actions))
        return found

    def _take(self, limits: Limits, found: Sequence[Charge]) -> tuple[Standing, ...]:
        if limits.where is Where.MEMORY:
            self.told.lost = ""
            return self.memory.take(found)
        with self._lock:
            self._breaker, may = asked(self._breaker, self.clock(), _TOLERANCE)
        if may:
            try:
                standings = self._shared(limits.where, found)
            except Exception as error:
                self._lose(limits, error)
            else:
                with self._lock:
                    self._breaker = succeeded(self._breaker)
                    back = self.told.lost != "" and self._breaker.phase is Phase.CLOSED  # not if it was lost meanwhile
                if back:
                    self.told.lost = ""
                    _log.warning("the shared counts of the limits answer again")
                return standings
        self.told.alone += 1
        return self.memory.take(found, limits.hosts)

    def _shared(self, where: Where, found: Sequence[Charge]) -> tuple[Standing, ...]:
        owing = [replace(one, owed=self.memory.pay(one.key)) if one.rule.quota else one for one in found]
        try:
            begun = self._pool_of_threads().submit(lambda: self._counters_at(where).take(owing))
            standings = begun.result(self.seconds)
        except TookTooLong:
            begun.cancel()
            self.memory.owe(owing)
            raise Unavailable(f"no answer within {self.seconds:g} s") from None
        except BaseException:
            self.memory.owe(owing)
            raise
        self.memory.note(owing, standings)
        return standings

    def _pool_of_threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="limits")
            return self._pool

    def _counters_at(self, where: Where) -> Counters:
        with self._lock:
            found = self._counters.get(where)
        if found is None:
            made = self.opened(where)
            with self._lock:
                found = self._counters.setdefault(where, made)
            if found is not made:
                made.close()
        return found

    def _lose(self, limits: Limits, error: Exception) -> None:
        with self._lock:
            self._breaker = failed(self._breaker, self.clock(), _TOLERANCE, self.drawn())
        known = str(error) if isinstance(error, ArcOpsError) else type(error).__name__
        part = "the whole of" if limits.hosts == 1 else f"1/{limits.hosts} of"
        lost = (
            f"the shared counts of the limits ({limits.where.value}) are lost, so this host gives {part} each limit from its "
            "memory"
        )
        if not self.told.lost:
            _log.warning("%s: %s", lost, known)
        self.told.lost = lost

    def _say(self, caller: Identity, found: Sequence[Charge], standings: Sequence[Standing]) -> None:
        """Log the use of a quota above the advised part, once for each window."""
        for one, standing in zip(found, standings, strict=True):
            if not one.rule.quota or not _much(standing, one):
                continue
            ends = round(time.time() + standing.reset / 1e6, -1)
            with self._lock:
                before = self._advised.get(one.key, 0)
                if abs(before - ends) <= 60:
                    continue
                self._advised[one.key] = int(ends)
                self._advised.move_to_end(one.key)
                while len(self._advised) > _MOST_ADVISED:
                    self._advised.popitem(last=False)
            _log.warning(
                "the caller %s of %s%s has used %d of %d calls of the quota %s, which is more than %d %%",
                caller.id[:200],
                caller.issuer[:200],
                f" (tenant {caller.tenant[:200]})" if caller.tenant else "",
                standing.used,
                one.numbers.calls,
                one.rule.name,
                ADVISED_PERCENT,
            )


def _much(standing: Standing, one: Charge) -> bool:
    return standing.used * 100 > one.numbers.calls * ADVISED_PERCENT


def _turn(found: Sequence[Charge], standings: Sequence[Standing]) -> Turn:
    lines = tuple(_line(one, standing) for one, standing in zip(found, standings, strict=True))
    refused = [(standing.wait, one) for one, standing in zip(found, standings, strict=True) if not standing.let]
    advice = tuple(
        f"{standing.used} of {one.numbers.calls} {one.rule.unit.value} of the quota {one.rule.name!r} are used; it begins "
        f"again in {_seconds(standing.reset)} seconds"
        for one, standing in zip(found, standings, strict=True)
        if one.rule.quota and standing.let and _much(standing, one)
    )
    if not refused:
        return Turn(let=True, lines=lines, advice=advice)
    wait, longest = max(refused, key=lambda one: one[0])
    seconds = max(1, _seconds(wait))
    what = "quota" if longest.rule.quota else "limit"
    reason = (
        f"the {what} {longest.rule.name!r} of {longest.numbers.calls} {longest.rule.unit.value} per {longest.rule.per} is "
        f"reached; try again in {seconds} seconds"
    )
    return Turn(
        let=False, lines=lines, advice=advice, reason=reason, by=longest.rule.name, quota=longest.rule.quota, wait=seconds
    )


def _line(one: Charge, standing: Standing) -> Line:
    return Line(
        name=one.rule.name,
        quota=one.rule.quota,
        calls=one.numbers.calls,
        window=SECONDS.get(one.rule.per, 31 * 86_400),
        remain=standing.remain,
        reset=_seconds(standing.reset if one.rule.quota or standing.let else standing.wait),
    )


def _seconds(micros: int) -> int:
    return math.ceil(micros / 1_000_000)
