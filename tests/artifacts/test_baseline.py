"""The signed baseline: nothing is lost on the way out, nothing false comes back in."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused
from arcops.seen.baseline import Baseline
from artifacts.baseline import baseline_from, baseline_statement, open_baseline
from artifacts.bundle import seal_statement
from artifacts.statement import to_statement
from gates.gpu.benchmark.examples import known, run
from tests.artifacts.reports import full_report
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-C2/figures-are-judged-by-baseline-and-kind", "ARC-1/signed-json")
GOLDEN = Path(__file__).parent / "goldens" / "benchmark-baseline-v1.json"


def baseline() -> Baseline:
    found = known(run()).baseline
    assert found is not None
    return found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("baseline"))


def test_it_is_byte_for_byte_the_golden_that_a_person_read() -> None:
    assert baseline_statement(baseline()) == GOLDEN.read_bytes()


def test_one_that_was_written_before_is_still_read() -> None:
    """The golden is older than the names of the classes that it is read into."""
    stated = json.loads(GOLDEN.read_bytes())["predicate"]["canary"]
    assert stated == [{"model": "NVIDIA H200", "times": [1000450] * 10}]
    assert baseline_from(GOLDEN.read_bytes()) == baseline()


def test_one_from_before_sessions_had_processes_of_their_own_is_still_read() -> None:
    """And it is not taken for one whose sessions had them."""
    before = baseline_from(GOLDEN.read_bytes().replace(b'"fresh":true,', b""))
    assert not before.exercise.fresh
    assert replace(before, exercise=baseline().exercise) == baseline()


def test_it_comes_back_as_it_was(here: Bench) -> None:
    sealed = seal_statement(baseline_statement(baseline()), here.signer)
    assert open_baseline(sealed, [here.signer.public]) == (baseline(), (here.signer.public.id,))


def test_one_with_an_unknown_signer_is_refused(here: Bench, tmp_path: Path) -> None:
    other = bench(tmp_path)
    sealed = seal_statement(baseline_statement(baseline()), other.signer)
    with pytest.raises(Refused, match="no given key"):
        open_baseline(sealed, [here.signer.public])


def test_no_byte_of_what_was_signed_may_change(here: Bench) -> None:
    bundle = json.loads(seal_statement(baseline_statement(baseline()), here.signer))
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    for at in range(0, len(payload), 97):
        changed = bytearray(payload)
        changed[at] ^= 1
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()
        with pytest.raises(Refused):
            open_baseline(json.dumps(bundle).encode(), [here.signer.public])


def test_a_report_is_no_baseline() -> None:
    with pytest.raises(Refused, match="arcops gpu baseline"):
        baseline_from(to_statement(full_report()))


def put(value: object, *way: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        here: Any = document
        for part in way[:-1]:
            here = here[part]
        here[way[-1]] = value

    return change


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another subject outside": put("other", "subject", 0, "name"),
    "a second subject": lambda document: document["subject"].append(copy.deepcopy(document["subject"][0])),
    "a RED artifact": put("RED", "predicate", "verdict"),
    "too few sessions": lambda document: document["predicate"]["figures"][0]["times"].pop(),
    "a time of nothing": put(0, "predicate", "figures", 0, "times", 0),
    "a time that is no whole number": put(1.5, "predicate", "figures", 0, "times", 0),
    "a canary without times": put([], "predicate", "canary", 0, "times"),
    "no figure": put([], "predicate", "figures"),
    "a figure twice": lambda document: document["predicate"]["figures"].append(document["predicate"]["figures"][0]),
    "an exercise that no one could ask for": put(0, "predicate", "exercise", "size"),
    "an unknown field": put("fine", "predicate", "note"),
    "a field that is gone": lambda document: document["predicate"].pop("site"),
    "another unit": put("parsecs", "predicate", "figures", 0, "unit"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_contradicts_itself_is_refused_even_if_it_is_signed(change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(baseline_statement(baseline()))
    change(document)
    with pytest.raises(Refused):
        baseline_from(json.dumps(document).encode())
