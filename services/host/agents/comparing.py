"""What would be other here for an agent that was exported elsewhere, one line each. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.errors import Refused
from artifacts.agent_export import AgentExport, AgentServer
from artifacts.wire import digest
from services.host.agents.exporting import FindRow, FindStanding, offered
from services.host.rows import HostedRow
from services.host.spec import launching


def differences(agent: AgentExport, row: FindRow, standing: FindStanding, given: frozenset[str]) -> tuple[str, ...]:
    """What differs here: servers, their files, how they start, whether they may run, what they offer; and secrets without a
    reference in *given*.
    """
    return (
        *(line for one in agent.servers for line in _server(one, row(one.name), standing)),
        *(f"secret {name}: no reference is given here (--secret {name}=…)" for name in agent.secrets if name not in given),
        *(f"secret {name}: the agent names no such secret" for name in sorted(given - set(agent.secrets))),
    )


def _server(one: AgentServer, found: HostedRow | None, standing: FindStanding) -> Iterator[str]:
    name = f"server {one.name}"
    if found is None:
        yield f"{name}: it is not hosted here; arcops host add {one.name} --package {one.package}"
        return
    spec, lock = found.current.spec, found.current.lock
    if spec.package != one.package:
        yield f"{name}: it is {spec.package} here, and was {one.package}"
    if lock is None or lock.digest != one.lock:
        yield f"{name}: its lock is {lock.digest if lock is not None else 'not resolved'} here, and was {one.lock}"
    if digest(launching(spec)) != one.launch:
        yield f"{name}: it is started in another way here (its row's arguments, variables, network or paths)"
    if not found.enabled:
        yield f"{name}: it is stopped here"
    try:
        pins = standing(found).pins
    except Refused as error:
        yield f"{name}: {error}"
        return
    if pins is None:
        yield f"{name}: no verdict here says what it offers"
        return
    here = {(each.kind, each.name): each.digest for each in offered(pins, one.tools)}
    there = {(each.kind, each.name): each.digest for each in one.offers}
    for kind, of in sorted(here.keys() | there.keys()):
        if (kind, of) not in here:
            yield f"{name}: the {kind} {of} is not offered here"
        elif (kind, of) not in there:
            yield f"{name}: the {kind} {of} is offered here, and was not there"
        elif here[kind, of] != there[kind, of]:
            yield f"{name}: the {kind} {of} has another definition here ({here[kind, of]}, and was {there[kind, of]})"
