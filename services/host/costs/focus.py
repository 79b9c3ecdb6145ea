"""Sums of cost as rows of FOCUS 1.4, the FinOps Open Cost and Usage Specification: dataset *Cost and Usage*.

A row is one day of one caller at one tool of a server. It has every mandatory column, and of the others those that a site like
this has. Rows without a price are not written, because a cost that is not known is not 0.
Source: FOCUS 1.4 (focus.finops.org), Cost and Usage: columns, their levels, nulls and values.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum

from arcops.errors import Broken
from services.host.costs.rates import NANO
from services.host.costs.store import Sum

VERSION = "1.4"
Line = dict[str, str]
"""A row: the text of each column, empty for null."""


class Kind(Enum):
    """What a column holds."""

    TEXT = "String"
    NUMBER = "Decimal"
    TIME = "Date/Time"
    JSON = "JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of FOCUS. ``empty``: null is allowed. ``values`` are the only ones that are, if there are any."""

    name: str
    kind: Kind = Kind.TEXT
    mandatory: bool = True
    empty: bool = False
    values: tuple[str, ...] = ()


_CATEGORIES = (
    *("AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools", "Multicloud"),
    *("Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile"),
    *("Networking", "Security", "Storage", "Web", "Other"),
)
COLUMNS = (
    Column(name="BilledCost", kind=Kind.NUMBER),
    Column(name="BillingAccountId"),
    Column(name="BillingAccountName", empty=True),
    Column(name="BillingCurrency"),
    Column(name="BillingPeriodEnd", kind=Kind.TIME),
    Column(name="BillingPeriodStart", kind=Kind.TIME),
    Column(name="ChargeCategory", values=("Usage", "Purchase", "Tax", "Credit", "Adjustment")),
    Column(name="ChargeClass", empty=True, values=("Correction",)),
    Column(name="ChargeDescription", empty=True),
    Column(name="ChargeFrequency", mandatory=False, values=("One-Time", "Recurring", "Usage-Based")),
    Column(name="ChargePeriodEnd", kind=Kind.TIME),
    Column(name="ChargePeriodStart", kind=Kind.TIME),
    Column(name="ConsumedQuantity", kind=Kind.NUMBER, mandatory=False, empty=True),
    Column(name="ConsumedUnit", mandatory=False, empty=True),
    Column(name="ContractedCost", kind=Kind.NUMBER),
    Column(name="EffectiveCost", kind=Kind.NUMBER),
    Column(name="HostProviderName", empty=True),
    Column(name="InvoiceIssuerName"),
    Column(name="ListCost", kind=Kind.NUMBER),
    Column(name="PricingQuantity", kind=Kind.NUMBER, empty=True),
    Column(name="PricingUnit", empty=True),
    Column(name="ResourceId", mandatory=False, empty=True),
    Column(name="ResourceName", mandatory=False, empty=True),
    Column(name="ResourceType", mandatory=False, empty=True),
    Column(name="ServiceCategory", values=_CATEGORIES),
    Column(name="ServiceName"),
    Column(name="ServiceProviderName"),
    Column(name="ServiceSubcategory", mandatory=False, values=("Generative AI",)),
    Column(name="SkuId", mandatory=False, empty=True),
    Column(name="SkuPriceId", mandatory=False, empty=True),
    Column(name="SubAccountId", mandatory=False, empty=True),
    Column(name="SubAccountName", mandatory=False, empty=True),
    Column(name="SubAccountType", mandatory=False, empty=True),
    Column(name="Tags", kind=Kind.JSON, mandatory=False, empty=True),
)
"""The columns that are written, in the order of their names; then come ours, which begin with ``x_``."""
OURS = (
    "x_ArgumentTokens",
    "x_Calls",
    "x_CpuSeconds",
    "x_Estimated",
    "x_Identity",
    "x_Issuer",
    "x_Model",
    "x_ResultTokens",
    "x_Tool",
)
_TOGETHER = (
    *(("PricingQuantity", "PricingUnit"), ("ConsumedQuantity", "ConsumedUnit")),
    *(("PricingQuantity", "SkuPriceId"), ("ConsumedQuantity", "SkuPriceId")),
    *(("ResourceId", "ResourceType"), ("SubAccountId", "SubAccountType")),
)
"""Of a charge for usage, null is allowed in both or in none of two."""
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_CURRENCY = re.compile(r"[A-Z]{3}")


def lines(sums: Iterable[Sum], site: str) -> tuple[Line, ...]:
    """The rows of *sums* that have a price. *site* is the name of this place, which bills itself."""
    return tuple(_line(one, site or "ArcOps") for one in sums if not one.unpriced)


def _line(one: Sum, site: str) -> Line:
    day = date.fromisoformat(one.day)
    first = day.replace(day=1)
    cost = format(Decimal(one.price_sum) / NANO, "f")
    tokens = str(one.tokens_in + one.tokens_out)
    guess = "estimated" if one.estimated else "counted"
    found = {
        "BilledCost": cost,
        "BillingAccountId": site,
        "BillingAccountName": site,
        "BillingCurrency": one.currency,
        "BillingPeriodEnd": _time((first + timedelta(days=32)).replace(day=1)),
        "BillingPeriodStart": _time(first),
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": f"{one.calls} calls of {one.tool} at the MCP server {one.server}, for {one.model}; tokens {guess}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _time(day + timedelta(days=1)),
        "ChargePeriodStart": _time(day),
        "ConsumedQuantity": tokens,
        "ConsumedUnit": "Tokens",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "HostProviderName": site,
        "InvoiceIssuerName": site,
        "ListCost": cost,
        "PricingQuantity": tokens,
        "PricingUnit": "Tokens",
        "ResourceId": one.server,
        "ResourceName": one.server,
        "ResourceType": "MCP server",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Hosted MCP servers",
        "ServiceProviderName": site,
        "ServiceSubcategory": "Generative AI",
        "SkuId": f"tokens/{one.model or 'calls'}",
        "SkuPriceId": f"tokens/{one.model or 'calls'}/{one.day}",  # a card begins with a day, so this names one price
        "SubAccountId": one.tenant or one.issuer,
        "SubAccountName": one.tenant or one.issuer,
        "SubAccountType": ("Tenant" if one.tenant else "Issuer") if one.tenant or one.issuer else "",
        "Tags": json.dumps({"model": one.model, "server": one.server, "tool": one.tool}, ensure_ascii=False),
        "x_ArgumentTokens": str(one.tokens_in),
        "x_Calls": str(one.calls),
        "x_CpuSeconds": format(Decimal(one.cpu_sum) / 1_000_000, "f"),
        "x_Estimated": "true" if one.estimated else "false",
        "x_Identity": one.identity,
        "x_Issuer": one.issuer,
        "x_Model": one.model,
        "x_ResultTokens": str(one.tokens_out),
        "x_Tool": one.tool,
    }
    wrong = problems(found)
    if wrong:
        raise Broken(f"a row of the export is not as FOCUS {VERSION} asks: {wrong[0]}")
    return found


def as_csv(rows: Iterable[Mapping[str, str]]) -> str:
    """*rows* as CSV with a header (RFC 4180)."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*(one.name for one in COLUMNS), *OURS], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def problems(row: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with *row* by FOCUS: a mandatory column that is missing or null, a value that its column does not have."""
    found = []
    for column in COLUMNS:
        value = row.get(column.name)
        if value is None:
            if column.mandatory:
                found.append(f"{column.name} is missing")
        elif not value:
            if not column.empty:
                found.append(f"{column.name} is empty")
        elif column.values and value not in column.values:
            found.append(f"{column.name} is {value[:50]!r}")
        elif not _fits(column.kind, value):
            found.append(f"{column.name} is no {column.kind.value}: {value[:50]!r}")
    known = {one.name for one in COLUMNS}
    found += [f"{name} is no column of FOCUS {VERSION}" for name in row if name not in known and not name.startswith("x_")]
    if not _CURRENCY.fullmatch(row.get("BillingCurrency", "")):
        found.append("BillingCurrency is no code of ISO 4217")
    for one, other in _TOGETHER:
        if bool(row.get(one)) is not bool(row.get(other)):
            found.append(f"{one} and {other} are not both null, or both not")
    for name in ("ChargePeriod", "BillingPeriod"):
        if row.get(f"{name}Start", "") >= row.get(f"{name}End", ""):
            found.append(f"{name}End is not after {name}Start")
    return tuple(found)


def _fits(kind: Kind, value: str) -> bool:
    match kind:
        case Kind.NUMBER:
            try:
                return Decimal(value).is_finite()
            except InvalidOperation:
                return False
        case Kind.TIME:
            return _TIME.fullmatch(value) is not None
        case Kind.JSON:
            try:
                return isinstance(json.loads(value), dict)
            except ValueError:
                return False
        case Kind.TEXT:
            return True


def _time(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
