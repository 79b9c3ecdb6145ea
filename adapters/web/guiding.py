"""The pages that guide people: runbooks, how far those that were made are, and the checklist of a hosted server."""

from __future__ import annotations

import shlex
from contextlib import suppress

from adapters.web.asked import text
from adapters.web.replies import Problem, Reply
from adapters.web.showing import Asked, shown
from arcops.errors import ArcOpsError, Refused
from artifacts.objects import is_digest
from capabilities.artifact.verify import Fetch, fetch_artifact
from capabilities.server.checklisting import HostChecklist, host_checklist
from capabilities.server.runbooks_looking import (
    HostRunbookList,
    HostRunbookShow,
    HostRunbookStatus,
    RunbookListed,
    host_runbook_list,
    host_runbook_show,
    host_runbook_status,
)

_VALUE = "set-"
"""How the name of a field begins that has a parameter's value."""


def runbooks(asked: Asked) -> Reply:
    """The runbooks that can be made, and the last ones that were."""
    found = host_runbook_list(HostRunbookList(), asked.at)
    kept = host_runbook_status(HostRunbookStatus(), asked.at).runbooks
    over = {one.id: sum(step.state in ("done", "skipped") for step in one.steps) for one in kept}
    return shown(asked, "runbooks.html", "runbooks", found, listed=found.runbooks, kept=kept, over=over)


def runbook(asked: Asked) -> Reply:
    """One runbook: of its template, for a role and with values; or one that was made, and how far it is."""
    id_ = text(asked.query, "id")
    if id_:
        try:
            (kept,) = host_runbook_status(HostRunbookStatus(id=id_[:40]), asked.at).runbooks
        except Refused as error:
            raise _not_there("runbook", error) from error
        more: dict[str, object] = {"book": kept, "form": None, "lacks": "", "make": "", "about": f"runbook:{kept.name}"}
        return shown(asked, "runbook.html", "runbooks", kept, **more)
    name = text(asked.query, "name")
    form = next((one for one in host_runbook_list(HostRunbookList(), asked.at).runbooks if one.name == name), None)
    if form is None:
        raise Problem(404, "There is no such runbook", "No runbook has this name.", "Choose one from the list of runbooks.")
    role = text(asked.query, "role")
    values = {one.name: text(asked.query, f"{_VALUE}{one.name}") for one in form.parameters}
    given = tuple(f"{name}={value}" for name, value in values.items() if value)
    book, lacks = None, ""
    if role:
        try:
            book = host_runbook_show(HostRunbookShow(name=form.name, role=role[:40], settings=given), asked.at)
        except Refused as error:
            lacks = f"{str(error)[0].upper()}{str(error)[1:]}."
    if asked.as_json and book is None:
        said = lacks or "The address names no role."
        raise Problem(400, "This runbook cannot be shown", said, "Give 'role', and 'set-NAME' for each parameter.")
    more = {"book": book, "form": form, "lacks": lacks, "make": _made_by(form, role, given), "role": role, "values": values}
    more["about"] = f"runbook:{form.name}"
    return shown(asked, "runbook.html", "runbooks", book, **more)


def checklist(asked: Asked) -> Reply:
    """The checklist of a hosted server."""
    name = text(asked.query, "name")
    if not name:
        raise Problem(400, "Which server?", "The address names no server.", "Choose one from the list of servers.")
    try:
        found = host_checklist(HostChecklist(name=name[:63]), asked.at)
    except Refused as error:
        raise _not_there("server", error) from error
    open_ = [one for one in found.items if one.mandatory and not one.done]
    kept = {one.evidence for one in found.items if _is_kept(one.evidence, asked)}
    return shown(asked, "checklist.html", "servers", found, found=found, open=open_, kept=kept)


def _is_kept(evidence: str, asked: Asked) -> bool:
    """Is it an artifact that this site keeps? It may be the digest of a row, a line of a log, or kept at another host."""
    if not is_digest(evidence):
        return False
    with suppress(ArcOpsError):
        return bool(fetch_artifact(Fetch(artifact=evidence), asked.at).text)
    return False


def _made_by(form: RunbookListed, role: str, given: tuple[str, ...]) -> str:
    """The command that makes this runbook."""
    more = [part for one in given for part in ("--set", one)]
    return shlex.join(["arcops", "host", "runbook", "new", form.name, "--role", role, *more])


def _not_there(what: str, error: Refused) -> Problem:
    said = f"{str(error)[0].upper()}{str(error)[1:]}."
    return Problem(404, f"There is no such {what}", said, f"Choose one from the list of {what}s.")
