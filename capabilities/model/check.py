"""Check a model: collect, judge, sign, keep."""

from __future__ import annotations

from arcops.late_dataclass import dataclass
from arcops.result import Report
from arcops.subjects.model import Model
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, deployed, judged, judging_policy
from flows.place import Place
from flows.subjects.model import READINESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Model):
    """What to judge, and by which policy."""

    policy: str = "sovereign"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""
    summary: bool = False
    """Also answer with a sealed SLSA verification summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedModel(Judged):
    """What was found about a model, and the digest of the signed artifact that says so."""

    summary: str = ""
    """The sealed SLSA verification summary as JSON, if it was asked for."""


def _checked(ask: Check, report: Report, digest: str, at: Place) -> CheckedModel:
    if not ask.summary:
        return CheckedModel(report=report, artifact=digest)
    from urllib.parse import quote

    from artifacts.bundle import seal_statement
    from artifacts.projections.statements import to_vsa

    policy = judging_policy(report, at)
    summary = to_vsa(
        report,
        resource_uri=f"urn:arcops:{report.subject.kind}:{quote(report.subject.name, safe='')}",
        artifact=digest,
        amber_passes=policy is not None and policy.amber_passes,
    )
    return CheckedModel(report=report, artifact=digest, summary=seal_statement(summary, at.signer()).decode())


def look_at_model(ask: Check, at: Place) -> Report:
    """Judge a model as `check_model` does, but sign and keep nothing, so no key is needed.

    For a first look by a person who is there. It is no tool: what no one signed is no evidence, so no other door offers it.
    """
    from flows.evaluate import look_only  # not for a check at another server

    return look_only(READINESS, ask, ask.policy, at)


@tool(title="Check a model", scope=Scope.CHECK, usual=True, long=True, deployed=deployed(READINESS, _checked))
def check_model(ask: Check, at: Place) -> CheckedModel:
    """Judge a model by a policy and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    It collects evidence about the files, signatures, SBOM, advisories and licence. What could not be seen is RED. Errors after
    the check has begun are in the report. A check that is stopped leaves an artifact, too; it is RED.
    """
    found = judged(READINESS, ask, ask.policy, at)
    return _checked(ask, found.report, found.artifact, at)
