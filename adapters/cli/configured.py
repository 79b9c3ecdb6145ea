"""What ``arcops conf serve`` serves: clients' configuration over REST, of this place, of a replica's folder, or of several
organisations.
"""

from __future__ import annotations

import logging
import os
from contextlib import closing
from functools import partial

from starlette.routing import Mount, Route

from adapters.cli import surroundings
from adapters.cli.address import address, bound_at
from adapters.cli.conf_measuring import ConfigurationMetrics
from adapters.cli.conf_options import ServingConfiguration
from adapters.cli.conf_organisations import DISCOVERY, PREFIX, Below, OfOrganisation, organisations, place_of
from adapters.cli.entering import enter
from adapters.http.access import Door
from adapters.http.app import DoorPart, front
from adapters.http.configuration import Configuration
from adapters.http.quotas import connections_per_address
from adapters.http.serve import listen
from adapters.http.serve import serve as serve_app
from adapters.http.stored import StoreWatch
from arcops.errors import Refused
from capabilities.client.serving import served_here
from capabilities.place import Place
from services.config.documents import BASE

_log = logging.getLogger(__name__)


def configuration(own: ServingConfiguration) -> None:
    """Serve until a signal ends it. A replica takes no key and no database."""
    replica, several = own.replica, organisations(own.organisations)
    if replica is not None and several:
        raise Refused("a replica and organisations were named; serve each replica by itself")
    if replica is not None and not replica.is_dir():
        raise Refused(f"{replica} is not a folder; 'arcops conf mirror --to FOLDER' writes one")
    at = surroundings.place() if replica is not None or several else surroundings.serving_place()
    with closing(listen(own.host, own.port)) as listening:
        bound = bound_at(address(own), at, listening)
        entered = enter(at, bound)
        watch = StoreWatch(at.settings.store, at.settings.memory)
        reading = partial(entered.door.for_readers, resource=f"{bound.url}/mcp")
        metrics = ConfigurationMetrics(watch, reading, entered.limits.told)
        if several:
            parts = [
                of_organisation(name, place_of(entered.at, folder), entered.door, bound.url, metrics)
                for name, folder in several.items()
            ]
        else:
            made = Configuration(
                served=served_here(entered.at, replica), at=lambda: entered.at, door=entered.door, origin=bound.url
            )
            parts = [alone(made, metrics)]
        app = front([*entered.parts, *parts], bound, metrics)
        _log.info("clients' configuration at %s", bound.url)
        entered.say_how_to_open()
        serve_app(app, bound, listening, per_address=connections_per_address(os.environ))


def alone(made: Configuration, metrics: ConfigurationMetrics) -> DoorPart:
    """The service *made*, measured, as the part of a front."""
    routes = [Route(DISCOVERY, endpoint=made.discovery, methods=["GET"]), Mount(BASE, app=metrics.about(made))]
    return DoorPart(routes=routes, running=made.running(), probes={"configuration": made.served.healthy})


def of_organisation(name: str, at: Place, door: Door, url: str, metrics: ConfigurationMetrics) -> DoorPart:
    """The service of the organisation *name* at the place *at*, below its own path."""
    path = f"{PREFIX}/{name}"
    made = OfOrganisation(served=served_here(at, None), at=lambda: at, door=door, origin=f"{url}{path}", organisation=name)
    below = Below(made=made, app=metrics.about(made, name), path=path)
    probes = {f"configuration of {name}": made.served.healthy}
    return DoorPart(routes=[Mount(path, app=below)], running=made.running(), probes=probes)
