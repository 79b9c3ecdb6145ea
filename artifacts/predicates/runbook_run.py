"""A runbook that was run to its end."""

from __future__ import annotations

from artifacts.predicate import Predicate
from artifacts.runbook_run import RUNBOOK_RUN as RECORD
from artifacts.runbook_run import RunbookRun
from artifacts.typed import moment
from artifacts.words import Said


def _said(statement: bytes, _: object) -> Said:
    run = RECORD.read(statement)
    return Said(
        predicate_type=RECORD.uri,
        subject=run.runbook,
        digests=(run.content,),
        evidence=frozenset(one.evidence for one in run.steps),
        judged_at=moment(run.ended),
        site=run.site,
        kind="runbook-run",
    )


RUNBOOK_RUN = Predicate(
    uri=RECORD.uri,
    title="ArcOps record of a runbook that was run, version 1: an in-toto Statement v1",
    holds=RunbookRun,
    read=RECORD.read,
    said=_said,
    published=True,
)
