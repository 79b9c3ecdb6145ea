"""An agent as it is reproduced: what its file says, with what its servers are and offer here, by digests."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from arcops.errors import Refused
from arcops.seen.server_tools import Pin
from artifacts.agent_export import AgentExport, AgentModel, AgentOffer, AgentPrompt, AgentServer, AgentValue
from artifacts.wire import digest
from services.host.agents.agent_file import AgentAsked, ServerAsked
from services.host.rows import HostedRow
from services.host.spec import launching
from services.host.verdicts import Standing

_NAME = attrgetter("name")
FindRow = Callable[[str], HostedRow | None]
FindStanding = Callable[[HostedRow], Standing]
_ALWAYS = ("instructions",)
"""What an agent sees of a server, whichever tools it may call."""


def exported(agent: AgentAsked, row: FindRow, standing: FindStanding) -> AgentExport:
    """*agent* with the servers of here. The order in which its file names things does not matter.

    Raises `Refused` for a server that is not hosted here or may not run, and for a tool that it does not offer.
    """
    return AgentExport(
        name=agent.name,
        model=AgentModel(
            provider=agent.model.provider, name=agent.model.name, version=agent.model.version, digest=agent.model.digest
        ),
        prompts=tuple(AgentPrompt(name=one.name, text=one.text) for one in sorted(agent.prompts, key=_NAME)),
        servers=tuple(_server(one, row, standing) for one in sorted(agent.servers, key=_NAME)),
        settings=tuple(AgentValue(name=one.name, value=one.value) for one in sorted(agent.settings, key=_NAME)),
        secrets=tuple(sorted(agent.secrets)),
    )


def _server(asked: ServerAsked, row: FindRow, standing: FindStanding) -> AgentServer:
    found = row(asked.name)
    if found is None:
        raise Refused(f"there is no hosted server {asked.name!r}; 'arcops host list' shows those that are there")
    pins = standing(found).pins
    lock = found.current.lock
    if pins is None or lock is None:
        raise Refused(f"no verdict says what {asked.name} offers: its policy does not ask the gate server-tools")
    offers = offered(pins, asked.tools)
    if missing := sorted(set(asked.tools) - {one.name for one in offers if one.kind == "tool"}):
        raise Refused(f"{asked.name} offers no tool {missing[0][:80]!r}")
    return AgentServer(
        name=asked.name,
        package=found.current.spec.package,
        lock=lock.digest,
        launch=digest(launching(found.current.spec)),
        tools=tuple(sorted(set(asked.tools))),
        offers=offers,
    )


def offered(pins: tuple[Pin, ...], tools: tuple[str, ...]) -> tuple[AgentOffer, ...]:
    """What an agent sees of *pins* that may call these *tools*: all if none is named."""
    seen = (one for one in pins if not tools or one.kind in _ALWAYS or (one.kind == "tool" and one.name in tools))
    return tuple(
        sorted(
            (AgentOffer(kind=one.kind, name=one.name, digest=one.digest) for one in seen), key=lambda one: (one.kind, one.name)
        )
    )
