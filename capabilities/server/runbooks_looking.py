"""Runbooks: which there are, what they say for a role, and how far one that was made is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import kept_database, moment
from flows.place import Place

if TYPE_CHECKING:
    from services.host.runbooks.kept import KeptRunbook, KeptStep
    from services.host.runbooks.runbook import Runbook

_MOST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRunbookList:
    """Nothing is asked: all are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterListed:
    """A value that a runbook is made with. It must be given if it is ``needed``."""

    name: str
    kind: str
    doc: str
    needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookListed:
    """A runbook that can be made. ``stale`` says that no one compared it with its sources for too long."""

    name: str
    title: str
    version: int
    updated: str
    stale: bool
    sources: tuple[str, ...]
    roles: tuple[str, ...]
    parameters: tuple[ParameterListed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbooksListed:
    """The runbooks, in the order of names."""

    runbooks: tuple[RunbookListed, ...]


@tool(title="List runbooks", scope=Scope.READ, reads_only=True)
def host_runbook_list(ask: HostRunbookList, at: Place) -> RunbooksListed:
    """List the runbooks for hosted servers: for which roles, with which parameters, how old."""
    from services.host.runbooks.template import names, template

    now = at.now()
    return RunbooksListed(
        runbooks=tuple(
            RunbookListed(
                name=one.name,
                title=one.title,
                version=one.version,
                updated=one.updated,
                stale=one.stale(now),
                sources=one.sources,
                roles=tuple(one.roles),
                parameters=tuple(
                    ParameterListed(name=each.name, kind=each.kind, doc=each.doc, needed=each.default is None)
                    for each in one.parameters
                ),
            )
            for one in map(template, names())
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRunbookShow:
    """Which runbook to show, for which role, with which values."""

    name: str = field(metadata=shaped(positional=True, title="NAME", least=1, most=63))
    """The runbook's name, as 'arcops host runbook list' shows it."""
    role: str = field(metadata=shaped(least=1, most=40))
    """platform-engineer, developer, sre or security."""
    settings: tuple[str, ...] = field(default=(), metadata=shaped(option="--set", title="NAME=VALUE", most=50))
    """A parameter's value; give the option once for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookStepShown:
    """A step. ``command`` is what is run, ``check`` what looks if it had its effect; ``mine`` says if this role runs it.

    ``state`` and ``why`` say how it is, if the runbook is kept: ``begun`` if it runs now or was cut off.
    """

    number: int
    title: str
    why: str
    roles: tuple[str, ...]
    mine: bool
    command: tuple[str, ...]
    check: tuple[str, ...]
    state: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookShown:
    """A runbook for a role. ``content`` is its digest, ``page`` the same as Markdown.

    ``id`` is its number if it is kept, and ``artifact`` the digest of its sealed record once it is done.
    """

    name: str
    title: str
    version: int
    updated: str
    stale: bool
    sources: tuple[str, ...]
    role: str
    content: str
    steps: tuple[RunbookStepShown, ...]
    page: str
    id: str = ""
    author: str = ""
    artifact: str = ""


@tool(title="Show a runbook", scope=Scope.READ, reads_only=True)
def host_runbook_show(ask: HostRunbookShow, at: Place) -> RunbookShown:
    """Show a runbook for a role with its values filled in: each step's command, and the check of its effect. Nothing is run."""
    return shown(read(ask), at.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRunbookStatus:
    """Which runbook to look at."""

    id: str = field(default="", metadata=shaped(positional=True, title="ID", most=40))
    """Its number, as 'arcops host runbook new' gave it; without it the last ones are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbooksKept:
    """The runbooks that were made, the newest first."""

    runbooks: tuple[RunbookShown, ...]


@tool(title="Show how far runbooks are", scope=Scope.READ, reads_only=True)
def host_runbook_status(ask: HostRunbookStatus, at: Place) -> RunbooksKept:
    """Say how far a runbook that was made is: which steps are done, and which one is next."""
    with kept_database(at) as there:
        if there is None:
            if ask.id:
                raise Refused(f"there is no runbook {ask.id!r}; 'arcops host runbook new' makes one")
            return RunbooksKept(runbooks=())
        from services.host.runbooks.kept import Runbooks

        kept = Runbooks(there)
        found = (kept.one(ask.id),) if ask.id else kept.newest(_MOST_SHOWN)
        return RunbooksKept(runbooks=tuple(kept_shown(one, kept.steps(one.id), at.now()) for one in found))


def read(ask: HostRunbookShow) -> Runbook:
    """The runbook that *ask* names. Raises `Refused`."""
    from services.host.runbooks.runbook import made
    from services.host.runbooks.template import Role, template

    of = template(ask.name)
    if ask.role not in tuple(Role):
        raise Refused(f"there is no role {ask.role!r}; there are {', '.join(Role)}")
    return made(of, Role(ask.role), ask.settings)


def shown(runbook: Runbook, now: datetime, id_: str = "") -> RunbookShown:
    """*runbook* as an answer."""
    from services.host.runbooks.pages import page, shown_values
    from services.host.runbooks.runbook import check_of, command_of

    of, values = runbook.template, shown_values(runbook)
    return RunbookShown(
        name=of.name,
        title=of.title,
        version=of.version,
        updated=of.updated,
        stale=of.stale(now),
        sources=of.sources,
        role=runbook.role,
        content=runbook.digest,
        steps=tuple(
            RunbookStepShown(
                number=number,
                title=one.title,
                why=one.why,
                roles=tuple(one.roles),
                mine=runbook.mine(one),
                command=command_of(one, values),
                check=check_of(one, values),
            )
            for number, one in enumerate(of.steps, 1)
        ),
        page=page(runbook, now, id_),
        id=id_,
    )


def kept_shown(kept: KeptRunbook, steps: dict[int, KeptStep], now: datetime) -> RunbookShown:
    """A runbook that is kept, with how each step is."""
    found = shown(kept.runbook, now, kept.id)

    def how(number: int) -> tuple[str, str]:
        step = steps.get(number)
        if step is None:
            return "", ""
        began = moment(step.began)
        return step.state, step.record.why if step.record else f"begun {began:%Y-%m-%d %H:%M:%S}Z, and not ended since"

    told = [(one, *how(one.number)) for one in found.steps]
    return replace(
        found,
        steps=tuple(replace(one, state=state, said=why) for one, state, why in told),
        author=kept.author,
        artifact=kept.artifact,
    )
