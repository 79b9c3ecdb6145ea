"""A runbook that was run to its end."""

from __future__ import annotations

from artifacts.runbook_run import RUNBOOK_RUN as RECORD
from artifacts.typed import moment

RUNBOOK_RUN = RECORD.predicate(
    "ArcOps record of a runbook that was run, version 1: an in-toto Statement v1",
    lambda run: RECORD.said(
        run, evidence=frozenset(one.evidence for one in run.steps), judged_at=moment(run.ended), site=run.site
    ),
)
