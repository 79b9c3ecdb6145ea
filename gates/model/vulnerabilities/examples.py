"""Situations for the gate ``vulnerabilities``, each with the verdict it must get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from arcops.gate import Example
from arcops.seen.sboms import Component, Sboms, SbomSeen
from arcops.seen.vex import Product, Status, Vex, VexSeen, VexStatement
from arcops.seen.vulnerabilities import Certainty, Database, Match, Uncompared, Vulnerabilities
from arcops.signer import ProvenSigner, SignerRule
from arcops.verdict import Verdict
from gates.model.vulnerabilities.gate import Level, VulnerabilitiesPolicy

_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_KEY = f"sha256:{'5' * 64}"
_PURL = "pkg:pypi/werkzeug@3.0.0"

_LISTED = Sboms(
    documents=(
        SbomSeen(
            path="model.cdx.json",
            sha256="11" * 32,
            format="CycloneDX",
            spec_version="1.6",
            components=(Component(ref="w", name="werkzeug", kind="library", version="3.0.0", purl=_PURL),),
        ),
    )
)
_DATA = Database(ecosystem="PyPI", dated=_DAY, imported=_DAY, sha256="22" * 32, advisories=20_000)
_CLEAN = Vulnerabilities(databases=(_DATA,), compared=1)
_MATCH = Match(
    purl=_PURL,
    version="3.0.0",
    ecosystem="PyPI",
    components=("model.cdx.json#w",),
    advisory="GHSA-hrfv-mqp8-q5rw",
    aliases=("CVE-2023-46136",),
    vector="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
    score=75,
    fixed=("3.0.1",),
    affected=Certainty.YES,
    reason="is in an affected range",
)


def _vex(signers: tuple[ProvenSigner, ...]) -> Vex:
    statement = VexStatement(
        vulnerabilities=("CVE-2023-46136",),
        products=(Product(purl=_PURL),),
        status=Status.NOT_AFFECTED,
        why="vulnerable_code_not_in_execute_path",
        at=_DAY,
    )
    return Vex(
        documents=(
            VexSeen(path="vex.sigstore.json", sha256="33" * 32, format="OpenVEX", signers=signers, statements=(statement,)),
        )
    )


def examples() -> Iterator[Example[VulnerabilitiesPolicy]]:
    strict = VulnerabilitiesPolicy()
    by_score = VulnerabilitiesPolicy(fail_at=70, warn_at=40)
    heard = VulnerabilitiesPolicy(vex_signers=(SignerRule(key=_KEY),))
    affected = replace(_CLEAN, matches=(_MATCH,))
    signed, unsigned = _vex((ProvenSigner(key=_KEY),)), _vex(())

    def example(
        name: str, verdict: Verdict, found: Vulnerabilities, policy: VulnerabilitiesPolicy, *more: Vex
    ) -> Example[VulnerabilitiesPolicy]:
        return Example(name=name, verdict=verdict, evidence=(_LISTED, found, *more), policy=policy)

    yield example("no known vulnerability", Verdict.GREEN, _CLEAN, strict)
    yield example("excused by a VEX statement of an allowed signer", Verdict.GREEN, affected, heard, signed)
    yield example(
        "below the score that fails", Verdict.AMBER, replace(affected, matches=(replace(_MATCH, score=53),)), by_score
    )
    yield example("unsigned VEX beside clean packages", Verdict.AMBER, _CLEAN, heard, unsigned)
    sample = replace(_CLEAN, databases=(replace(_DATA, advisories=5),))
    yield example(
        "sample data, which the policy accepts with a warning",
        Verdict.AMBER,
        sample,
        VulnerabilitiesPolicy(small_data=Level.WARN),
    )
    yield example("sample data", Verdict.RED, sample, strict)
    yield example("affected", Verdict.RED, affected, by_score)
    yield example("affected, with an unsigned VEX statement", Verdict.RED, affected, heard, unsigned)
    yield example("severity unknown", Verdict.RED, replace(affected, matches=(replace(_MATCH, score=None),)), by_score)
    undecided = replace(_MATCH, affected=Certainty.UNKNOWN, reason="cannot be read")
    yield example("a version that cannot be compared", Verdict.RED, replace(affected, matches=(undecided,)), by_score)
    stale = replace(_CLEAN, databases=(replace(_DATA, dated=datetime(2024, 10, 1, tzinfo=UTC)),))
    yield example("stale data", Verdict.RED, stale, strict)
    uncompared = Uncompared(component="model.cdx.json#w", name="werkzeug", purl=_PURL, reason="is of an ecosystem not imported")
    yield example(
        "no advisory data for a package",
        Verdict.RED,
        Vulnerabilities(databases=(), compared=0, unmatched=(uncompared,)),
        strict,
    )
