"""The export in the columns of FOCUS 1.4: every mandatory column with a value that it may have."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from services.host.costs.focus import COLUMNS, as_csv, lines, problems
from services.host.costs.store import Sum

MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "HostProviderName", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ServiceCategory",
    "ServiceName", "ServiceProviderName",
}  # fmt: skip
"""As the specification has them, version 1.4, dataset Cost and Usage."""
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
