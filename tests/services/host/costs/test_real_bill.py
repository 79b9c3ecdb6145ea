"""Events of cost against the bill of a real llama.cpp server: its ``usage`` for what an agent really sent and read."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from foundation.database.engine import Database
from services.host.costs.bill import differences, read_bill, variance
from services.host.costs.rates import parse_rates
from services.host.costs.store import CostStore
from tests.services.host.costs.calls import Kept, call, meter
from tests.services.host.costs.test_quotas import database

__all__ = ["database"]  # a fixture
pytestmark = pytest.mark.requirement("HOST-026-028/cost-within-the-bill")
PYTHON = os.environ.get("ARCOPS_LLAMA", "")
CALLS = [
    ("now", {"zone": "Europe/Berlin"}, "it is eight o'clock in the morning"),
    ("now", {"zone": "Asia/Tokyo"}, "it is four o'clock in the afternoon"),
    ("read_file", {"path": "/srv/data/report.txt", "limit": 100}, "Sales rose by 4 % in March.\n" * 40),
    ("search", {"words": ["first", "second"], "limit": 5}, json.dumps([{"name": f"n{n}", "score": n / 7} for n in range(30)])),
    ("übersetze", {"text": "Größe und Maß"}, "日本語 has no spaces, 🙂 takes several bytes"),
    ("run", {"code": "for number in range(10):\n    print(number ** 2)"}, "\n".join(str(n**2) for n in range(200))),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the server, and its model's tokenizer."""
    if not PYTHON:
        pytest.skip("there is no llama.cpp server here; 'make test-llama' brings one (ARCOPS_LLAMA)")
    folder = tmp_path_factory.mktemp("llama")
    command = [PYTHON, str(Path(__file__).with_name("llama_engine.py")), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout
        assert child.stdin
        address = next(line for line in child.stdout if line.startswith("http")).strip()
        yield address, folder / "tokenizer.json"
        child.stdin.close()
        child.wait(30)


def billed(address: str, text: str) -> int:
    """How many tokens of *text* the server bills as read."""
    answer = httpx2.post(f"{address}/v1/completions", json={"prompt": text, "max_tokens": 1}, timeout=60)
    return int(answer.json()["usage"]["prompt_tokens"])


def conversation(address: str, folder: Path, tokenizer: Path | None, database: Database) -> tuple[float, float]:
    """The variance of tokens and of cost, after an agent's conversation: each turn sends all that was said before."""
    counts = f", tokenizer: {tokenizer}" if tokenizer is not None else ""
    card = f"currency: EUR\ncards: [{{from: 2026-01-01, model: m, models: [{{name: m, input: 1, output: 1{counts}}}]}}]"
    rates = parse_rates(card.encode(), where="card")
    store = CostStore(database)
    kept = Kept()
    kept.write = store.write  # type: ignore[method-assign,assignment]  # a real one
    at = meter(kept, folder, lambda: rates)
    said, before, bill = "", 0, []
    for tool, arguments, result in CALLS:
        given = json.dumps(arguments, ensure_ascii=False)
        said += given + "\n" + result + "\n"
        after = billed(address, said)
        bill.append({"day": "", "model": "m", "tokens": after - before, "cost": (after - before) / 1e6})
        before = after
        answer = json.dumps({"content": [{"type": "text", "text": result}]}, ensure_ascii=False)
        call(at, tool=tool, arguments=given.encode(), result=answer.encode())
    at.close()
    (event, *_) = store.events(0, 2**53)
    bill = [{**one, "day": event.day} for one in bill]
    (found,) = differences(read_bill(json.dumps(bill).encode(), where="bill"), store.sums("2026-01-01", "9999-12-31"))
    assert found.cost_percent is not None
    return variance([found]), found.cost_percent


def test_counted_tokens_are_those_of_the_bill(engine: tuple[str, Path], tmp_path: Path, database: Database) -> None:
    tokens, cost = conversation(engine[0], tmp_path, engine[1], database)
    assert tokens < 0.05
    assert abs(cost) < 5


def test_without_the_tokenizer_the_reconciliation_says_how_far_an_estimate_is_off(  # the mutation of the test above
    engine: tuple[str, Path], tmp_path: Path, database: Database
) -> None:
    tokens, _ = conversation(engine[0], tmp_path, None, database)
    assert tokens > 0.05, "this text is not four bytes a token, and the difference shows"
