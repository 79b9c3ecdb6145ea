"""A bill of someone else, and how far events of cost differ from it.

A bill is CSV with a header or JSON (a list, or one object a line). A row has a ``model``, a ``day`` (or ``created``, in seconds
since 1970), tokens (``tokens``, or ``inputTokens`` and ``outputTokens``, or OpenAI's ``usage`` with ``prompt_tokens`` and
``completion_tokens``), and may have a ``cost``. Other columns are left alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from arcops.errors import Refused
from services.host.costs.rates import NANO
from services.host.costs.store import Sum

MOST_PERCENT = 5.0
"""The difference that is allowed (NFR-OPS-008)."""
_MOST_ROWS = 1_000_000
_WHOLE = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What was billed for a ``model`` on a ``day``; ``cost`` in the bill's own currency, or ``None``."""

    day: str
    model: str
    tokens: int
    cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A model on all days of the bill. ``percent`` is of the billed tokens, ``cost_percent`` of the billed cost, if both have
    one; below 0 if our events have less.
    """

    model: str
    billed_tokens: int
    our_tokens: int
    percent: float
    billed_cost: Decimal | None
    our_cost: Decimal
    cost_percent: float | None
    estimated_percent: float


def read_bill(data: bytes, *, where: str) -> tuple[Billed, ...]:
    """The rows of the bill in *data*. Raises `Refused` with the row that is wrong."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{where} is not UTF-8 (byte {error.start})") from error
    rows = _json(text, where) if text.lstrip()[:1] in ("[", "{") else _csv(text, where)
    found = []
    for number, row in enumerate(rows, 1):
        if number > _MOST_ROWS:
            raise Refused(f"{where} has more than {_MOST_ROWS} rows; reconcile a shorter time")
        try:
            found.append(_billed(row))
        except Refused as error:
            raise Refused(f"row {number} of {where}: {error}") from error
    if not found:
        raise Refused(f"{where} has no rows")
    return tuple(found)


def differences(bill: Iterable[Billed], sums: Iterable[Sum]) -> tuple[Difference, ...]:
    """How far *sums* differ from the *bill*, for each model that the bill names, on the days that it has of this model."""
    billed: dict[str, list[Billed]] = {}
    for one in bill:
        billed.setdefault(one.model, []).append(one)
    ours: dict[tuple[str, str], list[Sum]] = {}
    for each in sums:
        ours.setdefault((each.model, each.day), []).append(each)
    found = []
    for model, rows in sorted(billed.items()):
        mine = [each for day in {one.day for one in rows} for each in ours.get((model, day), ())]
        tokens, total = sum(one.tokens for one in rows), sum(each.tokens_in + each.tokens_out for each in mine)
        guessed = sum(each.tokens_in + each.tokens_out for each in mine if each.estimated)
        costs = [one.cost for one in rows]
        cost = sum((one for one in costs if one is not None), Decimal(0)) if None not in costs else None
        our_cost = Decimal(sum(each.price_sum for each in mine)) / NANO
        found.append(
            Difference(
                model=model,
                billed_tokens=tokens,
                our_tokens=total,
                percent=_percent(total, tokens),
                billed_cost=cost,
                our_cost=our_cost,
                cost_percent=_percent(float(our_cost), float(cost)) if cost is not None else None,
                estimated_percent=100 * guessed / total if total else 0.0,
            )
        )
    return tuple(found)


def variance(found: Iterable[Difference]) -> float:
    """How far all models together differ, as a part of the billed tokens: what one has too much does not help another."""
    found = tuple(found)
    billed = sum(one.billed_tokens for one in found)
    return sum(abs(one.our_tokens - one.billed_tokens) for one in found) / billed if billed else 1.0


def _percent(ours: float, billed: float) -> float:
    if not billed:
        return 0.0 if not ours else 100.0
    return 100 * (ours - billed) / billed


def _json(text: str, where: str) -> list[Mapping[str, object]]:
    try:
        found = json.loads(text) if text.lstrip()[:1] == "[" else [json.loads(one) for one in text.splitlines() if one.strip()]
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where} is not JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Refused(f"{where} is not a list of objects, or one object a line")
    return found


def _csv(text: str, where: str) -> Iterator[Mapping[str, object]]:
    try:
        yield from csv.DictReader(io.StringIO(text))
    except csv.Error as error:
        raise Refused(f"{where} cannot be read as CSV: {error}") from error


def _billed(row: Mapping[str, object]) -> Billed:
    model = row.get("model")
    if not isinstance(model, str) or not model:
        raise Refused("it names no 'model'")
    usage = row.get("usage")
    if isinstance(usage, dict):
        tokens = _whole(usage.get("prompt_tokens"), "prompt_tokens") + _whole(
            usage.get("completion_tokens", 0), "completion_tokens"
        )
    elif row.get("tokens") not in (None, ""):
        tokens = _whole(row.get("tokens"), "tokens")
    else:
        tokens = _whole(row.get("inputTokens"), "inputTokens") + _whole(row.get("outputTokens"), "outputTokens")
    cost = row.get("cost")
    return Billed(day=_day(row), model=model, tokens=tokens, cost=_cost(cost) if cost not in (None, "") else None)


def _day(row: Mapping[str, object]) -> str:
    if row.get("created") not in (None, ""):
        created = _whole(row.get("created"), "created")
        try:
            return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%d")
        except (ValueError, OverflowError, OSError):
            raise Refused(f"its 'created' is {str(created)[:50]}; write seconds since 1970") from None
    try:
        return date.fromisoformat(str(row.get("day"))[:10]).isoformat()
    except ValueError:
        raise Refused(f"its 'day' is {str(row.get('day'))[:50]!r}; write it as 2026-11-30, or 'created' in seconds") from None


def _whole(value: object, name: str) -> int:
    text = str(value) if value is not None and not isinstance(value, (bool, float)) else ""
    if not _WHOLE.fullmatch(text.strip()):
        raise Refused(f"its {name!r} is {'missing' if value is None else repr(str(value)[:50])}; write a whole number")
    return int(text)


def _cost(value: object) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0:
        raise Refused(f"its 'cost' is {str(value)[:50]!r}; write a number")
    return found
