"""Calls of hosted servers for tests of their cost: measured by a real meter, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Raw

from arcops.errors import Unavailable
from arcops.identity import Identity
from services.host.costs.event import CostEvent
from services.host.costs.meter import Meter
from services.host.costs.rates import NONE, Rates
from services.host.costs.spool import Spool

ANN = Identity(issuer="https://login.example.org", tenant="acme", id="ann")
EVE = Identity(issuer="https://login.example.org", tenant="other", id="eve")
RESULT = b'{"content":[{"type":"text","text":"it is eight"}]}'


class Kept:
    """What a database would have; it can be lost."""

    def __init__(self) -> None:
        self.events: list[CostEvent] = []
        self.lost = False

    def write(self, events: Sequence[CostEvent]) -> None:
        if self.lost:
            raise Unavailable("the database does not answer")
        last = {one.host: one.number for one in self.events}
        self.events += [one for one in events if one.number > last.get(one.host, 0)]


def meter(
    kept: Kept, folder: Path, rates: Callable[[], Rates] = lambda: NONE, *, most_spool: int = 1 << 20, **more: Any
) -> Meter:
    """A meter that writes to *kept*."""
    host = more.pop("host", "a" * 16)
    return Meter(kept.write, rates, Spool(folder / "costs", host, most=most_spool), host=host, every=0.01, **more)


def call(
    at: Meter,
    caller: Identity = ANN,
    *,
    server: str = "time",
    tool: str = "now",
    arguments: bytes = b'{"zone":"UTC"}',
    result: bytes | None = RESULT,
    outcome: str = "done",
    trace: str = "",
) -> None:
    """One call, from its beginning to its end."""
    begun = at.begin(caller, server, tool, Raw(arguments), trace=trace, audited=True)
    begun.ended(outcome, Raw(result) if result is not None else None)
