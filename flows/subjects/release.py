"""The evaluation of a release."""

from __future__ import annotations

from arcops.subjects.release import Release
from flows.place import Place
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import Meant, existing, means

RELEASE = Evaluation(flow="release-readiness", subject=Release, doc="Judge whether a model is ready to ship on a site.")


@means(Release)
def planned(found: Release, at: Place) -> Meant:
    """The plan, under the release's own name."""
    return Meant(target=existing(found.target, at), named=found.name)
