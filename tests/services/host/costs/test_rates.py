"""The rate card: read strictly; a day has one card; a caller's model goes before a server's, and that before the usual one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from arcops.errors import Refused
from services.host.costs.rate_file import RateFile
from services.host.costs.rates import NONE, parse_rates

GOOD = """\
currency: EUR
cards:
  - from: 2026-10-01
    models: [{name: old, input: 1, output: 2}]
    model: old
  - from: 2026-11-01
    call: 0.001
    cpuHour: 0.04
    models:
      - {name: small, input: 0.05, output: 0.10, bytesPerToken: 3.5}
      - {name: large, input: 3, output: 15, tokenizer: /srv/large/tokenizer.json, aroundResult: 5}
    model: small
    servers: {docs: large}
    callers: [{issuer: "https://login.example.org", tenant: acme, id: ann, model: large}]
"""
ANN = ("https://login.example.org", "acme", "ann")


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


def test_each_day_has_its_card() -> None:
    rates = parse_rates(GOOD.encode(), where="rates.yaml")
    found = [rates.at(at(day)) for day in ("2026-09-30", "2026-10-01", "2026-10-31", "2026-11-01", "2027-01-01")]
    assert [one and one.since.isoformat() for one in found] == [None, "2026-10-01", "2026-10-01", "2026-11-01", "2026-11-01"]


def test_the_model_is_the_callers_else_the_servers_else_the_usual_one() -> None:
    card = parse_rates(GOOD.encode(), where="rates.yaml").cards[0]
    assert card.model(ANN, "time").name == "large"
    assert card.model(("", "", "eve"), "docs").name == "large"
    assert card.model(("", "", "eve"), "time").name == "small"


def test_arguments_are_written_by_the_model_and_results_are_read_by_it() -> None:
    card = parse_rates(GOOD.encode(), where="rates.yaml").cards[0]
    large = card.models["large"]
    assert large.input == Decimal(3)
    assert card.price(large, 1_000_000, 0, None) == 15_001_000_000  # 15 EUR, and 0.001 for the call
    assert card.price(large, 0, 1_000_000, None) == 3_001_000_000
    assert card.price(large, 0, 0, 3_600_000_000) == 41_000_000  # an hour of CPU
    assert card.price(card.model(("", "", ""), "time"), 1, 0, None) == 1_000_100


WRONG = {
    "an unknown key": (GOOD.replace("currency: EUR", "currency: EUR\nprice: 1"), "the key 'price', which is not known"),
    "a currency": (GOOD.replace("EUR", "euro"), "three capital letters"),
    "no currency": (GOOD.replace("currency: EUR", ""), "'currency' is missing"),
    "a day": (GOOD.replace("2026-11-01", "November"), "begins 'November'"),
    "a day twice": (GOOD.replace("2026-11-01", "2026-10-01"), "two cards begin on 2026-10-01"),
    "a price as text": (GOOD.replace("input: 3", 'input: "3"'), "write a number without quotes"),
    "a price below nothing": (GOOD.replace("input: 3", "input: -3"), "a price is from 0"),
    "no number": (GOOD.replace("input: 3", "input: .nan"), "not a number"),
    "no price": (GOOD.replace("input: 3, ", ""), "has no 'input'"),
    "an unknown model": (GOOD.replace("docs: large", "docs: huge"), "its models are"),
    "a model twice": (GOOD.replace("name: small", "name: large"), "has the model 'large' twice"),
    "a path": (GOOD.replace("/srv/large/", ""), "absolute path"),
    "no cards": ("currency: EUR\ncards: []\n", "'cards' is empty"),
    "two documents": (GOOD + "---\n" + GOOD, "2 documents"),
    "bytes of a token": (GOOD.replace("3.5", "0"), "use 0.1 to 100"),
    "a caller twice": (
        GOOD.replace("callers: [", 'callers: [{issuer: "https://login.example.org", tenant: acme, id: ann, model: small}, '),
        "names the caller 'ann' twice",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_with_its_place(what: str) -> None:
    text, said = WRONG[what]
    with pytest.raises(Refused, match=said) as refused:
        parse_rates(text.encode(), where="rates.yaml")
    assert "rates.yaml" in str(refused.value)


def test_a_card_that_becomes_wrong_counts_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rates.yaml"
    file = RateFile(path)
    with pytest.raises(Refused, match="is not there"):
        file.read()
    path.write_text(GOOD)
    good = file.rates()
    assert len(good.cards) == 2
    path.write_text("currency: EUR")
    assert file.rates() is good
    assert "cards" in file.wrong
    assert str(tmp_path) not in file.wrong
    path.write_text(GOOD.replace("EUR", "USD"))
    assert file.rates().currency == "USD"
    assert not file.wrong
    assert RateFile(None).rates() is NONE
