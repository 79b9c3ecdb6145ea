"""Loads models, if the server has a route for that: Foundry Local loads by alias, and answers by the id that it lists then."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

from arcops.endpoint import Load
from arcops.seen.inference_server import Flavour, Served
from tasks.inference.asking import EndpointDoor, fetch
from tasks.inference.bad_answer import BadAnswer
from tasks.inference.recognising import KnownServer, loaded

_ROUTES = {
    Flavour.FOUNDRY: ("/models/unload/{}", "/models/load/{}"),
    # The parameters: do not unload by itself later, and unload now although its time is not over.
    Flavour.FOUNDRY_PREVIEW: ("/openai/unload/{}?force=true", "/openai/load/{}?unload=false"),
}
_SECONDS_TO_UNLOAD = 60.0


def as_listed(known: KnownServer, load: Load) -> tuple[Served, ...]:
    """The models in their present state; ArcOps loaded none of them."""
    if load.reload:
        why = f"a server of the kind {known.flavour.value} has no route to load a model"
    else:
        why = "the models were not to be loaded; use --load for that"
    return tuple(
        Served(model=model, id=model if model in known.listed else "", was_loaded=None, cold=None, said=why)
        for model in load.models
    )


def can_load(known: KnownServer) -> bool:
    return known.flavour in _ROUTES


async def reloaded(at: EndpointDoor, known: KnownServer, model: str, seconds: float) -> Served:
    """Unload *model*, load it, and find the id by which it is listed then. Never raises: errors are in ``said``."""
    flavour = known.flavour
    unload, load = (route.format(quote(model, safe="")) for route in _ROUTES[flavour])
    try:
        before = await loaded(at, flavour, seconds)
        await fetch(at, unload, min(seconds, _SECONDS_TO_UNLOAD), kind="")
        between = await loaded(at, flavour, seconds)
        began = time.perf_counter_ns()
        answer = await fetch(at, load, seconds, kind="")
        took = (time.perf_counter_ns() - began) // 1000
        after = await loaded(at, flavour, seconds)
    except BadAnswer as error:
        said = f"it could not be unloaded and loaded: {error.said}; Foundry Local needs its alias, not its id"
        return Served(model=model, id=model if model in known.listed else "", was_loaded=None, cold=None, said=said)
    new = set(after) - set(between)
    if len(new) != 1:
        said = f"after it was loaded, the list had {len(new)} new models, so its id is unknown"
        return Served(model=model, id="", was_loaded=None, cold=None, said=said)
    (name,) = new
    if _status(answer) not in ("", "loaded"):
        return Served(model=model, id=name, was_loaded=name in before, cold=None, said="another client loaded it meanwhile")
    return Served(model=model, id=name, was_loaded=name in before, cold=took, said="")


def _status(answer: bytes) -> str:
    """``loaded``, ``already_loaded``, or empty: the preview answers with an empty body."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    status = said.get("status") if isinstance(said, dict) else None
    return status if isinstance(status, str) else ""
