"""Admit workloads, or refuse them: the same spine, with a manifest for a subject."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path

from adapters.tools.check import Check, Checked, check
from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.private_key import Signer
from foundation.settings import Settings


def admit(manifest: Path, policy: str, *, settings: Settings, signer: Signer, now: datetime) -> Checked:
    """Judge the workloads in *manifest*. The decision is kept as an artifact like any other."""
    ask = Check(target=manifest, policy=policy, kind="workload")
    return check(ask, settings=settings, signer=signer, now=now, stop=threading.Event())


def review_response(review: bytes, report: Report) -> str:
    """The AdmissionReview (``admission.k8s.io/v1``) that answers *review*: allowed unless RED, with the reasons."""
    asked = json.loads(review)
    bad = [finding for result in report.results for finding in result.findings if finding.outcome is not Outcome.PASS]
    texts = [finding.text for finding in bad]
    allowed = report.verdict is not Verdict.RED
    response: dict[str, object] = {"uid": asked["request"]["uid"], "allowed": allowed}
    if not allowed:
        response["status"] = {"code": 403, "reason": "Forbidden", "message": "arcops: " + " ".join(texts)}
    elif texts:
        response["warnings"] = texts
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
