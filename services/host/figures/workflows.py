"""Composite workflows: an agent that calls several hosted servers in a row.

Calls are one workflow if they have one trace id (W3C Trace Context, which the agent sends). Without one, those of one caller
are one if less than a minute is between each and the one before. A workflow is composite if it called two servers or more.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from foundation.database.engine import Database
from foundation.database.tables import COST_EVENTS

GAP_MS = 60_000
MOST_EVENTS = 50_000
_TOGETHER = "all"
"""The name under which this host itself finds tools of all servers (`adapters.relay.together`): no server has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflows:
    """How many there were, how many of them ``composite``, and the most servers of one. ``more``: not all calls were read."""

    all: int
    composite: int
    widest: int
    more: bool = False


def workflows(database: Database, since: int, *, most: int = MOST_EVENTS) -> Workflows:
    """Those that began after *since*, in milliseconds since 1970: of the newest *most* calls."""
    columns = ("at", "issuer", "tenant", "identity", "server", "trace")
    asked = select(*(COST_EVENTS.c[one] for one in columns)).where(COST_EVENTS.c.at >= since, COST_EVENTS.c.server != _TOGETHER)
    with database.reading() as connection:
        rows = connection.execute(asked.order_by(COST_EVENTS.c.at.desc()).limit(most + 1)).all()
    found = counted([(row[0], tuple(row[1:4]), row[4], row[5]) for row in reversed(rows[:most])])
    return Workflows(all=found.all, composite=found.composite, widest=found.widest, more=len(rows) > most)


def counted(calls: list[tuple[int, tuple[str, ...], str, str]]) -> Workflows:
    """The workflows of *calls*: when, the caller, the server, the trace; the oldest first."""
    traced: dict[str, set[str]] = {}
    done: list[set[str]] = []
    open_: dict[tuple[str, ...], tuple[int, set[str]]] = {}
    for at, who, server, trace in calls:
        if trace:
            traced.setdefault(trace, set()).add(server)
            continue
        last, servers = open_.get(who, (at - GAP_MS, set[str]()))
        if at - last >= GAP_MS:
            if servers:
                done.append(servers)
            servers = set()
        servers.add(server)
        open_[who] = (at, servers)
    everything = [*traced.values(), *done, *(servers for _, servers in open_.values())]
    sizes = [len(one) for one in everything]
    return Workflows(all=len(sizes), composite=sum(one > 1 for one in sizes), widest=max(sizes, default=0))
