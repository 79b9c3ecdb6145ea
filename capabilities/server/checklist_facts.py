"""What is found about a hosted server for its checklist: each thing is looked at now, and what cannot be is not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Refused
from artifacts.filters import Filter
from artifacts.store import Store
from capabilities.server.place import moment
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.vouch import Grounds, Vouched
    from foundation.database.engine import Database
    from services.host.checklist.judging import Facts, Found, Mark
    from services.host.checklist.marks import KeptMark
    from services.host.rows import HostedRow

_MOST_LOOKED = 50
_ALLOWING = ("host_allow", "host_put")
"""The tools by which a person allows a lock."""
_BEGAN = timedelta(hours=1)
"""How long before a lock was allowed the call may have begun that did it; the clocks of two machines differ, too."""


def facts_of(row: HostedRow, there: Database, at: Place) -> Facts:
    """The facts about *row* at *at*."""
    from artifacts.wire import digest
    from services.host.checklist.judging import Facts
    from services.host.checklist.marks import Marks
    from services.host.site import verdicts
    from services.host.snapshots.reading import refuse_secret

    missing, leak = "", ""
    try:
        verdicts(at.settings, at.now).standing(row)
    except Refused as error:
        missing = str(error)
    try:
        refuse_secret(row.name, row.current.spec)
    except Refused as error:
        leak = str(error)
    ground = _ground(at)
    with Store.at(at.settings) as store:
        marks = {one.item: _mark(one, store, ground, at) for one in Marks(there).of(row.name, row.current.number)}
        snapshot, rollback = _snapshot(row, store, ground, at), _rollback(row.name, store, ground, at)
    return Facts(
        now=at.now(),
        owner=row.owner,
        network=row.current.spec.network,
        leak=leak,
        missing=missing,
        verdict=row.judged.artifact if row.judged is not None and not missing else "",
        allowed_by=row.by if row.allowed else "",
        record=_record(row, at) if row.allowed else "",
        row=digest(row.current.spec),
        snapshot=snapshot,
        rollback=rollback,
        marks=marks,
    )


def marked(facts: Facts, kept: KeptMark, at: Place) -> Facts:
    """*facts* with one mark more, which was *kept* after the others were looked at."""
    with Store.at(at.settings) as store:
        mark = _mark(kept, store, _ground(at), at)
    return replace(facts, marks={**facts.marks, kept.item: mark})


def _mark(kept: KeptMark, store: Store, ground: Grounds | str, at: Place) -> Mark:
    from services.host.checklist.judging import Found, Mark

    when, found = moment(kept.made), None
    if kept.evidence:
        counted = counting(kept.evidence, store, ground, at)
        found = Found(artifact=kept.evidence, made=when, problem=counted if isinstance(counted, str) else "")
    return Mark(author=kept.author, made=when, note=kept.note, evidence=found)


def _ground(at: Place) -> Grounds | str:
    """Who is trusted here, or why that is not known."""
    from tasks.signing.grounds import grounds

    try:
        return grounds(at.settings.trust)
    except ArcOpsError as error:
        return str(error)


def counting(artifact: str, store: Store, ground: Grounds | str, at: Place) -> Vouched | str:
    """The statement of an artifact that counts now, or why it does not, in a sentence."""
    from artifacts.vouch import vouch

    if isinstance(ground, str):
        return ground
    try:
        return vouch(store.get(artifact), ground, at.now())
    except ArcOpsError as error:
        return str(error)


def _snapshot(row: HostedRow, store: Store, ground: Grounds | str, at: Place) -> Found | None:
    """The newest snapshot that counts and has *row* as it is now."""
    from artifacts.host_snapshot import HOST_SNAPSHOT
    from artifacts.wire import canonical_bytes
    from services.host.checklist.judging import Found

    lock = canonical_bytes(row.current.lock).decode() if row.current.lock is not None else ""
    spec = canonical_bytes(row.current.spec).decode()
    for listed in store.list(Filter(predicate_type=HOST_SNAPSHOT.uri, limit=_MOST_LOOKED)):
        counted = counting(listed.artifact, store, ground, at)
        if isinstance(counted, str):
            continue
        found = HOST_SNAPSHOT.read(counted.statement)
        if found.site == at.settings.site and any(
            (one.name, one.owner, one.spec, one.lock) == (row.name, row.owner, spec, lock)
            for one in found.configuration.servers
        ):
            return Found(artifact=listed.artifact, made=found.taken)
    return None


def _rollback(name: str, store: Store, ground: Grounds | str, at: Place) -> Found | None:
    """The newest record that counts of a runbook 'rollback' that was run to its end for the server *name*."""
    from artifacts.runbook_run import RUNBOOK_RUN, RunbookValue
    from services.host.checklist.judging import Found

    what = Filter(predicate_type=RUNBOOK_RUN.uri, subject="rollback", limit=_MOST_LOOKED)
    for listed in store.list(what):
        counted = counting(listed.artifact, store, ground, at)
        if isinstance(counted, str):
            continue
        run = RUNBOOK_RUN.read(counted.statement)
        if RunbookValue(name="server", value=name) in run.values:
            return Found(artifact=listed.artifact, made=run.ended)
    return None


def _record(row: HostedRow, at: Place) -> str:
    """The newest record of a log that verifies, in which someone allowed exactly the lock of *row*, and none from before."""
    from capabilities.audit.place import logs_at
    from foundation.audit.asking import Wanted, newest
    from foundation.audit.record import Outcome

    if row.current.lock is None:
        return ""
    since, named = moment(row.allowed_at) - _BEGAN, f"servers/{row.name}@{row.current.lock.digest}"
    wanted = Wanted(tools=_ALLOWING, object=named, outcome=Outcome.DONE, since=since)
    try:
        found, _ = newest((log for log in logs_at(at) if not log.problems), wanted, 1)
    except ArcOpsError:
        return ""
    return next((f"{one.log}:{one.line}" for one in found), "")
