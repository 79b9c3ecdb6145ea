"""Two collectors that say how much memory they may take: each runs in a process of its own, which imports this module alone."""

from __future__ import annotations

import resource

from arcops.collector import collector
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from tests.sketch import Number


@collector("number", Number, version="1", isolated=True)
def bounded(request: Request, seen: Seen) -> Sighting[Number]:
    """As most are."""
    return Sighting(body=Number(value=resource.getrlimit(resource.RLIMIT_AS)[0]))


@collector("number", Number, version="1", isolated=True, measures=True)
def measuring(request: Request, seen: Seen) -> Sighting[Number]:
    """As one that measures."""
    return Sighting(body=Number(value=resource.getrlimit(resource.RLIMIT_AS)[0]))
