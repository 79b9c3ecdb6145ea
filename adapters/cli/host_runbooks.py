"""``arcops host runbook``: runbooks that execute."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, answered, shown
from adapters.cli.commands import Given, command
from adapters.cli.exits import GREEN, RED
from adapters.cli.plain import print_json
from adapters.cli.printing import Answering, TextOrJson
from arcops.asks import shaped
from arcops.tier import Tier
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.runbooks_looking import (
        HostRunbookList,
        HostRunbookShow,
        HostRunbookStatus,
        RunbookShown,
        RunbooksKept,
        RunbooksListed,
    )
    from capabilities.server.runbooks_running import HostRunbookNew, HostRunbookRun, RunbookRunTold

_LOOKING, _RUNNING = "capabilities.server.runbooks_looking", "capabilities.server.runbooks_running"
_SET = "deploy --role developer --set server=time --set package=pypi:mcp-server-time==2026.10.10 --set owner=tools"


@command("host runbook list", f"{_LOOKING}:host_runbook_list", own=Answering)
def list_(given: Given[HostRunbookList, RunbooksListed, Answering]) -> None:
    """List the runbooks, with their roles, parameters and age."""

    def show(found: RunbooksListed) -> None:
        for one in found.runbooks:
            stale = ", STALE" if one.stale else ""
            print(f"{one.name} (version {one.version}, updated {one.updated}{stale}): {one.title}")
            print(f"  roles {', '.join(one.roles)}")
            for each in one.parameters:
                print(f"  --set {each.name}=… {'' if each.needed else '(need not be given) '}{each.doc}")

    shown(given, show)


class Page(Enum):
    """As Markdown, or as JSON."""

    MARKDOWN = "markdown"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """The options of ``host runbook show``."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Write the page here, too."""
    form: Page = field(default=Page.MARKDOWN, metadata=shaped(option="--format"))
    """What to print."""


@command("host runbook show", f"{_LOOKING}:host_runbook_show", own=Paging, example=_SET)
def show(given: Given[HostRunbookShow, RunbookShown, Paging]) -> None:
    """Show a runbook for a role, with its values filled in; nothing is run."""
    own = given.own
    found = answered(given, surroundings.place(), own.output, lambda made: made.page)
    if own.form is Page.JSON:
        print_json(found)
    else:
        print(found.page, end="")


@command("host runbook new", f"{_RUNNING}:host_runbook_new", own=Answering, example=_SET)
def new(given: Given[HostRunbookNew, RunbookShown, Answering]) -> None:
    """Make a runbook and keep it; nothing is run."""

    def tell(found: RunbookShown) -> None:
        print(printable(f"{found.id}: {found.title}, for the role {found.role}, {len(found.steps)} steps"))
        print(f"Next: arcops host runbook run {found.id}    (says what would be done; --yes does it)")

    shown(given, tell)


@command("host runbook status", f"{_LOOKING}:host_runbook_status", own=Answering, example="3f2a9c1b04de")
def status(given: Given[HostRunbookStatus, RunbooksKept, Answering]) -> None:
    """Say how far a runbook is; without its number, list the last ones."""

    def tell(found: RunbooksKept) -> None:
        if not found.runbooks:
            print("no runbook was made yet; 'arcops host runbook list' shows those that can be made")
        for one in found.runbooks:
            over = sum(step.state in ("done", "skipped") for step in one.steps)
            sealed = f", sealed {one.artifact}" if one.artifact else ""
            print(printable(f"{one.id} {one.name} for {one.role} by {one.author}: {over} of {len(one.steps)} steps{sealed}"))
            for step in one.steps if len(found.runbooks) == 1 else ():
                print(printable(f"  {step.number}. {step.title}: {step.state or 'not begun'} {step.said}".rstrip()))

    shown(given, tell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Answering):
    """The options of ``host runbook run``."""

    key: str = ""
    """Signing key of the record and of its commands: a file, env:NAME, or a URI [environment: ARCOPS_KEY]."""
    tier: Tier | None = None
    """How far its commands may connect, if they say nothing else [environment: ARCOPS_TIER]."""


@command("host runbook run", f"{_RUNNING}:host_runbook_run", own=Running, example="3f2a9c1b04de --step 1 --yes")
def run(given: Given[HostRunbookRun, RunbookRunTold, Running]) -> int:
    """Say what a runbook would do, or do it with --yes: 0 if nothing failed, 3 if a step did."""
    own = given.own
    at = surroundings.place(own.tier, own.key, surroundings.stop_on_signals())
    found = answer(given.tool, given.ask(), at)
    if own.form is TextOrJson.JSON:
        print_json(found)
        return GREEN if found.well else RED
    for one in found.steps:
        print(printable(f"{one.number}. {one.title}: {one.state}{f'; {one.why}' if one.why else ''}"))
        if one.command:
            print(printable(f"   $ arcops {shlex.join(one.command)}"))
        for line in one.output.splitlines():
            print(printable(f"   {line}"))
    if found.artifact:
        print(f"every step is done; the signed record is {found.artifact}")
    elif not found.did:
        print(f"nothing was done; to do it: arcops host runbook run {found.id} --yes")
    return GREEN if found.well else RED
