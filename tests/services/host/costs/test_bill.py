"""A bill beside the events of cost: what differs by 5 % or more is said, for each model."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from arcops.errors import Refused
from services.host.costs.bill import differences, read_bill, variance
from tests.services.host.costs.test_focus import ONE

DAY = "2026-12-31"
OURS = [
    replace(ONE, tokens_in=400, tokens_out=600, price_sum=2_000_000_000),
    replace(ONE, model="large", tokens_in=0, tokens_out=500, estimated=1),
]


def test_csv_json_and_lines_are_read_alike() -> None:
    rows = [{"day": DAY, "model": "small", "inputTokens": 600, "outputTokens": 400, "cost": 2}]
    text = "day,model,inputTokens,outputTokens,cost,more\n2026-12-31,small,600,400,2,x\n"
    usage = {"created": 1798675200, "model": "small", "usage": {"prompt_tokens": 600, "completion_tokens": 400}, "cost": "2"}
    forms = [text, json.dumps(rows), json.dumps(rows[0]) + "\n", json.dumps([usage])]
    found = {read_bill(one.encode(), where="bill") for one in forms}
    assert len(found) == 1
    ((one,),) = found
    assert (one.day, one.model, one.tokens, str(one.cost)) == (DAY, "small", 1000, "2")


@pytest.mark.parametrize(("billed", "percent"), [(1000, 0.0), (1040, -3.85), (950, 5.26)])
def test_the_difference_is_of_the_bill(billed: int, percent: float) -> None:
    bill = read_bill(f"day,model,tokens\n{DAY},small,{billed}\n".encode(), where="bill")
    (found,) = differences(bill, OURS)
    assert round(found.percent, 2) == percent
    assert round(100 * variance([found]), 2) == abs(percent)
    assert found.cost_percent is None


def test_what_one_model_has_too_much_does_not_help_another() -> None:
    bill = read_bill(f"day,model,tokens,cost\n{DAY},small,1100,2.5\n{DAY},large,400,1\n".encode(), where="bill")
    found = differences(bill, OURS)
    assert [one.model for one in found] == ["large", "small"]
    assert variance(found) == 200 / 1500
    assert [one.estimated_percent for one in found] == [100.0, 0.0]
    assert found[1].cost_percent == -20.0


def test_only_the_days_of_the_bill_count() -> None:
    bill = read_bill(f"day,model,tokens\n{DAY},small,1000\n".encode(), where="bill")
    (found,) = differences(bill, [*OURS, replace(OURS[0], day="2026-12-30")])
    assert found.our_tokens == 1000


def test_a_model_without_an_event_is_all_variance() -> None:
    bill = read_bill(f"day,model,tokens\n{DAY},other,10\n".encode(), where="bill")
    assert variance(differences(bill, OURS)) == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rows"),
        ("day,model,tokens\n", "has no rows"),
        ("day,model,tokens\n2026-12-31,,5\n", "row 1 of bill: it names no 'model'"),
        ("day,model,tokens\nyesterday,small,5\n", "its 'day' is 'yesterday'"),
        ("day,model,tokens\n2026-12-31,small,5.5\n", "its 'tokens' is '5.5'"),
        ("day,model,tokens\n2026-12-31,small,-5\n", "its 'tokens' is '-5'"),
        ("day,model\n2026-12-31,small\n", "its 'inputTokens' is missing"),
        ("day,model,tokens,cost\n2026-12-31,small,5,much\n", "its 'cost' is 'much'"),
        ('[{"model": "small"', "is not JSON"),
        ("[1]", "is not a list of objects"),
        ('[{"model": "m", "created": 1796000000000, "tokens": 1}]', "write seconds since 1970"),
        (f"day,model,tokens\n2026-12-31,{'x' * 200_000},1\n", "cannot be read as CSV"),
        ('[{"model": "small", "day": "2026-12-31", "tokens": true}]', "its 'tokens' is 'True'"),
    ],
)
def test_a_bill_that_is_wrong_is_refused_with_its_row(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_bill(text.encode(), where="bill")


def test_a_bill_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refused, match="not UTF-8"):
        read_bill(b"\xff\xfe", where="bill")
