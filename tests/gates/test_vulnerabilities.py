"""The gate ``vulnerabilities``: each shortcoming, alone, turns a clean answer; and a waiver covers exactly one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from arcops.evidence import Body
from arcops.finding import Waiver
from arcops.gate import Gate
from arcops.judge import judge
from arcops.result import GateResult
from arcops.seen.sboms import Component, Sboms, SbomSeen
from arcops.seen.vex import Product, Status, Vex, VexSeen, VexStatement
from arcops.seen.vulnerabilities import Certainty, Database, Match, Uncompared, Vulnerabilities
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.model.vulnerabilities.gate import Level, VulnerabilitiesPolicy, vulnerabilities
from tests.evidence import NOW, evidence

pytestmark = pytest.mark.requirement("ARC-A4/advisories-match-offline", "ARC-A4/waivers-are-narrow", "ARC-A4/vex-is-applied")

GATE = cast("Gate[object]", vulnerabilities)
PURL = "pkg:pypi/thing@1.5"
KEY = f"sha256:{'5' * 64}"
POLICY = VulnerabilitiesPolicy(fail_at=70, warn_at=40, vex_signers=(SignerRule(key=KEY),))
LISTED = SbomSeen(
    path="a.cdx.json",
    sha256="11" * 32,
    format="CycloneDX",
    spec_version="1.6",
    components=(Component(ref="t", name="thing", kind="library", version="1.5", purl=PURL),),
)
DATA = Database(ecosystem="PyPI", dated=NOW - timedelta(days=1), imported=NOW, sha256="22" * 32, advisories=5000)
CLEAN = Vulnerabilities(databases=(DATA,), compared=1)
MATCH = Match(
    purl=PURL,
    version="1.5",
    ecosystem="PyPI",
    components=("a.cdx.json#t",),
    advisory="GHSA-1",
    aliases=("CVE-2026-1",),
    vector="",
    score=75,
    fixed=("2.0",),
    affected=Certainty.YES,
    reason="is in an affected range",
)
HIT = replace(CLEAN, matches=(MATCH,))
STATEMENT = VexStatement(
    vulnerabilities=("CVE-2026-1",),
    products=(Product(purl=PURL),),
    status=Status.NOT_AFFECTED,
    why="code_not_reachable",
    at=NOW - timedelta(days=1),
)


def ask(
    found: Vulnerabilities, *vex: VexSeen, policy: VulnerabilitiesPolicy = POLICY, listed: SbomSeen = LISTED, **more: Any
) -> GateResult:
    bodies: list[Body] = [Sboms(documents=(listed,)), found, *([Vex(documents=vex)] if vex else [])]
    collected = {body.KIND: evidence(body) for body in bodies}
    return judge(GATE, policy, collected, at=NOW, subject_name="model", **more)


def said(*statements: VexStatement, signers: tuple[ProvenSigner, ...] = (ProvenSigner(key=KEY),)) -> VexSeen:
    return VexSeen(path="v.json", sha256="33" * 32, format="OpenVEX", signers=signers, statements=statements)


def test_clean_packages_and_sound_data_are_green() -> None:
    assert ask(CLEAN).verdict is Verdict.GREEN


@pytest.mark.parametrize(
    "found",
    [
        HIT,
        replace(HIT, matches=(replace(MATCH, score=70),)),
        replace(HIT, matches=(replace(MATCH, score=None),)),
        replace(HIT, matches=(replace(MATCH, score=10, affected=Certainty.UNKNOWN),)),
        replace(CLEAN, databases=(replace(DATA, dated=None),)),
        replace(CLEAN, databases=(replace(DATA, dated=NOW + timedelta(minutes=1)),)),
        replace(CLEAN, databases=(replace(DATA, dated=NOW - timedelta(days=7, seconds=1)),)),
        replace(CLEAN, databases=(replace(DATA, advisories=999),)),
        replace(CLEAN, databases=(replace(DATA, unreadable=1),)),
        replace(CLEAN, databases=(DATA, replace(DATA, ecosystem="npm", advisories=1))),
        replace(CLEAN, compared=0),
        replace(CLEAN, compared=0, not_applicable=(Uncompared(component="t", name="t", purl="", reason="is a file"),)),
        replace(CLEAN, compared=0, unmatched=(Uncompared(component="t", name="t", purl=PURL, reason="has no version"),)),
    ],
    ids=[
        "severe", "as severe as fails", "of unknown severity", "undecided", "undated", "of the future", "too old", "too few",
        "unreadable", "one of two too few", "unaccounted for", "no package", "not compared",
    ],
)  # fmt: skip
def test_one_shortcoming_is_red(found: Vulnerabilities) -> None:
    assert ask(found).verdict is Verdict.RED


def test_an_unsound_sbom_may_hide_packages() -> None:
    assert ask(CLEAN, listed=replace(LISTED, problems=("It has a component without a name.",))).verdict is Verdict.RED


@pytest.mark.parametrize(("score", "verdict"), [(69, Verdict.AMBER), (40, Verdict.AMBER), (39, Verdict.GREEN)])
def test_the_score_decides_between_the_two_borders(score: int, verdict: Verdict) -> None:
    assert ask(replace(HIT, matches=(replace(MATCH, score=score),))).verdict is verdict


def test_levels_turn_failures_into_warnings() -> None:
    lenient = replace(POLICY, small_data=Level.WARN, unknown_severity=Level.WARN)
    few = replace(CLEAN, databases=(replace(DATA, advisories=3),), matches=(replace(MATCH, score=None),))
    assert ask(few, policy=lenient).verdict is Verdict.AMBER


def test_the_same_thing_under_two_names_is_said_once() -> None:
    twin = replace(MATCH, advisory="PYSEC-2026-1", aliases=("CVE-2026-1",), score=None)
    findings = [one for one in ask(replace(HIT, matches=(MATCH, twin))).findings if one.rule == "vulnerabilities/known"]
    assert len(findings) == 1


class TestVex:
    def test_an_allowed_signer_excuses(self) -> None:
        assert ask(HIT, said(STATEMENT)).verdict is Verdict.GREEN

    @pytest.mark.parametrize(
        "document",
        [
            said(STATEMENT, signers=()),
            said(STATEMENT, signers=(ProvenSigner(key=f"sha256:{'6' * 64}"),)),
            said(replace(STATEMENT, status=Status.UNDER_INVESTIGATION)),
            said(replace(STATEMENT, status=Status.AFFECTED)),
            said(replace(STATEMENT, vulnerabilities=("CVE-2026-2",))),
            said(replace(STATEMENT, products=(Product(purl="pkg:pypi/thing@1.4"),))),
            said(replace(STATEMENT, products=(Product(purl="pkg:pypi/other@1.5"),))),
            said(replace(STATEMENT, at=NOW + timedelta(days=1))),
            said(replace(STATEMENT, problem="It has no justification.")),
            said(STATEMENT, replace(STATEMENT, status=Status.AFFECTED, at=NOW)),
        ],
        ids=[
            "unsigned", "by an unknown signer", "under investigation", "affected", "another vulnerability", "another version",
            "another package", "of tomorrow", "unsound", "overruled by a later one",
        ],
    )  # fmt: skip
    def test_nothing_else_does(self, document: VexSeen) -> None:
        assert ask(HIT, document).verdict is Verdict.RED

    def test_a_later_word_replaces_an_earlier_one(self) -> None:
        earlier = replace(STATEMENT, status=Status.AFFECTED, at=NOW - timedelta(days=5))
        assert ask(HIT, said(earlier, STATEMENT)).verdict is Verdict.GREEN

    def test_by_default_no_signer_may(self) -> None:
        assert ask(HIT, said(STATEMENT), policy=VulnerabilitiesPolicy()).verdict is Verdict.RED


@pytest.mark.parametrize(
    ("about", "verdict"),
    [
        (f"CVE-2026-1 in {PURL}", Verdict.AMBER),
        ("", Verdict.RED),
        ("CVE-2026-1", Verdict.RED),
        (f"CVE-2026-2 in {PURL}", Verdict.RED),
    ],
)
def test_a_waiver_covers_one_advisory_in_one_package(about: str, verdict: Verdict) -> None:
    waiver = Waiver(
        rule="vulnerabilities/known",
        any_content=True,
        owner="Ada",
        reason="not exposed",
        expires=NOW + timedelta(days=1),
        about=about,
    )
    result = ask(HIT, waivers=(waiver,))
    known = next(one for one in result.findings if one.rule == "vulnerabilities/known")
    assert result.verdict is verdict, known
