"""Change a hosted server while it serves, and switch to a version that was proposed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, always, tool
from capabilities.server.place import ServerShown, database, found, shown
from flows.place import Place

_NAME = shaped(positional=True, title="NAME", least=1, most=63)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUpdate:
    """What to change; everything else stays as it is."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    package: str = field(default="", metadata=shaped(most=500))
    """Another package or version, as 'host add' takes it."""
    command: str = field(default="", metadata=shaped(most=200))
    """Another program of the package."""
    arguments: tuple[str, ...] = field(default=(), metadata=shaped(option="--arg", title="ARGUMENT", most=100))
    """All its arguments, in place of those before; give the option once for each."""
    environment: tuple[str, ...] = field(default=(), metadata=shaped(option="--env", title="NAME=VALUE", most=100))
    """A variable that is added, or has another value; without a value it is taken away. Give the option once for each."""
    secrets: tuple[str, ...] = field(default=(), metadata=shaped(option="--secret", title="NAME=REFERENCE", most=100))
    """A secret that is added, or has another reference; without one it is taken away. Give the option once for each."""
    network: str = field(default="", metadata=shaped(most=200))
    """What it may reach: none, or open for every address."""
    most: int = field(default=0, metadata=shaped(least=0, most=512))
    """The most processes of it on one host; as before if it is 0."""
    memory_mib: int = field(default=0, metadata=shaped(least=0, most=1_048_576))
    """How much memory each of them may have of its own, in MiB; as before if it is 0."""
    owner: str = field(default="", metadata=shaped(most=200))
    """The team that owns it; as before, if nothing is said."""


@tool(title="Update a hosted server", scope=Scope.TRUST, idempotent=True, destructive=True, long=True, connects=always)
def host_update(ask: HostUpdate, at: Place) -> ServerShown:
    """Give a hosted server a new version: it is judged and started once while the version before serves, and takes over only if
    both were good; if not, that one goes on, and the answer says why.
    """
    from capabilities.server.updating import update
    from services.host.rows import Rows
    from services.host.spec import checked, is_agent
    from services.host.to_agents import refuse_agent

    with database(at) as open_:
        there = Rows(open_)
        row = found(ask.name, there)
        refuse_agent(row)
        now = row.current.spec
        spec = replace(
            now,
            package=ask.package or now.package,
            command=ask.command or now.command,
            arguments=ask.arguments or now.arguments,
            environment=_merged(now.environment, ask.environment),
            secrets=_merged(now.secrets, ask.secrets),
            network=ask.network or now.network,
            most=ask.most or now.most,
            memory_mib=ask.memory_mib or now.memory_mib,
        )
        if is_agent(spec):
            raise Refused(f"{ask.name} is an MCP server, and becomes no agent; an agent is added with --from-catalog")
        done = update(ask.name, checked(spec), there, open_, at, owner=ask.owner or None)
        return shown(done.row, there, at)


def _merged(before: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    """The ``NAME=VALUE`` of *before* with those of *given*; a name without a value is taken away."""
    values = dict(one.partition("=")[::2] for one in before)
    for one in given:
        name, equals, value = one.partition("=")
        if not name or (not equals and name not in values):
            raise Refused(f"{one[:50]!r} is not NAME=VALUE, and no variable of that name is there to be taken away")
        if equals:
            values[name] = value
        else:
            del values[name]
    return tuple(f"{name}={value}" for name, value in values.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSwitch:
    """To which version to switch."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    to: int = field(metadata=shaped(least=1, most=1_000_000))
    """The number of the version that was proposed."""


@tool(title="Switch a hosted server to a version", scope=Scope.TRUST, destructive=True, long=True)
def host_switch(ask: HostSwitch, at: Place) -> ServerShown:
    """Switch to a version that was proposed: it is judged and started once first, while the version that counts now goes on."""
    from capabilities.server.updating import switch
    from services.host.rows import Rows

    with database(at) as open_:
        there = Rows(open_)
        found(ask.name, there)
        return shown(switch(ask.name, ask.to, there, open_, at), there, at)
