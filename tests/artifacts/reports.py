"""Reports for the tests: one with something in every field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from arcops.evidence import Cause, Missing, Source, SourceKind
from arcops.finding import Finding, Location, Outcome, Waiver
from arcops.result import EvidenceRecord, GateResult, Report
from arcops.subject import Digest, Subject
from arcops.tier import Tier
from arcops.verdict import Verdict

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SIGNATURES = "sha256:" + "a1" * 32
ADVISORIES = "sha256:" + "b2" * 32

PATCH = """\
--- a/requirements.txt
+++ b/requirements.txt
@@ -6,2 +6,2 @@
 # {pinned}
-numpy==1.19.0
+numpy==1.22.0
--- /dev/null
+++ b/why/```numpy.txt
@@ -0,0 +1,2 @@
+# PYSEC-2021-856
+``` ünïcode | <b>&amp;</b>
"""


def full_report() -> Report:
    """A RED report in which no field is empty."""
    return Report(
        subject=Subject(
            name="all-minilm",
            kind="model",
            digests=(Digest(algorithm="sha256", value="c3" * 32), Digest(algorithm="sha512", value="d4" * 64)),
        ),
        verdict=Verdict.RED,
        results=(
            GateResult(
                gate="signatures",
                verdict=Verdict.GREEN,
                findings=(
                    Finding(
                        rule="signatures/trusted",
                        outcome=Outcome.PASS,
                        text="One allowed signer signed all 3 files.",
                        cites=(SIGNATURES,),
                    ),
                ),
            ),
            GateResult(
                gate="vulnerabilities",
                verdict=Verdict.RED,
                findings=(
                    Finding(
                        rule="vulnerabilities/known",
                        outcome=Outcome.WARN,
                        text="numpy 1.19.0 is affected by PYSEC-2021-856.",
                        cites=(ADVISORIES,),
                        about="PYSEC-2021-856",
                        location=Location(path="requirements.txt", line=7),
                        fix="Upgrade numpy to 1.22.0 or later.",
                        patch=PATCH,
                        waiver=Waiver(
                            rule="vulnerabilities/known",
                            subject="all-*",
                            owner="Ada Lovelace",
                            reason="The affected function is not called: ünïcode | <b>&amp;</b>",
                            expires=AT + timedelta(days=30),
                            about="PYSEC-2021-856",
                            digest="sha256:" + "c3" * 32,
                        ),
                    ),
                    Finding(
                        rule="vulnerabilities/fresh",
                        outcome=Outcome.FAIL,
                        text="The advisory data is 770 days old; the policy allows 7.",
                        cites=(ADVISORIES,),
                        location=Location(path="osv.sqlite"),
                        fix="Import newer data with 'arcops data import'.",
                    ),
                    Finding(
                        rule="vulnerabilities/judged",
                        outcome=Outcome.UNKNOWN,
                        text="Evidence 'trivy' is missing (deadline): no answer in 120 s.",
                        fix="Make the missing evidence available and check again.",
                    ),
                ),
            ),
        ),
        evidence=(
            EvidenceRecord(
                kind="signatures",
                digest=SIGNATURES,
                collector="tasks.signatures.look",
                version="1",
                at=AT - timedelta(seconds=2),
                tier=Tier.AIR_GAPPED,
                sources=(Source(name="trusted_root.json", kind=SourceKind.TRUST, digest="sha256:" + "e5" * 32, dated=AT),),
            ),
            EvidenceRecord(
                kind="advisories",
                digest=ADVISORIES,
                collector="tasks.advisories.look",
                version="3",
                at=AT - timedelta(seconds=1),
                tier=Tier.AIR_GAPPED,
                sources=(
                    Source(
                        name="osv/PyPI",
                        kind=SourceKind.DATA,
                        digest="sha256:" + "f6" * 32,
                        dated=datetime(2024, 10, 12, 3, 4, 5, 678901, tzinfo=UTC),
                    ),
                    Source(name="osv/Go", kind=SourceKind.DATA, digest="sha256:" + "07" * 32),
                    Source(name="trivy", kind=SourceKind.TOOL, digest="sha256:" + "18" * 32),
                ),
            ),
        ),
        missing=(Missing(kind="trivy", collector="tasks.trivy.look", cause=Cause.DEADLINE, reason="no answer in 120 s"),),
        policy_name="sovereign",
        policy_digest="sha256:" + "29" * 32,
        tier=Tier.AIR_GAPPED,
        runner="direct",
        judged_at=AT,
        valid_until=AT + timedelta(days=7),
        site="plant-7",
    )
