"""What was sealed by an earlier release opens in this one, and says what it said."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifacts.bundle import open_sealed
from artifacts.public_key import load_public_key

FOLDER = Path(__file__).parent


@pytest.mark.requirement("ARC-1/verified-offline")
def test_the_first_format_of_the_readiness_report_still_verifies() -> None:
    key = load_public_key((FOLDER / "readiness-report-v1.pub").read_bytes(), where="readiness-report-v1.pub")

    sealed = open_sealed((FOLDER / "readiness-report-v1.sigstore.json").read_bytes(), [key])

    # Written out, not computed: this is what that artifact said on the day it was sealed.
    assert sealed.report.subject.name == "all-minilm"
    assert sealed.report.verdict.value == "RED"
    assert [len(result.findings) for result in sealed.report.results] == [1, 3]
    assert sealed.report.results[1].findings[0].waiver is not None
    assert sealed.report.valid_until.isoformat() == "2026-11-28T12:00:00+00:00"
    assert sealed.signers == (key.id,)
