"""``arcops host run``: the server in a folder by itself, with the callers, limits, records and probes of a host."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adapters.cli import helping, reader, surroundings
from adapters.cli.commands import Command, Given, command
from adapters.cli.exits import CANNOT, GREEN, open_the_standard_streams, said_in_one_sentence
from adapters.cli.listening import Listening
from arcops.asks import shaped
from arcops.extras import refuse_without
from arcops.tier import Tier
from foundation.processes.hiding import hide_secrets

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingAlone(Listening):
    """The options of a server that is served by itself."""

    port: int = 8430
    """The port to listen at; 0 takes a free one."""
    share: tuple[str, ...] = field(default=(), metadata=shaped(title="role:NAME|user:ISSUER,TENANT,ID", most=100))
    """Who may call it besides those that a policy allows; give the option once for each."""
    reload: bool = False
    """Start it again whenever a file of it has changed."""
    tier: Tier | None = None
    """How far this process may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningAlone(ServingAlone):
    """The options of ``host run``."""

    folder: Path = field(default=Path(), metadata=shaped(positional=True, title="FOLDER"))
    """The folder with the server; its arcops.yaml says how it is started."""


@command("host run", own=RunningAlone, example="./echo --reload")
def run(given: Given[None, None, RunningAlone]) -> None:
    """Serve the server in a folder by itself, at /NAME/mcp: without a verdict, because it is your own."""
    from capabilities.server.putting import hosting_of
    from services.host.installers.folder import started

    folder = given.own.folder.absolute()
    hosting = hosting_of(folder)
    name = hosting.name or folder.name
    launch = started(folder / hosting.command)
    variables = dict(one.partition("=")[::2] for one in hosting.environment)
    serve_program(
        name,
        [*launch.command, *hosting.arguments],
        given.own,
        folder=folder,
        stateless=hosting.stateless,
        environment={**variables, **os.environ},
    )


def served_alone(name: str, program: Sequence[str], line: Sequence[str], *, stateless: bool) -> int:
    """The process of a project of its own: serve the server *name* as *line* says; the exit code."""
    hide_secrets()
    open_the_standard_streams()

    def serve(given: Given[None, None, ServingAlone]) -> None:
        serve_program(name, program, given.own, folder=Path.cwd(), stateless=stateless, environment=dict(os.environ))

    one = Command(words=(name,), doc=f"Serve {name} by itself, at /{name}/mcp.", run=serve, own=ServingAlone)
    try:
        with said_in_one_sentence():
            try:
                given = one.given(line)
            except reader.HelpWanted:
                print(helping.command(one).replace(one.name, name))
                return GREEN
            return one.run(given) or GREEN
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else CANNOT


def serve_program(
    name: str,
    program: Sequence[str],
    own: ServingAlone,
    *,
    folder: Path,
    stateless: bool,
    environment: dict[str, str],
) -> None:
    """Serve the server *name*, which *program* starts, until a signal ends it."""
    refuse_without(("server", "relay"))
    from adapters.cli.address import address, bound_at
    from adapters.cli.entering import enter
    from adapters.cli.hosting import Hosted, serve_hosted
    from adapters.http.app import DoorPart
    from adapters.http.serve import listen
    from adapters.relay.app import relay
    from foundation.authorization.sharing import read_share
    from services.host.by_itself import ByItself
    from services.host.hosted import Row
    from services.host.reserved import refuse_reserved

    refuse_reserved(name)
    row = Row(name=name, stateless=stateless, shares=tuple(map(read_share, own.share)))
    at = surroundings.place(own.tier)
    with closing(listen(own.host, own.port)) as listening:
        bound = bound_at(address(own), at, listening)
        entered = enter(at, bound, files=False)
        made = ByItself(row, program, folder=folder, environment=environment)
        app = relay(made, entered.door, origin=bound.url)
        look = partial(_look, folder) if own.reload else None

        @asynccontextmanager
        async def running() -> AsyncIterator[None]:
            try:
                async with made.running(look=look):
                    yield
            finally:
                app.close()

        part = DoorPart(routes=(), running=running(), hosted=made.all_shown)
        _log.info("the server %s, at /%s/mcp, at %s", name, name, bound.url)
        serve_hosted(Hosted(relay=app, part=part), bound, listening, entered, at)


def _look(folder: Path) -> object:
    """Something else whenever a file below *folder* was written, came or went."""
    from tasks.server.installed_tree import look

    try:
        return look(folder)
    except OSError:
        return None  # a file went while it was looked at; the next look sees what is left
