"""``arcops conf serve`` and ``arcops conf mirror``: the service of clients' configuration, its replicas and its mirrors."""

from __future__ import annotations

import logging
import os
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.commands import Given, command
from adapters.cli.listening import Listening
from arcops.asks import shaped
from arcops.errors import Refused

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingConfiguration(Listening):
    """The options of ``conf serve``."""

    port: int = 8440
    """The port to listen at; 0 takes a free one."""
    replica: Path | None = field(default=None, metadata=shaped(title="FOLDER"))
    """Serve what this folder holds, without a key and without a database; it only reads."""


@command("conf serve", own=ServingConfiguration, example="--port 8440")
def serve(given: Given[None, None, ServingConfiguration]) -> None:
    """Serve clients' configuration over REST: families, releases, differences, changes; and publishing, for those who may."""
    from adapters.cli.address import address, bound_at
    from adapters.cli.entering import enter
    from adapters.http.app import front
    from adapters.http.configuration import Configuration
    from adapters.http.metrics import Metrics
    from adapters.http.quotas import connections_per_address
    from adapters.http.serve import listen
    from adapters.http.serve import serve as serve_app
    from adapters.http.stored import StoreWatch
    from capabilities.client.serving import served_here

    own = given.own
    if own.replica is not None and not own.replica.is_dir():
        raise Refused(f"{own.replica} is not a folder; 'arcops conf mirror --to FOLDER' writes one")
    at = surroundings.place() if own.replica is not None else surroundings.serving_place()
    with closing(listen(own.host, own.port)) as listening:
        bound = bound_at(address(own), at, listening)
        entered = enter(at, bound)
        door = entered.door
        made = Configuration(served=served_here(entered.at, own.replica), at=lambda: entered.at, door=door, origin=bound.url)
        watch = StoreWatch(at.settings.store, at.settings.memory)
        metrics = Metrics(watch, partial(door.for_readers, resource=f"{bound.url}/mcp"), entered.limits.told)
        app = front([*entered.parts, made.part()], bound, metrics)
        _log.info("clients' configuration at %s", bound.url)
        entered.say_how_to_open()
        serve_app(app, bound, listening, per_address=connections_per_address(os.environ))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirroring:
    """The options of ``conf mirror``."""

    to: Path = field(metadata=shaped(title="FOLDER"))
    """The folder of the replica; what is there stays, and what is new is added."""
    tar: Path | None = field(default=None, metadata=shaped(title="FILE"))
    """Write all of the folder into this new tar, too, to carry it."""


@command("conf mirror", own=Mirroring, example="--to replica --tar site.tar")
def mirror(given: Given[None, None, Mirroring]) -> None:
    """Write what is released into a folder that a replica serves, and that 'conf apply --mirror' reads without a network."""
    from capabilities.client.serving import exported, packed_mirror

    count = exported(surroundings.place(), given.own.to)
    print(f"{count} new release(s) are in {given.own.to}")
    if given.own.tar is not None:
        print(f"{packed_mirror(given.own.to, given.own.tar)} release(s) are in {given.own.tar}")
