"""Callers and limits for the tests of limits, with clocks that the test sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arcops.errors import Unavailable
from arcops.identity import Identity
from foundation.limits.counting import Counters
from foundation.limits.deciding import Deciding
from foundation.limits.limits_file import LimitsFile
from foundation.limits.memory import Memory
from foundation.limits.rules import Limits, Where

ACTIONS = {
    one: frozenset(("call", "connect")) for one in ("check_model", "check_cluster", "list_policies", "show_artifact", "new_key")
}
GROUPS = {"check": frozenset(("check_model", "check_cluster")), "read": frozenset(("list_policies", "show_artifact"))}
CALL, CONNECT = frozenset(("call",)), frozenset(("call", "connect"))
ADA = Identity(issuer="https://a.example", tenant="t", id="ada")
BOB = Identity(issuer="https://a.example", tenant="t", id="bob")


@dataclass
class Clock:
    """``micros`` grow; ``wall`` is in milliseconds since 1970, by default a morning."""

    micros: int = 1_000_000
    wall: int = 1_780_000_000_000

    def later(self, seconds: float) -> None:
        self.micros += int(seconds * 1e6)
        self.wall += int(seconds * 1e3)

    def seconds(self) -> float:
        return self.micros / 1e6


@dataclass
class Breakable:
    """Counters that can be lost: ``lost`` says how often they were asked in vain if it is not ``None``."""

    inner: Counters
    lost: int | None = None
    asked: int = 0
    closed: bool = False

    def take(self, charges: Any) -> Any:
        self.asked += 1
        if self.lost is not None:
            self.lost += 1
            raise Unavailable("it does not answer")
        return self.inner.take(charges)

    def close(self) -> None:
        self.closed = True


@dataclass
class Site:
    """A place with a file of limits, decided by `deciding`."""

    path: Path
    clock: Clock = field(default_factory=Clock)
    shared: Breakable | None = None
    usual: Limits = field(default_factory=Limits)
    named: bool = True
    most: int = 1000

    def deciding(self, text: str | None = None, opened: Callable[[Where], Counters] | None = None) -> Deciding:
        if text is not None:
            self.write(text)
        shared = self.shared

        def at(where: Where) -> Counters:
            assert shared is not None, where
            return shared

        file = LimitsFile(
            path=self.path, named=self.named, usual=self.usual, actions=ACTIONS, groups=GROUPS, clock=self.clock.seconds
        )
        memory = Memory(clock=lambda: self.clock.micros, wall=lambda: self.clock.wall, most=self.most)
        return Deciding(file=file, opened=opened or at, memory=memory, clock=self.clock.seconds, drawn=lambda: 1.0, seconds=600)

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o600)


def let(at: Deciding, who: Identity, tool: str = "list_policies", actions: frozenset[str] = CALL, times: int = 1) -> int:
    """How many of so many calls are let through."""
    return sum(at.decide(who, tool, actions).let for _ in range(times))
