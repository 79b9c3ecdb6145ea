"""What ArcOps predicts, held against published observations: exact rows by their mean error, the others by a stated range."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.fit_references import FILE, NOT_COMPARED, Compared, compared, references, table

pytestmark = pytest.mark.requirement("ARC-R3/plans-are-held-against-measurements")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Compared]:
    if not references():
        pytest.skip(f"the published observations are not here ({FILE.name}); set ARCOPS_VECTORS to the folder beside theirs")
    return tuple(compared(tmp_path_factory.mktemp("models")))


def mean(found: Sequence[Compared], what: str) -> float:
    errors = [one.error for one in found if one.exact and one.what == what]
    return sum(errors) / len(errors)


def test_exact_weights_are_off_by_half_a_percent_at_most(found: Sequence[Compared]) -> None:
    """Mutation: the rotary table, or scales in single precision, are not counted: 0.2 to 0.3 % more, and rows are off."""
    assert mean(found, "weights") <= 0.5, table(found)
    assert sum(one.exact and one.what == "weights" for one in found) >= 14


def test_an_exact_cache_is_off_by_three_tenths_of_a_percent_at_most(found: Sequence[Compared]) -> None:
    assert mean(found, "kv") <= 0.3, table(found)
    assert sum(one.exact and one.what == "kv" for one in found) >= 28


def test_no_exact_row_is_far_off_without_a_known_reason(found: Sequence[Compared]) -> None:
    """Two rows are: one states other heads than its files had, and one is of another GPU of its group than the smallest."""
    far = {one.row for one in found if one.exact and one.error > 0.5}
    assert far == {"vllm-405b-fp8-tp8-weights", "vllm-qwen3-235b-fp8-tp4"}, table(found)


def test_what_is_not_exact_is_in_its_range(found: Sequence[Compared]) -> None:
    assert [one for one in found if not one.exact and not one.holds] == [], table(found)


def test_every_row_is_compared_or_has_a_reason(found: Sequence[Compared]) -> None:
    silent = {"vllm-gptoss120b-095"}  # it failed to start, which is asserted when it is compared
    assert {one.row for one in found} | silent == set(references())
    assert set(NOT_COMPARED) <= set(references())
