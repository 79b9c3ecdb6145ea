"""Pages that are written from the code say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capabilities.policy.gates_page import gates_page

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.requirement("ARC-1/written-pages-match-the-code")


def test_the_gates_page_is_up_to_date() -> None:
    assert (HOUSE / "docs" / "gates.md").read_text() == gates_page(), "run 'make docs'"


@pytest.mark.parametrize("page", sorted([*HOUSE.glob("*.md"), *HOUSE.glob("docs/**/*.md")]), ids=lambda page: page.name)
def test_links_between_our_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
