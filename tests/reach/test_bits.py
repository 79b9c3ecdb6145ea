"""A table of flags in bits, transposed: the same flags, with rows and columns exchanged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reach.bits import transposed
from tests.examples import share

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")


@share(0.5)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_rows_and_columns_are_exchanged(rows: int, columns: int, seed: int) -> None:
    flags = np.random.default_rng(seed).random((rows, columns)) < 0.5
    found = np.unpackbits(transposed(np.packbits(flags, axis=1)), axis=1).view(np.bool_)
    assert (found[:columns, :rows] == flags.T).all()
    assert not found[columns:].any(), "bits that only fill a byte"
    assert not found[:, rows:].any()


def test_a_table_without_rows_has_none_transposed() -> None:
    assert transposed(np.zeros((0, 2), dtype=np.uint8)).shape == (16, 0)
