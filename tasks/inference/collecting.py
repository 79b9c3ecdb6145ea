"""The collector: look at what the endpoint lists, then let it bear the load."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta

from arcops.collector import collector
from arcops.endpoint import Load
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.inference import Fault, Inference, Listing
from arcops.seen.tree import Tree
from foundation.secrets import referred
from tasks.inference.asking import Door, door, fetch
from tasks.inference.events import BadAnswer
from tasks.inference.loading import bear

ENDPOINT = "inference-endpoint"
"""The kind of subject that this collector looks at."""

_MOST_LISTED = 500
_SECONDS_TO_LIST = 10.0
_NO_LIST = "what it answers is no list of models"


# A process of its own: looking up a host's name can hang where no deadline of ours reaches, and a busy neighbour would be
# measured as if it were the endpoint. It waits until a model's files were read, lest reading them be measured, too; and so it
# is those files that name the subject, where a policy asks about both.
@collector(Inference, version="1", wants=(Tree,), deadline=timedelta(minutes=21), isolated=True, follows=True)
def inference(request: Request, seen: Seen) -> Sighting[Inference]:
    """Raises `Refused` where the request names no endpoint, or one that the tier does not reach."""
    endpoint = request.endpoint
    if endpoint is None:
        raise Refused(f"a {request.kind} is no inference endpoint; check one with 'arcops inference check URL'")
    key = referred(os.environ, endpoint.key, "API key") if endpoint.key else ""
    at = door(endpoint.load, request.tier, key=key, authorities=endpoint.authorities)
    return Sighting(body=asyncio.run(_look(at, endpoint.load, request)))


async def _look(at: Door, load: Load, request: Request) -> Inference:
    listing, said, listed = await _listed(at, load)
    runs = await bear(at, load, lambda: request.progress(0, 0))
    return Inference(load=load, with_key=bool(at.key), listing=listing, listing_said=said, listed=listed, runs=runs)


async def _listed(at: Door, load: Load) -> tuple[Listing, str, tuple[str, ...]]:
    seconds = min(_SECONDS_TO_LIST, load.patience / 1e6)
    said = []
    for listing in (Listing.OPENAI, Listing.LOADED):
        try:
            names = _names(await fetch(at, listing.value, seconds))
        except BadAnswer as error:
            said.append(f"{listing.value}: {error.said}")
        else:
            return listing, "", names
    return Listing.NONE, "; ".join(said), ()


def _names(data: bytes) -> tuple[str, ...]:
    """The ids in OpenAI's list of models, or in a plain list of names."""
    try:
        said = json.loads(data)
        entries = said["data"] if isinstance(said, dict) else said
        names = sorted({str(entry["id"]) if isinstance(entry, dict) else entry for entry in entries})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadAnswer(Fault.MALFORMED, _NO_LIST) from error
    if len(names) > _MOST_LISTED or not all(
        isinstance(name, str) and name.isprintable() and len(name) <= 200 for name in names
    ):
        raise BadAnswer(Fault.MALFORMED, _NO_LIST)
    return tuple(names)
