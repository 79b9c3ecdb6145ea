"""Sealing and opening: what was sealed comes back whole, and nothing else opens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arcops.errors import Refused
from artifacts.bundle import open_sealed, seal
from artifacts.private_key import Algorithm, create
from tests.artifacts.reports import full_report

pytestmark = pytest.mark.requirement("ARC-1")


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_sealed_report_comes_back_as_it_was(algorithm: Algorithm) -> None:
    key, report = create(algorithm), full_report()

    sealed = open_sealed(seal(report, key), [key.public])

    assert sealed.report == report
    assert sealed.signers == (key.public.id,)
    assert not sealed.expired(report.valid_until)
    assert sealed.expired(report.valid_until + timedelta(microseconds=1))


def test_another_key_does_not_open_it() -> None:
    data = seal(full_report(), create())

    with pytest.raises(Refused, match="verifies this artifact"):
        open_sealed(data, [create().public])
    with pytest.raises(Refused, match="no public key was given"):
        open_sealed(data, [])
