"""A new version of a hosted server: judged and tried while the one before it serves, and switched to only if both were good."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Refused
from capabilities.server.gating import gated
from capabilities.server.place import author
from flows.place import Place

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from services.host.rows import HostedRow, Rows
    from services.host.spec import Spec
    from services.host.updating.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """``row`` counts now. ``changed``: it is another version than before. ``artifact`` is the verdict by which it may run."""

    row: HostedRow
    changed: bool
    verdict: str
    artifact: str
    seconds: float


def update(
    name: str, spec: Spec, rows: Rows, open_: Database, at: Place, *, owner: str | None = None, allow: bool = False
) -> Updated:
    """Give the server *name* a version of *spec*, or add the server. The version before goes on until this one was judged and
    tried; if either was not good, it goes on after that, too. *allow*: its lock is the operator's own, and is allowed.

    Raises `Refused` with what was not good, and which version goes on.
    """
    from services.host.figures.records import Kind, attempted
    from services.host.updating.progress import Progress, Step

    began = time.monotonic()
    before = rows.one(name)
    if before is not None and before.current.spec == spec and not _missing(before, at):
        row = rows.put(name, spec, author=author(at), owner=owner)  # the owner may be another one
        return _updated(row, at, changed=False, began=began)
    if before is None:
        row = rows.put(name, spec, author=author(at), owner=owner)
    elif before.current.spec == spec:
        row = before
    else:
        row = rows.propose(name, spec, author=author(at))
    progress = Progress(open_, name)
    with attempted(open_, Kind.DEPLOYMENT, name), progress.towards(row.current.number):
        try:
            made_good(row, rows, open_, at, progress, allow=allow)
        except ArcOpsError as error:
            raise type(error)(f"{_who_goes_on(row, before)}: {error}") from error
        at.say(f"switching to version {row.current.number}")
        progress.begin(Step.MOUNT)
        row = rows.switch(name, row.current.number, author=author(at), owner=owner)
    return _updated(row, at, changed=True, began=began)


def go_back(name: str, number: int, rows: Rows, open_: Database, at: Place) -> HostedRow:
    """Switch *name* to a new version that is as version *number* was, or as the one that counted before this one (0).

    If its verdict counts no more, it is judged and tried first, if there is a version that serves meanwhile. Raises `Refused`
    with what was not good, and then that one goes on.
    """
    from services.host.figures.records import Kind, attempted
    from services.host.updating.progress import Progress, Step

    before = rows.there(name)
    wanted = number or _before(name, before.current.number, rows)
    row = rows.back(name, wanted, author=author(at), counts=False)
    progress = Progress(open_, name)
    with attempted(open_, Kind.ROLLBACK, name), progress.towards(row.current.number):
        if _missing(row, at) and not _missing(before, at):
            try:
                made_good(row, rows, open_, at, progress)
            except ArcOpsError as error:
                raise type(error)(f"{_who_goes_on(row, before)}: {error}") from error
        progress.begin(Step.MOUNT)
        return rows.switch(name, row.current.number, author=author(at))


def switch(name: str, number: int, rows: Rows, open_: Database, at: Place) -> HostedRow:
    """Switch *name* to version *number*, which is judged and tried first. Raises `Refused` with what was not good."""
    from services.host.updating.progress import Progress, Step

    before, row = rows.there(name), rows.at(name, number)
    if row is None or number == before.current.number:
        raise Refused(f"version {number} of {name} counts already; 'arcops host history {name}' lists the others")
    progress = Progress(open_, name)
    with progress.towards(number):
        try:
            made_good(row, rows, open_, at, progress)
        except ArcOpsError as error:
            raise type(error)(f"{_who_goes_on(row, before)}: {error}") from error
        progress.begin(Step.MOUNT)
        return rows.switch(name, number, author=author(at))


def _before(name: str, current: int, rows: Rows) -> int:
    """The number of the version that counted before the *current* one."""
    from services.host.row import counted_before

    found = counted_before(rows.versions(name), current)
    if not found:
        raise Refused(f"no other version of {name} ever counted; 'arcops host history {name}' lists them")
    return found


def made_good(row: HostedRow, rows: Rows, open_: Database, at: Place, progress: Progress, *, allow: bool = False) -> None:
    """Judge and try the version of *row*. Raises `Refused` or `Unavailable` with what was not good."""
    import asyncio

    from foundation.database.lease import new_holder
    from services.host.site import homes_in, provisioning
    from services.host.updating.progress import Step
    from services.host.updating.trial import tried
    from tasks.server.addresses import authorities_at

    name, number = row.name, row.current.number
    preparing = provisioning(at.settings, open_, new_holder(), environment=os.environ, tell=lambda *_: None)
    at.say(f"resolving {row.current.spec.package}")
    progress.begin(Step.RESOLVE)
    lock = asyncio.run(preparing.resolved(row))
    if allow:
        rows.allow(name, lock.digest, author=author(at), number=number)
    at.say(f"judging version {number}")
    found = gated(_now(rows, name, number), rows, open_, at, step=progress.begin)
    if not found.may_run:
        raise Refused(found.missing)
    at.say(f"{found.report.verdict.value}; starting version {number} once, to see whether it answers")

    async def trial() -> None:
        installed = await preparing.installed(name, lock, say=lambda *_: None)
        await tried(
            _now(rows, name, number),
            installed,
            preparing,
            home=homes_in(at.settings),
            environment=os.environ,
            authorities=authorities_at(at.settings.host_authorities),
            step=progress.begin,
        )

    asyncio.run(trial())


def _now(rows: Rows, name: str, number: int) -> HostedRow:
    found = rows.at(name, number)
    if found is None:
        raise Refused(f"{name} was removed meanwhile")
    return found


def _missing(row: HostedRow, at: Place) -> str:
    """Why *row* may not run now, or nothing."""
    from services.host.site import verdicts

    try:
        verdicts(at.settings, at.now).standing(row)
    except Refused as error:
        return str(error)
    return ""


def _updated(row: HostedRow, at: Place, *, changed: bool, began: float) -> Updated:
    from services.host.site import verdicts

    standing = verdicts(at.settings, at.now).standing(row)
    return Updated(
        row=row,
        changed=changed,
        verdict=standing.report.verdict.value,
        artifact=row.judged.artifact if row.judged is not None else "",
        seconds=time.monotonic() - began,
    )


def _who_goes_on(row: HostedRow, before: HostedRow | None) -> str:
    number = row.current.number
    if before is None or before.current.number == number:
        return f"version {number} of {row.name} does not serve"
    return f"version {number} of {row.name} does not serve, and version {before.current.number} goes on"
