"""Admit workloads, or refuse them: the same steps as every check, with a manifest as the subject."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.result import Report
from arcops.subjects.cluster import Workload
from arcops.verdict import Verdict
from capabilities.contract import Scope, tool
from capabilities.judging import judged
from flows.place import Place
from flows.subjects.cluster import ADMISSION

_MOST_MESSAGE = 4000
"""Most characters of the reasons in an AdmissionReview; the artifact has all of them."""
_MOST_MANIFEST = 16 * 1024 * 1024
"""No API server sends a larger one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Workloads that ask to be admitted."""

    manifest: str = field(metadata=shaped(positional=True, text_of=_MOST_MANIFEST))
    """The text of a manifest or AdmissionReview, in YAML or JSON; on the command line its file, or - for standard input."""
    policy: str = "admission"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""
    review: bool = False
    """The manifest is an AdmissionReview; answer it as an API server expects."""
    name: str = "manifest"
    """The name of the subject in the artifact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The decision, which is kept as an artifact like any other."""

    report: Report
    artifact: str
    """The digest under which the store keeps the sealed report."""
    review: str = ""
    """The AdmissionReview that answers the one in the request, as JSON, if it was asked for."""


@tool(title="Admit workloads", scope=Scope.CHECK)
def admit_workload(ask: Admit, at: Place) -> Admitted:
    """Decide whether workloads may run: each model and image that they name needs a valid GREEN artifact in the store.

    What cannot be checked is not admitted.
    """
    if not ask.name or Path(ask.name).name != ask.name:
        raise Refused(f"{ask.name[:100]!r} cannot be the name of the manifest; use a plain name without slashes")
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / ask.name
        manifest.write_text(ask.manifest, encoding="utf-8", newline="")
        policy = at.policy(ask.policy)  # by the caller's rights; the manifest's place is this process's own
        found = judged(ADMISSION, Workload(target=manifest), policy, replace(at, roots=None))
    answer = ""
    if ask.review:
        try:
            answer = review_response(ask.manifest, found.report, folder=folder)
        except (ValueError, KeyError, TypeError) as error:
            raise Refused("this is not an AdmissionReview in JSON, so it cannot be answered") from error
    return Admitted(report=found.report, artifact=found.artifact, review=answer)


def review_response(review: str, report: Report, *, folder: str) -> str:
    """The AdmissionReview (``admission.k8s.io/v1``) that answers *review*: allowed unless RED, with the reasons.

    *folder* held the manifest while it was judged; the reasons must not show it.
    """
    asked = json.loads(review)
    bad = [finding for result in report.results for finding in result.findings if finding.outcome is not Outcome.PASS]
    texts = [finding.text.replace(f"{folder}/", "") for finding in bad]
    allowed = report.verdict is not Verdict.RED
    response: dict[str, object] = {"uid": asked["request"]["uid"], "allowed": allowed}
    if not allowed:
        response["status"] = {"code": 403, "reason": "Forbidden", "message": f"arcops: {' '.join(texts)}"[:_MOST_MESSAGE]}
    elif texts:
        response["warnings"] = texts
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
