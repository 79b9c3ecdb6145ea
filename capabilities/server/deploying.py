"""Change the rows of hosted servers: add one, give it a new version, roll back, start, stop, restart, remove."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import ServerShown, author, database, found, rows, shown
from flows.place import Place

_NAME = shaped(positional=True, title="NAME", least=1, most=63)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDeploy:
    """What to host."""

    name: str = field(metadata=_NAME)
    """The server's name, a part of its URL: a-z, 0-9 and '-'."""
    package: str = field(default="", metadata=shaped(most=500))
    """What runs, in one exact version: pypi:NAME==VERSION, npm:NAME@VERSION, folder:/PATH, or oci:/PATH@sha256:DIGEST (an image
    layout). Or a server of another machine: remote:https://HOST/PATH, or sse:https://HOST/PATH for the older transport.
    """
    catalog: str = field(default="", metadata=shaped(option="--from-catalog", title="ENTRY[@VERSION]", most=460))
    """Instead of a package: an entry of the catalog with a version, such as io.github.user/server@1.0.2; without a version the
    newest one that is approved. Its arguments and variables are those of its document, unless others are given. An agent (A2A)
    is kept as a row with its card, and calls to it are refused.
    """
    command: str = field(default="", metadata=shaped(most=200))
    """The program of the package, if it has several; in a folder, the file that runs."""
    arguments: tuple[str, ...] = field(default=(), metadata=shaped(option="--arg", title="ARGUMENT", most=100))
    """An argument for it; give the option once for each."""
    environment: tuple[str, ...] = field(default=(), metadata=shaped(option="--env", title="NAME=VALUE", most=100))
    """A variable for it, which gets no other of this machine, or a header for one elsewhere; give the option once for each."""
    secrets: tuple[str, ...] = field(default=(), metadata=shaped(option="--secret", title="NAME=REFERENCE", most=100))
    """A variable or header that is looked up at each start, such as TOKEN=file:/run/token or TOKEN=vault:kv/site#token."""
    bound: tuple[str, ...] = field(default=(), metadata=shaped(option="--bind", title="[TENANT:]NAME=VALUE", most=100))
    """A scope parameter: {NAME} in arguments and variables becomes VALUE, and a call that asks for another one is refused."""
    network: str = field(default="none", metadata=shaped(most=200))
    """What it may reach: none, or open for every address."""
    reads: tuple[Path, ...] = field(default=(), metadata=used(Use.HERE) | shaped(option="--read", title="PATH", most=50))
    """A folder or file that it may read, besides its own; give the option once for each."""
    writes: tuple[Path, ...] = field(default=(), metadata=used(Use.HERE) | shaped(option="--write", title="PATH", most=50))
    """A folder or file that it may read and write, besides its own; give the option once for each."""
    stateless: bool = False
    """Sessions share one process of it: only for a server that remembers nothing between calls."""
    dedicated: bool = False
    """Each tenant has processes of its own."""
    one_host: bool = False
    """One host at a time runs it, under a lease."""
    warm: bool = False
    """Its sessions are forked from one process that has imported its code: only for a Python server of your own."""
    most: int = field(default=32, metadata=shaped(least=1, most=512))
    """The most processes of it on one host."""
    memory_mib: int = field(default=4096, metadata=shaped(least=16, most=1_048_576))
    """How much memory each of them may have of its own, in MiB."""
    idle_seconds: int = field(default=600, metadata=shaped(least=1, most=86_400))
    """After how many seconds without use a process ends."""
    call_seconds: int = field(default=600, metadata=shaped(least=1, most=86_400))
    """After how many seconds a call is cancelled."""
    owner: str = field(default="", metadata=shaped(most=200))
    """The team that owns it; the one who adds it, if nothing is said."""


@tool(title="Host an MCP server", scope=Scope.TRUST, idempotent=True, destructive=True)
def host_deploy(ask: HostDeploy, at: Place) -> ServerShown:
    """Add a hosted MCP server, or give one a new version. It is a row: nothing is installed and nothing runs before the first
    request, and nothing may run before it was judged (host_gate).
    """
    from services.host.elsewhere import refuse_unreached
    from services.host.reserved import refuse_reserved
    from services.host.spec import Spec, checked, is_agent, read_package

    spec = Spec(
        package=ask.package,
        command=ask.command,
        arguments=ask.arguments,
        environment=ask.environment,
        secrets=ask.secrets,
        bound=ask.bound,
        network=ask.network,
        reads=tuple(str(one.absolute()) for one in ask.reads),
        writes=tuple(str(one.absolute()) for one in ask.writes),
        stateless=ask.stateless,
        dedicated=ask.dedicated,
        one_host=ask.one_host,
        warm=ask.warm,
        most=ask.most,
        memory_mib=ask.memory_mib,
        idle_seconds=ask.idle_seconds,
        call_seconds=ask.call_seconds,
    )
    refuse_reserved(ask.name)
    if bool(ask.package) == bool(ask.catalog):
        raise Refused("say what to host: --package, or --from-catalog, and not both")
    if is_agent(spec):
        raise Refused(f"an agent comes with its card: import that, and say --from-catalog {ask.package.partition(':')[2]}")
    if ask.catalog:
        from capabilities.server.catalog_hosting import from_catalog

        spec = from_catalog(ask.catalog, spec, at)
    package = read_package(checked(spec).package)
    if package.source.elsewhere:
        refuse_unreached(package.name, at.settings.tier)
    with rows(at) as there:
        before = there.one(ask.name)
        if before is not None and is_agent(before.current.spec) is not is_agent(spec):
            now, new = ("an agent", "a server") if is_agent(before.current.spec) else ("a server", "an agent")
            raise Refused(f"{ask.name} is {now}, and does not become {new}; choose another name, or remove it first")
        return shown(there.put(ask.name, spec, author=author(at), owner=ask.owner or None), there, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRollback:
    """To which version to go back."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    to: int = field(default=0, metadata=shaped(least=0, most=1_000_000))
    """The number of the version, as 'arcops host history' shows it; the one that counted before this one, if it is 0."""


@tool(title="Roll a hosted server back", scope=Scope.TRUST, destructive=True, long=True)
def host_rollback(ask: HostRollback, at: Place) -> ServerShown:
    """Make a new version that is as an earlier one was, with the same lock, and switch to it. If its verdict counts no more, it
    is judged and tried first, while the version that serves now goes on.
    """
    from capabilities.server.updating import go_back
    from services.host.rows import Rows

    with database(at) as open_:
        there = Rows(open_)
        found(ask.name, there)
        return shown(go_back(ask.name, ask.to, there, open_, at), there, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStart:
    """Which server to let run."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@tool(title="Let a hosted server run", scope=Scope.TRUST, idempotent=True, destructive=True)
def host_start(ask: HostStart, at: Place) -> ServerShown:
    """Let a server run that was stopped; the next request starts it."""
    with rows(at) as there:
        return shown(there.enable(ask.name, True), there, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStop:
    """Which server to stop."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@tool(title="Stop a hosted server", scope=Scope.TRUST, idempotent=True, destructive=True)
def host_stop(ask: HostStop, at: Place) -> ServerShown:
    """Stop a server on every host, within a second or so. Requests for it are refused until it is started again."""
    with rows(at) as there:
        return shown(there.enable(ask.name, False), there, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRestart:
    """Which server to restart."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@tool(title="Restart a hosted server", scope=Scope.TRUST, destructive=True)
def host_restart(ask: HostRestart, at: Place) -> ServerShown:
    """End every process of a server, and its sessions with them; the next request starts it again."""
    with rows(at) as there:
        return shown(there.restart(ask.name), there, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRemove:
    """Which server to remove."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@tool(title="Remove a hosted server", scope=Scope.TRUST, destructive=True)
def host_remove(ask: HostRemove, at: Place) -> ServerShown:
    """Remove a server: its processes end, its URL is gone, and nothing of it is allowed any more. Its history stays."""
    with rows(at) as there:
        before = shown(found(ask.name, there), there, at)
        there.remove(ask.name)
        return before
