"""Every parser at length: no input makes a traceback, and none takes time in a square. `make test-deep`.

``ARCOPS_DEEP`` says how many inputs a parser gets (2,000), ``ARCOPS_DEEP_SEED`` which ones.
"""

from __future__ import annotations

import os

import pytest

from tests.deep.growing import GROWING, Growing, Grown, grown
from tests.deep.growing import HEAD as GROWTH_HEAD
from tests.deep.parsers import Parser, parsers
from tests.deep.trying import HEAD, Tried, tried

COUNT = int(os.environ.get("ARCOPS_DEEP", "2000"))
SEED = os.environ.get("ARCOPS_DEEP_SEED", "1")
MOST = 5.0
"""Seconds of CPU that any one mutant of a few kilobytes may take. Most take a thousandth of a second."""


@pytest.fixture(scope="module")
def counted() -> object:
    print(f"\n{HEAD}")
    found: list[Tried] = []
    yield found
    print(f"{'all':18} {sum(one.inputs for one in found):7,} {sum(one.refused for one in found):8,}"
          f" {sum(one.accepted for one in found):9,}  tracebacks: {sum(len(one.tracebacks) for one in found)}")  # fmt: skip


@pytest.mark.parametrize("parser", parsers(), ids=lambda parser: parser.name)
def test_no_input_makes_a_traceback(parser: Parser, counted: list[Tried]) -> None:
    found = tried(parser, max(1, round(COUNT * parser.share)), seed=SEED)
    counted.append(found)
    print(found, flush=True)
    assert not found.tracebacks, "\n\n".join(found.tracebacks[:5])
    assert found.accepted, "not even its sound bytes were taken, so the mutants of them say little"
    assert found.slowest < MOST


@pytest.fixture(scope="module")
def measured() -> object:
    print(f"\n{GROWTH_HEAD}")
    found: list[Grown] = []
    yield found
    print(f"{len(found)} inputs grown; in a square: {sum(one.squared for one in found)}")


@pytest.mark.parametrize("growing", GROWING, ids=lambda growing: growing.name)
def test_no_input_takes_time_in_a_square(growing: Growing, measured: list[Grown]) -> None:
    found = grown(growing)
    measured.append(found)
    print(found, flush=True)
    assert not found.squared, str(found)
