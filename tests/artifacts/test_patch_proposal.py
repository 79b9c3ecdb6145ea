"""The proposal of a patched version as a statement, and what is not read as one."""

from __future__ import annotations

import json

import pytest

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.patch_proposal import PATCH_PROPOSAL, PatchProposal
from tests.artifacts.reports import AT

pytestmark = pytest.mark.requirement("HOST-001-004/patches-are-told")


def proposal() -> PatchProposal:
    return PatchProposal(
        site="plant",
        server="time",
        version=3,
        package=f"oci:/srv/time@sha256:{'2' * 64}",
        known="DSA-9 covers pkg:deb/debian/libc6@2.41-12: CVSS 9.8",
        fixes=("DSA-9 in pkg:deb/debian/libc6@2.41-12: fixed in 2.41-13",),
        proposed=4,
        verdict="AMBER",
        missing="",
        base="debian:trixie-slim@sha256:3",
        newer_base="",
        raised=AT,
        content=f"sha256:{'1' * 64}",
        action="arcops host diff time --to 4; arcops host switch time --to 4",
    )


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("proposed", "4", "does not match its schema"),
        ("server", "other", "about another subject"),
        ("content", f"sha256:{'2' * 64}", "about another subject"),
        ("more", 1, "does not match its schema"),
    ],
)
def test_what_differs_is_no_proposal(name: str, value: object, why: str) -> None:
    data = PATCH_PROPOSAL.statement(proposal())
    assert PATCH_PROPOSAL.read(data) == proposal()
    document = json.loads(data)
    document["predicate"][name] = value
    with pytest.raises(Refused, match=why):
        PATCH_PROPOSAL.read(canonical(document))
