"""What calls of hosted servers cost: sums, an export for budgets, and how far they differ from a bill."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from artifacts.reading import read_file
from artifacts.writing import stream_new, vacant
from capabilities.contract import Scope, tool
from capabilities.server.place import database, kept_database
from flows.place import Place

if TYPE_CHECKING:
    from services.host.costs.store import Sum

_MOST_TEXT = 32 * 1024 * 1024
_MOST_BILL = 512 * 1024 * 1024
_DAY = shaped(most=10)
_DAYS = 30


class By(Enum):
    """What the sums are of."""

    SERVER = "server"
    CALLER = "caller"
    TENANT = "tenant"
    MODEL = "model"
    DAY = "day"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCostShow:
    """Whose costs to show, and from when."""

    server: str = field(default="", metadata=shaped(positional=True, title="SERVER", most=63))
    """The server; every server if nothing is said."""
    by: By = By.SERVER
    """What the sums are of: server, caller, tenant, model, day or tool."""
    since: str = field(default="", metadata=_DAY)
    """The first day (UTC), such as 2026-11-01; 30 days ago if nothing is said."""
    until: str = field(default="", metadata=_DAY)
    """The last day; today if nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSum:
    """The calls of one ``name``. ``price`` is a decimal number of ``currency``; ``unpriced`` calls have none.

    ``cpu_ms`` are milliseconds of those calls that could be told from others at the same process (``cpu_calls``).
    """

    name: str
    calls: int
    failed: int
    argument_tokens: int
    result_tokens: int
    estimated_tokens: int
    bytes_in: int
    bytes_out: int
    cpu_ms: int
    cpu_calls: int
    price: str
    currency: str
    unpriced: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsShown:
    """The sums from ``since`` to ``until``, the dearest first."""

    since: str
    until: str
    sums: tuple[CostSum, ...]


@tool(title="Show what hosted servers cost", scope=Scope.AUDIT, reads_only=True)
def host_cost_show(ask: HostCostShow, at: Place) -> CostsShown:
    """Sum up what calls of hosted servers cost: tokens, bytes, CPU and price, by server, caller, tenant, model, day or tool."""
    from services.host.costs.store import CostStore

    first, last = days(ask.since, ask.until, at)
    names = {By.CALLER: ("issuer", "tenant", "identity")}.get(ask.by, (ask.by.value,))
    with kept_database(at) as found:
        rows = (
            CostStore(found).sums(first, last, by=(*names, "currency", "estimated"), server=ask.server)
            if found is not None
            else ()
        )
    groups: dict[tuple[str, str], list[Sum]] = {}
    for one in rows:
        name = " ".join(str(getattr(one, each)) for each in names if getattr(one, each))
        groups.setdefault((name, one.currency), []).append(one)
    sums = [_sum(name, currency, group) for (name, currency), group in groups.items()]
    sums.sort(key=lambda one: (-Decimal(one.price), -one.calls, one.name))
    return CostsShown(since=first, until=last, sums=tuple(sums))


def _sum(name: str, currency: str, group: list[Sum]) -> CostSum:
    from services.host.costs.rates import NANO

    return CostSum(
        name=name,
        calls=sum(one.calls for one in group),
        failed=sum(one.failed for one in group),
        argument_tokens=sum(one.tokens_in for one in group),
        result_tokens=sum(one.tokens_out for one in group),
        estimated_tokens=sum(one.tokens_in + one.tokens_out for one in group if one.estimated),
        bytes_in=sum(one.bytes_in for one in group),
        bytes_out=sum(one.bytes_out for one in group),
        cpu_ms=sum(one.cpu_sum for one in group) // 1000,
        cpu_calls=sum(one.cpu_calls for one in group),
        price=format(Decimal(sum(one.price_sum for one in group)) / NANO, "f"),
        currency=currency,
        unpriced=sum(one.unpriced for one in group),
    )


class Form(Enum):
    """The form of an export."""

    FOCUS = "focus"
    """CSV with the columns of FOCUS 1.4, dataset Cost and Usage: a row for each day, caller and tool that has a price."""
    JSONL = "jsonl"
    """Each event as a line of JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCostExport:
    """What to export, in which form, and to which file."""

    form: Form = field(default=Form.FOCUS, metadata=shaped(option="--format"))
    """The form: focus or jsonl."""
    since: str = field(default="", metadata=_DAY)
    """The first day (UTC), such as 2026-11-01; 30 days ago if nothing is said."""
    until: str = field(default="", metadata=_DAY)
    """The last day; today if nothing is said."""
    output: Path | None = field(default=None, metadata=used(Use.HERE) | shaped(short="-o"))
    """The new file; without it the lines are answered, if they are not more than 32 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostExported:
    """How many ``rows`` were exported, how many calls were left out because they have no price, and the text if no file was
    named.
    """

    rows: int
    unpriced: int
    text: str


@tool(title="Export what hosted servers cost", scope=Scope.AUDIT, long=True)
def host_cost_export(ask: HostCostExport, at: Place) -> CostExported:
    """Export costs for a budget: FOCUS 1.4 rows of each day, or each event as JSON."""
    first, last = days(ask.since, ask.until, at)
    rows, unpriced, parts = _focus(first, last, at) if ask.form is Form.FOCUS else _events(first, last, at)
    if ask.output is not None:
        vacant(ask.output, within=at.writable)

        def write(file: BinaryIO) -> None:
            file.writelines(parts)

        stream_new(ask.output, write, within=at.writable)
        return CostExported(rows=rows, unpriced=unpriced, text="")
    if sum(map(len, parts)) > _MOST_TEXT:
        raise Refused(f"the rows take more than {_MOST_TEXT:,} bytes; name a file for them (-o), or fewer days")
    return CostExported(rows=rows, unpriced=unpriced, text=b"".join(parts).decode())


def _focus(first: str, last: str, at: Place) -> tuple[int, int, list[bytes]]:
    from services.host.costs.focus import as_csv, lines
    from services.host.costs.store import CostStore

    with kept_database(at) as found:
        sums = CostStore(found).sums(first, last) if found is not None else ()
    rows = lines(sums, at.settings.site)
    return len(rows), sum(one.unpriced for one in sums), [as_csv(rows).encode()]


def _events(first: str, last: str, at: Place) -> tuple[int, int, list[bytes]]:
    import json

    from artifacts.wire import to_json
    from services.host.costs.store import CostStore

    begin = datetime.fromisoformat(first).replace(tzinfo=UTC)
    end = datetime.fromisoformat(last).replace(tzinfo=UTC) + timedelta(days=1)
    with kept_database(at) as found:
        events = (
            list(CostStore(found).events(int(begin.timestamp() * 1000), int(end.timestamp() * 1000)))
            if found is not None
            else []
        )
    parts = [json.dumps(to_json(one), ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for one in events]
    return len(parts), sum(one.price is None for one in events), parts


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCostReconcile:
    """Which bill to compare with."""

    bill: Path = field(metadata=used(Use.HERE) | shaped(positional=True, title="BILL"))
    """The bill: CSV with a header or JSON. Its rows have model, day, tokens (or inputTokens and outputTokens), and may have
    cost; usage as OpenAI's API reports it is read, too.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDifference:
    """A model on the days of the bill: tokens of the bill and ours, and how far they differ, in percent of the bill.

    ``cost_percent`` is of the billed cost, or empty; ``estimated_percent`` of our tokens were not counted by a tokenizer.
    """

    model: str
    billed_tokens: int
    our_tokens: int
    percent: str
    billed_cost: str
    our_cost: str
    cost_percent: str
    estimated_percent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """How far cost events differ from a bill: ``variance`` in percent of all billed tokens; ``within`` if that is under 5."""

    variance: str
    within: bool
    models: tuple[ModelDifference, ...]


@tool(title="Compare costs with a bill", scope=Scope.AUDIT)
def host_cost_reconcile(ask: HostCostReconcile, at: Place) -> Reconciled:
    """Compare the tokens and the price of cost events with a bill, for each of its models on its days. The result is kept as a
    record, of which the figure *cost event fidelity* is the newest.
    """
    from services.host.costs.bill import MOST_PERCENT, differences, read_bill, variance
    from services.host.costs.store import CostStore
    from services.host.figures.records import Ending, Kind, record

    bill = read_bill(read_file(ask.bill, _MOST_BILL, within=at.within), where=ask.bill.name)
    first, last = min(one.day for one in bill), max(one.day for one in bill)
    with database(at) as there:
        found = differences(bill, CostStore(there).sums(first, last, by=("day", "model", "currency", "estimated")))
        percent = 100 * variance(found)
        within, now = percent < MOST_PERCENT, at.now()
        ending = Ending.DONE if within else Ending.FAILED
        record(there, Kind.RECONCILIATION, f"{first}/{last}", now, now, ending, value=percent / 100)
    return Reconciled(
        variance=_two(percent),
        within=within,
        models=tuple(
            ModelDifference(
                model=one.model,
                billed_tokens=one.billed_tokens,
                our_tokens=one.our_tokens,
                percent=_two(one.percent),
                billed_cost=format(one.billed_cost, "f") if one.billed_cost is not None else "",
                our_cost=format(one.our_cost, "f"),
                cost_percent=_two(one.cost_percent) if one.cost_percent is not None else "",
                estimated_percent=_two(one.estimated_percent),
            )
            for one in found
        ),
    )


def _two(percent: float) -> str:
    return f"{percent:.2f}"


def days(since: str, until: str, at: Place) -> tuple[str, str]:
    """The first and the last day that an ask means. Raises `Refused` if one is not a day, or they are in the wrong order."""
    today = at.now().astimezone(UTC).date()
    last = _day(until, "until") if until else today
    first = _day(since, "since") if since else last - timedelta(days=_DAYS)
    if first > last:
        raise Refused(f"the first day {first} is after the last one, {last}")
    return first.isoformat(), last.isoformat()


def _day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"--{name} is {text[:20]!r}; write a day, such as 2026-11-30") from None
