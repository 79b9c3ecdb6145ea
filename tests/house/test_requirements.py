"""The claims of the requirements and the tests that show them agree, both ways; the page says the same."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.requirements import CLAIMS
from tests.requirements.claims import Claim, deferred
from tests.requirements.marks import marked
from tests.requirements.page import page

HOUSE = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("requirements")
ROWS = Path(os.environ.get("ARCOPS_REQUIREMENTS", HOUSE / "shared" / "REQUIREMENTS.md"))
"""The requirements as those who asked for ArcOps wrote them. Like `tests.vectors`, they are not a part of this project."""


def test_every_claim_that_is_not_deferred_has_a_test() -> None:
    without = {claim.id for claim in CLAIMS if claim.deferred is None} - set(marked())
    assert not without, "mark a test that shows the claim, or defer it with a reason"


def test_every_mark_names_a_claim() -> None:
    unknown = {id_: files for id_, files in marked().items() if id_ not in {claim.id for claim in CLAIMS}}
    assert not unknown, "add the claim to tests/requirements, or mark another"


def test_no_deferred_claim_has_a_test() -> None:
    assert not {claim.id for claim in CLAIMS if claim.deferred is not None} & set(marked())


def test_no_claim_is_listed_twice() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    assert len({claim.text for claim in CLAIMS}) == len(CLAIMS)


def test_a_claim_is_one_sentence_or_two_and_a_reason_is_given() -> None:
    for claim in CLAIMS:
        assert re.fullmatch(r"[A-Z`][^\n]{20,180}\.", claim.text), claim.id
        assert claim.deferred is None or re.fullmatch(r"[A-Z][^\n]{10,180}\.", claim.deferred.reason), claim.id


@pytest.mark.skipif(
    not ROWS.is_file(), reason="the source of the requirements is not here; set ARCOPS_REQUIREMENTS to the file"
)
def test_every_row_of_the_requirements_has_a_claim() -> None:
    rows = {
        re.sub(r"\.\.+|/", "-", row) for row in re.findall(r"^\| ([A-Z]+-[A-Za-z0-9./]+) \|", ROWS.read_text(), re.MULTILINE)
    }
    assert rows == {claim.row for claim in CLAIMS}


@pytest.mark.parametrize("wrong", ["ARC-A1", "ARC-A1/", "ARC-A1/Keys", "arc-a1/keys", "ARC-A1/keys--kept", "ARC-A1/keys kept"])
def test_an_id_names_its_row_and_its_words(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not the id of a claim"):
        Claim(id=wrong, text="A sentence.")


def test_a_reason_has_a_known_kind() -> None:
    with pytest.raises(ValueError, match="later"):
        deferred("later", "We will see.")


def test_the_page_is_up_to_date() -> None:
    assert (HOUSE / "docs" / "requirements.md").read_text(encoding="utf-8") == page(), "run 'make docs'"
