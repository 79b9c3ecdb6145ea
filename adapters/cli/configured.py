"""What ``arcops conf serve`` serves: clients' configuration over REST, of this place or of a replica's folder."""

from __future__ import annotations

import logging
import os
from contextlib import closing
from functools import partial
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.address import address, bound_at
from adapters.cli.entering import enter
from adapters.cli.listening import Listening
from adapters.http.app import front
from adapters.http.configuration import Configuration
from adapters.http.metrics import Metrics
from adapters.http.quotas import connections_per_address
from adapters.http.serve import listen
from adapters.http.serve import serve as serve_app
from adapters.http.stored import StoreWatch
from arcops.errors import Refused
from capabilities.client.serving import served_here

_log = logging.getLogger(__name__)


def configuration(own: Listening, replica: Path | None) -> None:
    """Serve until a signal ends it. A *replica* takes no key and no database."""
    if replica is not None and not replica.is_dir():
        raise Refused(f"{replica} is not a folder; 'arcops conf mirror --to FOLDER' writes one")
    at = surroundings.place() if replica is not None else surroundings.serving_place()
    with closing(listen(own.host, own.port)) as listening:
        bound = bound_at(address(own), at, listening)
        entered = enter(at, bound)
        door = entered.door
        made = Configuration(served=served_here(entered.at, replica), at=lambda: entered.at, door=door, origin=bound.url)
        watch = StoreWatch(at.settings.store, at.settings.memory)
        metrics = Metrics(watch, partial(door.for_readers, resource=f"{bound.url}/mcp"), entered.limits.told)
        app = front([*entered.parts, made.part()], bound, metrics)
        _log.info("clients' configuration at %s", bound.url)
        entered.say_how_to_open()
        serve_app(app, bound, listening, per_address=connections_per_address(os.environ))
