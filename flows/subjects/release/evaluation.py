"""The evaluation of a release."""

from __future__ import annotations

from arcops.subjects.release import Release
from flows.subjects.evaluation import Evaluation

RELEASE = Evaluation(flow="release-readiness", subject=Release, doc="Judge whether a model is ready to ship on a site.")
