"""Check if models fit together: read headers, plan, judge, sign, keep."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.subjects.fit import Fit
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, deployed, judged
from flows.place import Place
from flows.subjects.evaluation import evaluation

_FIT_CHECK = evaluation("fit-check")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFit(Fit):
    """Which description to judge, and by which policy."""

    policy: str = "fit"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@tool(title="Check if models fit together", scope=Scope.CHECK, long=True, deployed=deployed(_FIT_CHECK))
def check_fit(ask: CheckFit, at: Place) -> Judged:
    """Judge whether models fit together on GPUs, from headers and configurations alone: which placement holds, what is left,
    and what goals for time cost in concurrency. No weights are loaded. Keeps a signed artifact: GREEN, AMBER or RED.
    """
    return judged(_FIT_CHECK, ask, ask.policy, at)
