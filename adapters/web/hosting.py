"""The pages of hosted MCP servers: which there are, whether each may run, and why; and one of them with all that is known."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields

from adapters.web.asked import text
from adapters.web.grouping import GateShown, by_need
from adapters.web.replies import Problem, Reply
from adapters.web.showing import Asked, shown
from arcops.errors import ArcOpsError, Refused
from arcops.verdict import Verdict
from artifacts.vouch import Standing
from capabilities.artifact.examine import Examine, Examined, examine_artifact
from capabilities.catalogue import tool_named
from capabilities.policy.explain import explained
from capabilities.server.costing import By, HostCostShow, host_cost_show
from capabilities.server.explaining import HostDescribe, ServerExplained, host_describe
from capabilities.server.figuring import HostFigures, host_figures
from capabilities.server.looking import (
    HostFind,
    HostHistory,
    HostLogs,
    HostStatus,
    host_find,
    host_history,
    host_logs,
    host_status,
)
from capabilities.server.place import ServerShown, StepShown
from capabilities.server.quotas import HostQuotaShow, host_quota_show

_LINES = 20
_MOST = 200
"""Rows on one page; a search finds the others."""


def servers(asked: Asked) -> Reply:
    """Every hosted server, in the order of names."""
    words = text(asked.query, "q")
    found = host_find(HostFind(words=words[:200]), asked.at)
    listed = found.servers[:_MOST]
    running = sum(not one.missing for one in found.servers)
    values = {"listed": listed, "total": len(found.servers), "may_run": running, "words": words}
    return shown(asked, "servers.html", "servers", found, **values, now=asked.at.now(), verdict=Verdict)


def server(asked: Asked) -> Reply:
    """One hosted server."""
    name = text(asked.query, "name")
    if not name:
        raise Problem(400, "Which server?", "The address names no server.", "Choose one from the list of servers.")
    try:
        found = host_describe(HostDescribe(name=name[:63]), asked.at)
    except Refused as error:
        said = f"{str(error)[0].upper()}{str(error)[1:]}."
        raise Problem(404, "There is no such server", said, "Choose one from the list of servers.") from error
    examined = _artifact(found, asked)
    acts, not_shown = _acts(found, asked)
    values = {
        "found": found,
        "row": found.server,
        "verdict": Verdict(found.verdict) if found.verdict else None,
        "verified": found.signature is not None and found.signature.standing is Standing.VERIFIED,
        "kept": examined is not None,
        "gates": _gates(examined),
        "acts": acts,
        "not_shown": not_shown,
        **_progress(found.server, alone=False),
        "asks": {rule.rule: rule.asks for gate in explained() for rule in gate.rules},
        "kinds": {one.digest: one.kind for one in examined.report.evidence} if examined and examined.report else {},
        **_use(found.name, asked),
    }
    return shown(asked, "server.html", "servers", found, **values)


def progress(asked: Asked) -> Reply:
    """How far the last change of one server is: the part of its page that is asked for again while that is open."""
    name = text(asked.query, "name")
    try:
        found = host_status(HostStatus(name=name[:63]), asked.at)
    except Refused as error:
        raise Problem(404, "There is no such server", "It may have been removed.", "Choose one from the list.") from error
    values = {"row": found, **_progress(found, alone=True)}
    return shown(asked, "server_progress_page.html", "servers", found, **values)


def _progress(row: ServerShown | None, *, alone: bool) -> dict[str, object]:
    steps = row.steps if row is not None else ()
    now = next((one for one in reversed(steps) if one.outcome != "waiting"), None)
    return {"progress_said": _said(steps, now), "under_way": now is not None and now.outcome == "doing", "alone": alone}


def _said(steps: Sequence[StepShown], now: StepShown | None) -> str:
    """How far the change is, in one sentence without seconds: a screen reader says it whenever it is another one."""
    if now is None:
        return "No version was made ready since it was added: 'arcops host deploy', 'update' or 'switch' does that."
    match now.outcome:
        case "doing":
            return f"Version {now.version} is under way: {now.step}, step {steps.index(now) + 1} of {len(steps)}."
        case "failed":
            return f"Version {now.version} did not become ready: {now.step} failed."
        case "lost":
            return f"Version {now.version} did not become ready: the process that did it ended at {now.step}. Do it again."
    return f"Version {now.version} became ready in {sum(one.milliseconds for one in steps) / 1000:.1f} seconds."


def figures(asked: Asked) -> Reply:
    """The figures of hosting, each with its definition and its target."""
    found = host_figures(HostFigures(), asked.at)
    known = [one for one in found.figures if one.met is not None]
    values = {"found": found, "measured": len(known), "missed": sum(not one.met for one in known)}
    return shown(asked, "hosting_figures.html", "servers", found, **values)


def _use(name: str, asked: Asked) -> dict[str, object]:
    """What its page says of the calls of the server *name*: sums without callers, which a reader of pages need not know."""
    quotas = host_quota_show(HostQuotaShow(server=name), asked.at)
    log: tuple[str, ...] | None = None
    with suppress(ArcOpsError):  # for a reader who is not the operator
        log = host_logs(HostLogs(name=name, lines=_LINES), asked.at).lines
    return {
        "costs": host_cost_show(HostCostShow(server=name, by=By.TOOL), asked.at),
        "quotas": quotas,
        "callers": len({(one.issuer, one.tenant, one.caller) for one in quotas.uses}),
        "advised": sum(one.advised is not None for one in quotas.uses),
        "size": host_figures(HostFigures(name=name), asked.at).size,
        "versions": host_history(HostHistory(name=name), asked.at).versions,
        "log": log or (),
        "hidden": log is None,
    }


def _acts(found: ServerExplained, asked: Asked) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The buttons for a person who is logged in: what each does and its words; and why others are not shown."""
    row = found.server
    if asked.person is None or row is None:
        return (), ()
    running = (("stop", "Stop"), ("restart", "Restart")) if row.enabled else (("start", "Start"),)
    back = (("rollback", "Roll back"),) if row.version > 1 else ()
    lock = (("deny", "Allow nothing of"),) if row.allowed else (("allow", "Allow this lock"),) if row.digest else ()
    patch = (("switch", f"Switch to version {row.patch.version}"),) if row.patch is not None and row.patch.may_count else ()
    buttons = (*patch, *running, *back, *lock, ("remove", "Remove"))
    why = {do: _why_not(do, row, asked) for do, _ in buttons}
    return tuple(one for one in buttons if not why[one[0]]), tuple(dict.fromkeys(filter(None, why.values())))


def _why_not(do: str, row: ServerShown, asked: Asked) -> str:
    tool = tool_named(f"host_{do}")
    if tool is None:
        raise KeyError(do)
    given: dict[str, object] = {"name": row.name, "digest": row.digest, "to": row.patch.version if row.patch else 0}
    return asked.why_not(tool, tool.ask(**{one: given[one] for one in given if one in {two.name for two in fields(tool.ask)}}))


def _artifact(found: ServerExplained, asked: Asked) -> Examined | None:
    """The artifact, if this site keeps it: another host may have made it."""
    if found.artifact:
        with suppress(ArcOpsError):
            return examine_artifact(Examine(artifact=found.artifact), asked.at)
    return None


def _gates(examined: Examined | None) -> tuple[GateShown, ...]:
    return by_need(examined.report) if examined is not None and examined.report is not None else ()
