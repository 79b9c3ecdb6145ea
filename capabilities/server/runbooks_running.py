"""Make a runbook, and run it: first what it would do, then step by step, each with its check."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from capabilities.contract import Scope, always, tool
from capabilities.server.place import author, database, moment
from capabilities.server.runbooks_looking import HostRunbookShow, RunbookShown, kept_shown, read
from flows.place import Place

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from services.host.runbooks.child import Runs
    from services.host.runbooks.kept import KeptRunbook, Runbooks


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRunbookNew(HostRunbookShow):
    """Which runbook to make, for which role, with which values."""


@tool(title="Make a runbook", scope=Scope.TRUST)
def host_runbook_new(ask: HostRunbookNew, at: Place) -> RunbookShown:
    """Make a runbook from its template for a role, and keep it under a number. Nothing is run."""
    began = at.now()
    runbook = read(ask)
    with database(at) as there:
        from services.host.figures.records import Ending, Kind, record
        from services.host.runbooks.kept import Runbooks

        kept = Runbooks(there)
        made = kept_shown(kept.add(secrets.token_hex(6), runbook, author=author(at)), {}, at.now())
        record(there, Kind.RUNBOOK, made.name, began, at.now(), Ending.DONE)
        _note_ages(there)
        return made


def _note_ages(there: Database) -> None:
    """Record when each template was written last, for the figures of documents, unless that is recorded."""
    from services.host.figures.records import Ending, Kind, record, recorded
    from services.host.runbooks.template import names, template

    known = {(one.subject, one.ended) for one in recorded(there, [Kind.DOCUMENT])}
    for one in map(template, names()):
        day = datetime.fromisoformat(one.updated).replace(tzinfo=UTC)
        if (f"runbook:{one.name}", day) not in known:
            record(there, Kind.DOCUMENT, f"runbook:{one.name}", day, day, Ending.DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRunbookRun:
    """Which runbook to run."""

    id: str = field(metadata=shaped(positional=True, title="ID", least=1, most=40))
    """Its number, as 'arcops host runbook new' gave it."""
    step: int = field(default=0, metadata=shaped(least=0, most=100))
    """Only this step; without it, every step that is not done, in turn."""
    do: bool = field(default=False, metadata=shaped(option="--yes"))
    """Do it. Without this, only the checks are run, and it is said what would be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTold:
    """What was done at a step, or would be. ``state`` is ``done``, ``skipped`` or ``failed``; ``would-run``, ``would-skip`` or
    ``waits`` if nothing was done. ``output`` is what its command wrote.
    """

    number: int
    title: str
    state: str
    why: str
    command: tuple[str, ...] = ()
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookRunTold:
    """What was done, or would be. ``ended``: every step is done, and ``artifact`` is the digest of the sealed record.

    ``well``: no step failed.
    """

    id: str
    did: bool
    steps: tuple[StepTold, ...]
    ended: bool
    artifact: str = ""
    well: bool = True


@tool(title="Run a runbook", scope=Scope.TRUST, destructive=True, long=True, connects=always)
def host_runbook_run(ask: HostRunbookRun, at: Place) -> RunbookRunTold:
    """Run the steps of a runbook, each as a command of its own on this machine, or say what would be done.

    A step whose check passes already is skipped. One whose check does not pass afterwards ends the run. A run that was cut off
    goes on where it was: the check of a step decides. When every step is done, a signed record with all output is kept.
    """
    from services.host.runbooks.child import runs

    return run_with(ask, at, runs(os.environ, {"ARCOPS_KEY": at.settings.key, "ARCOPS_TIER": at.settings.tier.value}))


def run_with(ask: HostRunbookRun, at: Place, run: Runs) -> RunbookRunTold:
    """As `host_runbook_run`, with what runs a command."""
    from foundation.database.lease import Leases, new_holder
    from services.host.runbooks.kept import Runbooks
    from services.host.runbooks.running import alone, carried_on

    with database(at) as there:
        kept = Runbooks(there)
        one = kept.one(ask.id)
        if not ask.do:
            return _foreseen(ask, one, kept, run)
        told = []
        with alone(Leases(there, new_holder()), one.id):
            for record in carried_on(one, kept, run, ask.step):
                at.progress(record.number, len(one.runbook.template.steps))
                told.append(
                    StepTold(
                        number=record.number,
                        title=record.title,
                        state=record.state,
                        why=record.why,
                        command=record.ran.command if record.ran is not None else (),
                        output=(record.ran.stdout + record.ran.stderr) if record.ran is not None else "",
                    )
                )
                if at.stop.is_set():
                    break
            steps = kept.steps(one.id)
            over = all(number in steps and steps[number].state.over for number in range(1, len(one.runbook.template.steps) + 1))
            artifact = one.artifact or (_seal(one, kept, at) if over else "")
        return RunbookRunTold(
            id=one.id,
            did=True,
            steps=tuple(told),
            ended=over,
            artifact=artifact,
            well=all(each.state != "failed" for each in told),
        )


def _foreseen(ask: HostRunbookRun, one: KeptRunbook, kept: Runbooks, run: Runs) -> RunbookRunTold:
    from services.host.runbooks.running import foreseen

    found = tuple(foreseen(one, kept, run, ask.step))
    return RunbookRunTold(
        id=one.id,
        did=False,
        steps=tuple(
            StepTold(
                number=each.number,
                title=each.step.title,
                state="would-run" if each.runs else "would-skip" if each.passes else "waits",
                why=each.why,
                command=each.command,
            )
            for each in found
        ),
        ended=bool(one.artifact),
        artifact=one.artifact,
    )


def _seal(one: KeptRunbook, kept: Runbooks, at: Place) -> str:
    """Sign and keep the record of a runbook whose steps are all over, with their evidence."""
    from artifacts.bundle import seal_statement
    from artifacts.objects import digest_of
    from artifacts.runbook_run import RUNBOOK_RUN, RunbookRun, RunbookStep, RunbookValue
    from artifacts.store import Store
    from artifacts.wire import canonical_bytes

    evidence: dict[str, bytes] = {}
    steps = []
    for number, step in sorted(kept.steps(one.id).items()):
        if step.record is None:
            continue
        body = canonical_bytes(step.record)
        digest = digest_of(body)
        evidence[digest] = body
        steps.append(
            RunbookStep(
                number=number,
                title=step.record.title,
                state=step.state,
                command=step.record.ran.command if step.record.ran is not None else (),
                evidence=digest,
                began=moment(step.began),
                ended=moment(step.ended),
            )
        )
    signer = at.signer()
    run = RunbookRun(
        id=one.id,
        site=at.settings.site,
        runbook=one.runbook.template.name,
        version=one.runbook.template.version,
        content=one.runbook.digest,
        role=one.runbook.role,
        values=tuple(RunbookValue(name=each.name, value=each.value) for each in one.runbook.settings),
        by=author(at),
        ended=at.now(),
        steps=tuple(steps),
    )
    with Store.at(at.settings) as store:
        sealed = seal_statement(RUNBOOK_RUN.statement(run), signer)
        artifact = store.put(sealed, evidence, at=at.now(), signer=signer).artifact
    kept.sealed(one.id, artifact)
    return artifact
