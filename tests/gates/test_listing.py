"""Many findings of one rule: the first are listed, the others are one more that is as bad and that no waiver covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from arcops.evidence import Body
from arcops.finding import Finding, Outcome, Rule, Waiver
from arcops.gate import Gate
from arcops.judge import judge
from arcops.seen.content import Content
from arcops.seen.sboms import Sboms
from arcops.seen.tree import FileSeen, Tree
from gates.listing import answered, capped, listed
from gates.model.provenance.examples import examples as attested
from gates.model.provenance.gate import provenance
from gates.model.sbom.examples import DOCUMENT
from gates.model.sbom.gate import SbomPolicy, sbom
from gates.model.signatures.examples import POLICY, SEEN, TREE
from gates.model.signatures.gate import signatures
from tests.evidence import NOW, evidence

pytestmark = pytest.mark.requirement("ARC-0/verdict-follows-from-findings")

RULE = Rule(id="shop/open", asks="Is the shop open?", fix="Open it.")
WELL = RULE.passes("It is open.")


def some(*outcomes: Outcome) -> list[Finding]:
    return [replace(RULE.fails(f"Door {number}."), outcome=one, about=f"{number}") for number, one in enumerate(outcomes)]


def test_all_is_well_only_if_nothing_was_found() -> None:
    assert list(listed([], WELL)) == [WELL]
    assert list(answered([], WELL)) == [WELL]
    bad = some(Outcome.WARN, Outcome.FAIL)
    assert list(listed(bad, WELL)) == bad
    assert list(answered(bad, WELL)) == bad


@pytest.mark.parametrize(
    ("others", "outcome"),
    [
        ((Outcome.WARN, Outcome.WARN), Outcome.WARN),
        ((Outcome.WARN, Outcome.FAIL), Outcome.UNKNOWN),
        ((Outcome.FAIL,), Outcome.UNKNOWN),
        ((Outcome.UNKNOWN,), Outcome.UNKNOWN),
    ],
)
def test_the_others_are_one_more_as_bad_as_the_worst(others: tuple[Outcome, ...], outcome: Outcome) -> None:
    found = some(Outcome.WARN, *others)
    first, rest = capped(found, rest="{count} more.", most=1)
    assert first == found[0]
    assert (rest.outcome, rest.text, rest.about, rest.fix) == (outcome, f"{len(others)} more.", "", RULE.fix)


def test_as_many_as_may_be_are_listed_without_one_more() -> None:
    found = some(Outcome.FAIL, Outcome.FAIL)
    assert list(capped(found, most=2)) == found


FILES = tuple(
    FileSeen(path=f"f{number:03}.bin", size=1, sha256="d" * 64, executable=False, content=Content(format="safetensors"))
    for number in range(300)
)
ATTESTED = next(iter(attested()))
CASES: tuple[tuple[Gate[Any], object, tuple[Body, ...], str], ...] = (
    (signatures, POLICY, (replace(TREE, files=FILES), SEEN), "signatures/complete"),
    (sbom, SbomPolicy(), (Tree(root="9" * 64, files=FILES), Sboms(documents=(DOCUMENT,))), "sbom/files-described"),
    (
        provenance,
        ATTESTED.policy,
        tuple(replace(body, files=FILES) if isinstance(body, Tree) else body for body in ATTESTED.evidence),
        "provenance/covered",
    ),
)


@pytest.mark.parametrize(("gate", "policy", "bodies", "rule"), CASES, ids=lambda value: getattr(value, "id", ""))
def test_no_waiver_covers_what_was_not_listed(gate: Gate[Any], policy: object, bodies: tuple[Body, ...], rule: str) -> None:
    """Mutation: a waiver without ``about``, which would let files pass that it does not name."""
    waiver = Waiver(rule=rule, owner="o", reason="r", expires=NOW + timedelta(days=30), any_content=True)
    given = {body.KIND: evidence(body) for body in bodies}
    found = judge(gate, policy, given, at=NOW, subject_name="model", waivers=(waiver,)).findings
    rest = [one for one in found if one.rule == rule and " more files" in one.text]
    assert [(one.outcome, one.waiver) for one in rest] == [(Outcome.UNKNOWN, None)]
