"""The record of a runbook that was run to its end: its steps, what each came to, and the evidence of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from artifacts.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookValue:
    """A parameter of the runbook, with its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookStep:
    """A step. ``state`` is ``done``, or ``skipped`` if its check passed already. ``command`` is what was run, empty if nothing
    was. ``evidence`` is the digest of the record with what the commands wrote."""

    number: int
    title: str
    state: str
    command: tuple[str, ...]
    evidence: str
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookRun:
    """``runbook``, version ``version`` of its template, was run to its end for ``role`` at ``site``. ``content`` is the digest
    of the runbook with its values; ``by`` is who ended it.
    """

    id: str
    site: str
    runbook: str
    version: int
    content: str
    role: str
    values: tuple[RunbookValue, ...]
    by: str
    ended: datetime
    steps: tuple[RunbookStep, ...]


RUNBOOK_RUN: Record[RunbookRun] = Record(
    uri="https://arcops.dev/predicates/runbook-run/v1",
    what="the record of a runbook",
    holds=RunbookRun,
    about=lambda run: (run.runbook, run.content),
)
