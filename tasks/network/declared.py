"""The manifests that say how a network should be, read as the ones that are judged are."""

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
    """Read what the request says was declared. Raises `Refused` where it says nothing, or where no manifest is there."""
    if request.declared is None:
        raise Refused("nobody said what was declared; name the folder of manifests to compare with")
    network = read_manifests(request.declared, tick=lambda: request.progress(0, 0), within=request.within)
    return Sighting(body=Declared(network=network))
