"""One hosted server on this host: its children by key, how it is now, and when it may be tried again."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.host.hosted import Shown, State

if TYPE_CHECKING:
    from services.host.eras import Era
    from services.host.link import Link
    from services.host.pipe import HostedPipe
    from services.host.rows import HostedRow

_MOST_LINES = 200
_MOST_SHOWN = 20
_LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What tells children of a server apart."""

    version: int
    generation: int
    tenant: str
    era: Era
    session: str


@dataclass(slots=True, kw_only=True, eq=False)
class Running:
    """A child that runs, or a server of another machine that is asked."""

    link: Link
    pipe: HostedPipe


@dataclass(slots=True, kw_only=True, eq=False)
class Serving:
    """``failures`` are starts that failed one after another; before ``again`` (`time.monotonic`) there is no other one.

    ``asked`` is when its verdict was looked at last; ``refused`` says why that does not count any more, since ``stopping``.
    ``next`` is a newer version, which takes over when it was seen to answer here; until then ``row`` goes on.
    """

    row: HostedRow
    next: HostedRow | None = None
    state: State = State.PENDING
    reason: str = "no one has asked for it yet"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    running: dict[Key, Running] = field(default_factory=dict)
    starting: dict[Key, asyncio.Task[Running]] = field(default_factory=dict)
    calls: int = 0
    restarts: int = 0
    failures: int = 0
    again: float = 0.0
    asked: float = 0.0
    refused: str = ""
    stopping: float = 0.0
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))

    def say(self, state: State, reason: str) -> None:
        """It is in *state* now."""
        if state is not self.state:
            self.since = datetime.now(UTC)
        self.state, self.reason = state, reason

    def failed(self, reason: str) -> bool:
        """A start failed: is it to be tried again at once? Only the first time; after that, later and later."""
        self.failures += 1
        once = self.failures == 1
        self.again = time.monotonic() + (0.0 if once else min(_LONGEST_SECONDS, 2.0**self.failures))
        self.say(State.ERROR, reason)
        return once

    def served(self) -> None:
        """It was started well."""
        self.failures, self.again = 0, 0.0

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes here."""
        return tuple(one.pipe.pid for one in self.running.values() if one.pipe.pid is not None)

    @property
    def retry(self) -> int:
        """In how many whole seconds it may be tried again."""
        return max(1, round(self.again - time.monotonic()))

    def shown(self) -> Shown:
        """As its status shows it."""
        return Shown(
            state=self.state,
            reason=self.reason,
            since=self.since,
            pids=self.pids,
            calls=self.calls + sum(one.link.counts.calls for one in self.running.values()),
            restarts=self.restarts,
            stderr=tuple(self.errors)[-_MOST_SHOWN:],
        )
