"""The export in the columns of FOCUS 1.4: every mandatory column with a value that it may have."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from services.host.costs.focus import COLUMNS, as_csv, lines, problems
from services.host.costs.store import Sum

SPECIFIED = """
BilledCost           mandatory    not-null  Decimal
BillingAccountId     mandatory    not-null  String
BillingAccountName   mandatory    null      String
BillingCurrency      mandatory    not-null  String
BillingPeriodEnd     mandatory    not-null  Date/Time
BillingPeriodStart   mandatory    not-null  Date/Time
ChargeCategory       mandatory    not-null  String
ChargeClass          mandatory    null      String
ChargeDescription    mandatory    null      String
ChargeFrequency      recommended  not-null  String
ChargePeriodEnd      mandatory    not-null  Date/Time
ChargePeriodStart    mandatory    not-null  Date/Time
ConsumedQuantity     conditional  null      Decimal
ConsumedUnit         conditional  null      String
ContractedCost       mandatory    not-null  Decimal
EffectiveCost        mandatory    not-null  Decimal
HostProviderName     mandatory    null      String
InvoiceIssuerName    mandatory    not-null  String
ListCost             mandatory    not-null  Decimal
PricingQuantity      mandatory    null      Decimal
PricingUnit          mandatory    null      String
ResourceId           conditional  null      String
ResourceName         conditional  null      String
ResourceType         conditional  null      String
ServiceCategory      mandatory    not-null  String
ServiceName          mandatory    not-null  String
ServiceProviderName  mandatory    not-null  String
ServiceSubcategory   recommended  not-null  String
SkuId                conditional  null      String
SkuPriceId           conditional  null      String
SubAccountId         conditional  null      String
SubAccountName       conditional  null      String
SubAccountType       conditional  null      String
Tags                 conditional  null      JSON
"""
"""Each column that is written, as the pages of the specification have it (*Content Constraints*: level, nulls, data type;
dataset Cost and Usage, read on 30 November 2026). There is no official validator of 1.4 to be had, so this stands in its place.
"""
MANDATORY = {line.split()[0] for line in SPECIFIED.splitlines() if " mandatory " in line}
ONE = Sum(
    day="2026-12-31", issuer="https://i", tenant="acme", identity="ann", server="time", tool="now", model="small",
    currency="EUR", estimated=0, bytes_in=10, bytes_out=20, tokens_in=3, tokens_out=7, calls=2, failed=0, cpu_sum=1500,
    cpu_calls=1, price_sum=1_234_567, unpriced=0, latency_sum=9, audited=2,
)  # fmt: skip


def test_every_mandatory_column_is_there() -> None:
    assert {one.name for one in COLUMNS if one.mandatory} == MANDATORY
    (row,) = lines([ONE], "site-a")
    assert row.keys() >= MANDATORY
    assert not problems(row)


def test_the_columns_are_those_of_the_specification() -> None:
    found = [
        (one.name, one.mandatory, "null" if one.empty else "not-null", one.kind.value)
        for one in sorted(COLUMNS, key=lambda column: column.name)
    ]
    said = [line.split() for line in SPECIFIED.split("\n") if line]
    assert found == [(name, level == "mandatory", nulls, kind) for name, level, nulls, kind in said]


def test_a_row_of_usage_has_all_that_the_specification_asks_of_one() -> None:
    """Not null for a charge of usage that corrects nothing: what was used and priced, with its units and its price."""
    (row,) = lines([ONE], "site-a")
    for column in ("PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit", "SkuId", "SkuPriceId", "ResourceId"):
        assert row[column], column
    for column in ("PricingUnit", "ConsumedUnit", "SkuPriceId", "ResourceType", "SubAccountType"):
        assert any("not both null" in one for one in problems({**row, column: ""})), column
    anyone = lines([replace(ONE, tenant="", issuer="")], "site-a")[0]
    assert (anyone["SubAccountId"], anyone["SubAccountType"], problems(anyone)) == ("", "", ())


@pytest.mark.parametrize("day", ["2027-01-31", "2028-02-29", "2026-03-29", "2026-10-25", "2026-12-31"])
def test_periods_end_where_the_next_ones_begin(day: str) -> None:
    """Also at the end of a month, in a leap year, and on the days on which clocks are changed: all of it is UTC."""
    (row,) = lines([replace(ONE, day=day)], "site-a")
    begin, end = (datetime.fromisoformat(row[f"ChargePeriod{one}"]) for one in ("Start", "End"))
    assert (begin.date().isoformat(), end - begin) == (day, timedelta(days=1))
    first, last = (datetime.fromisoformat(row[f"BillingPeriod{one}"]) for one in ("Start", "End"))
    assert first <= begin < end <= last
    assert (first.day, last.day, 28 <= (last - first).days <= 31) == (1, 1, True)


def test_a_row_says_what_was_used_and_what_it_cost() -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv(lines([ONE], "site-a"))))
    assert Decimal(row["BilledCost"]) == Decimal("0.001234567") == Decimal(row["EffectiveCost"])
    assert (row["BillingCurrency"], row["BillingAccountId"], row["ServiceName"]) == ("EUR", "site-a", "Hosted MCP servers")
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"], row["ResourceId"], row["SubAccountId"]) == (
        "10",
        "Tokens",
        "time",
        "acme",
    )
    assert (row["x_Identity"], row["x_Calls"], row["x_Estimated"], row["x_CpuSeconds"]) == ("ann", "2", "false", "0.0015")
    assert json.loads(row["Tags"]) == {"model": "small", "server": "time", "tool": "now"}


def test_columns_are_in_order_and_ours_come_last() -> None:
    header = as_csv(()).split("\r\n")[0].split(",")
    theirs = [one for one in header if not one.startswith("x_")]
    assert theirs == sorted(theirs)
    assert header[: len(theirs)] == theirs


def test_what_has_no_price_is_not_a_row_of_nothing() -> None:
    assert lines([replace(ONE, unpriced=1)], "") == ()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("BilledCost", "", "BilledCost is empty"),
        ("BilledCost", "much", "BilledCost is no Decimal"),
        ("BillingCurrency", "euro", "no code of ISO 4217"),
        ("ChargeCategory", "usage", "ChargeCategory is 'usage'"),
        ("ChargePeriodStart", "2026-12-31", "ChargePeriodStart is no Date/Time"),
        ("ChargePeriodEnd", "2026-12-31T00:00:00Z", "ChargePeriodEnd is not after"),
        ("Tags", "[]", "Tags is no JSON"),
        ("ServiceCategory", "Things", "ServiceCategory is 'Things'"),
        ("Model", "x", "Model is no column of FOCUS"),
    ],
)
def test_each_fault_of_a_row_is_found(column: str, value: str, said: str) -> None:
    (row,) = lines([ONE], "")
    assert any(said in one for one in problems({**row, column: value}))


@pytest.mark.parametrize("column", sorted(MANDATORY))
def test_a_column_less_is_found(column: str) -> None:
    (row,) = lines([ONE], "")
    del row[column]
    assert f"{column} is missing" in problems(row)
