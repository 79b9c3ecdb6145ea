"""The figures of this site's hosting, and what one server uses of a machine, with advice about its size."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.costing import days
from capabilities.server.place import found as row_of
from capabilities.server.place import kept_database
from flows.place import Place

if TYPE_CHECKING:
    from services.host.figures.figures import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFigures:
    """Which figures to show."""

    name: str = field(default="", metadata=shaped(positional=True, title="NAME", most=63))
    """A server, for what it uses of a machine; without one, the figures of the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureShown:
    """One figure. ``value`` is a decimal number, or empty if there is no record yet; ``said`` is the value as people read it.

    ``met`` says if the value is as ``target`` asks, or is ``None`` without a record; ``records`` is from how many it is.
    """

    key: str
    name: str
    definition: str
    value: str
    unit: str
    said: str
    target: str
    met: bool | None
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowsShown:
    """Composite workflows of the last day: of ``all`` workflows, how many called two servers or more (``composite``), and how
    many servers the widest of these called. A workflow is what one trace id joins, or else one caller's calls with less than a
    minute between them.
    """

    all: int
    composite: int
    widest: int
    more: bool = False
    """There were more calls than were looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeShown:
    """What one server used of a machine in the last 30 days, on the host with the most, and what to give it."""

    name: str
    days: int
    processes: int
    memory_bytes: int
    cpu_percent: int
    calls: int
    cpu_us_a_call: int | None
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresShown:
    """The figures at the moment ``at``; for one server only its ``size``."""

    at: datetime
    figures: tuple[FigureShown, ...] = ()
    workflows: WorkflowsShown | None = None
    size: SizeShown | None = None


@tool(title="Show the figures of hosting", scope=Scope.READ, reads_only=True)
def host_figures(ask: HostFigures, at: Place) -> FiguresShown:
    """Show the figures of hosting with their definitions and targets, measured from the records: deployment, status, rollback,
    recovery, audit coverage, cost fidelity, quotas and more. With a server's name: what it uses, and its right size.
    """
    now = at.now().astimezone(UTC)
    with kept_database(at) as found:
        if ask.name:
            from services.host.rows import Rows

            row_of(ask.name, Rows(found) if found is not None else None)
            if found is None:
                raise Refused(f"there is no hosted server {ask.name[:100]!r}")
            from services.host.figures.sizing import advice, used

            first, _ = days("", "", at)
            use = used(found, ask.name, first)
            size = SizeShown(
                name=ask.name,
                days=use.days,
                processes=use.processes,
                memory_bytes=use.memory,
                cpu_percent=round(use.cpu_percent),
                calls=use.calls,
                cpu_us_a_call=round(use.cpu_a_call * 1e6) if use.cpu_a_call is not None else None,
                advice=advice(use),
            )
            return FiguresShown(at=now, size=size)
        from services.host.figures.figures import figures
        from services.host.figures.seeing import nothing_seen, seen
        from services.host.figures.workflows import workflows

        shown = tuple(_shown(one) for one in figures(seen(found, now) if found is not None else nothing_seen(now)))
        count = workflows(found, int((now - timedelta(days=1)).timestamp() * 1000)) if found is not None else None
    flows = (
        WorkflowsShown(all=count.all, composite=count.composite, widest=count.widest, more=count.more)
        if count is not None
        else WorkflowsShown(all=0, composite=0, widest=0)
    )
    return FiguresShown(at=now, figures=shown, workflows=flows)


NONE_YET = "no records yet"


def _shown(one: Figure) -> FigureShown:
    from services.host.figures.figures import Aim, Unit

    signs = {Aim.UNDER: "<", Aim.OVER: ">", Aim.ALL: ""}
    sign = signs[one.aim]
    target = f"{one.target:g} %" if one.unit is Unit.PERCENT else lasting(one.target)
    said = NONE_YET if one.value is None else f"{_down(one.value)} %" if one.unit is Unit.PERCENT else lasting(one.value)
    return FigureShown(
        key=one.key,
        name=one.name,
        definition=one.definition,
        value=f"{one.value:.6g}" if one.value is not None else "",
        unit=one.unit.value,
        said=said,
        target=f"{sign} {target}".strip(),
        met=one.met,
        records=one.count,
    )


def _down(percent: float) -> str:
    """A percentage with two digits, never rounded up to what it does not reach."""
    return f"{int(percent * 100) / 100:g}"


def lasting(seconds: float) -> str:
    """A time as people read it."""
    for size, word in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {word}"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
