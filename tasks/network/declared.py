"""The manifests that say how a network should be, read like those that are judged."""

from __future__ import annotations

from datetime import timedelta

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.declared import Declared
from tasks.network.network import read_manifests


@collector("declared", Declared, version="1", deadline=timedelta(minutes=15), takes=("network",))
def declared(request: Request, seen: Seen) -> Sighting[Declared]:
    """Read the declared manifests of the request. Raises `Refused` if the request names none, or if there is no manifest."""
    if request.declared is None:
        raise Refused("no declared manifests were given; name the folder of manifests to compare with")
    network = read_manifests(request.declared, tick=lambda: request.progress(0, 0), within=request.within, live=False)
    return Sighting(body=Declared(network=network))
