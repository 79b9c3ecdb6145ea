"""Which server is it, which models can answer, and is it ready? Asked by routes that each kind of server documents.

Foundry Local on a device: the routes of its web service (``/status``, ``/models/loaded``) as foundry-local-sdk 2.2.1 has
them, and those of its preview (``/openai/status``, ``/openai/loadedmodels``). On Azure Local: ``/health``, ``/ready`` and
``/v1/model`` of Microsoft's reference of its inference API. vLLM and llama.cpp name themselves as the owner of their models.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from arcops.seen.inference import Fault, Listing
from arcops.seen.inference_server import HEALTH, Flavour, Probe, When
from tasks.inference.asking import EndpointDoor, fetch
from tasks.inference.bad_answer import BadAnswer

_MOST_LISTED = 500
_NO_LIST = "its answer is not a list of models"
_OUT_OF_REACH = (Fault.CONNECT, Fault.UNTRUSTED, Fault.TIMEOUT)
_OWNERS = {"vllm": Flavour.VLLM, "llamacpp": Flavour.LLAMA}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownServer:
    """The kind of server, the route of its list of models, why there is no list, and the ids of the models, sorted."""

    flavour: Flavour
    listing: Listing
    said: str
    listed: tuple[str, ...]


async def recognised(at: EndpointDoor, seconds: float) -> KnownServer:
    """Ask the server what it is; each question may take *seconds*. Never raises: an unknown server is ``UNREACHED``."""
    said: list[str] = []
    try:
        models = await fetch(at, Listing.OPENAI.value, seconds)
    except BadAnswer as error:
        models = b""
        said.append(f"{Listing.OPENAI.value}: {error.said}")
        if error.fault in _OUT_OF_REACH:
            return KnownServer(flavour=Flavour.UNREACHED, listing=Listing.NONE, said=said[0], listed=())
    flavour = await _flavour(at, seconds, models)
    for listing in _LISTINGS.get(flavour, (Listing.OPENAI,)):
        try:
            data = models if listing is Listing.OPENAI and models else await fetch(at, listing.value, seconds)
            return KnownServer(flavour=flavour, listing=listing, said="", listed=_names(data, one=listing is Listing.ONE))
        except BadAnswer as error:
            said.append(f"{listing.value}: {error.said}")
    return KnownServer(flavour=flavour, listing=Listing.NONE, said="; ".join(dict.fromkeys(said)), listed=())


_LISTINGS = {
    Flavour.FOUNDRY: (Listing.LOADED,),
    Flavour.FOUNDRY_PREVIEW: (Listing.LOADED_PREVIEW,),
    Flavour.FOUNDRY_AZURE: (Listing.OPENAI, Listing.ONE),
}


async def loaded(at: EndpointDoor, flavour: Flavour, seconds: float) -> tuple[str, ...]:
    """The ids of the models that Foundry Local holds in memory. Raises `BadAnswer`."""
    return _names(await fetch(at, _LISTINGS[flavour][0].value, seconds))


async def health(at: EndpointDoor, flavour: Flavour, when: When, seconds: float) -> tuple[Probe, ...]:
    """The server's health, by the routes of its kind."""
    return tuple([await _probe(at, path, when, seconds) for path in HEALTH[flavour]])


async def _probe(at: EndpointDoor, path: str, when: When, seconds: float) -> Probe:
    try:
        await fetch(at, path, seconds, kind="")
    except BadAnswer as error:
        return Probe(path=path, when=when, status=error.status, said=error.said)
    return Probe(path=path, when=when, status=200, said="")


async def _flavour(at: EndpointDoor, seconds: float, models: bytes) -> Flavour:
    if _has(await _asked(at, "/status", seconds), "modelcachepath", "endpoints") or isinstance(
        await _asked(at, Listing.LOADED.value, seconds), list
    ):
        return Flavour.FOUNDRY
    if _has(await _asked(at, "/openai/status", seconds), "modeldirpath", "endpoints"):
        return Flavour.FOUNDRY_PREVIEW
    if isinstance(await _asked(at, Listing.ONE.value, seconds), dict):
        ready = await _probe(at, "/ready", When.BEFORE, seconds)
        if ready.status in (200, 503):
            return Flavour.FOUNDRY_AZURE
    owners = _owners(models)
    return _OWNERS[owners.pop()] if len(owners) == 1 and owners <= _OWNERS.keys() else Flavour.OPENAI


async def _asked(at: EndpointDoor, path: str, seconds: float) -> object:
    """The JSON at *path*, or ``None``."""
    try:
        found: object = json.loads(await fetch(at, path, seconds))
    except (BadAnswer, ValueError, RecursionError):
        return None
    return found


def _has(said: object, *keys: str) -> bool:
    return isinstance(said, dict) and {str(key).lower() for key in said}.issuperset(keys)


def _owners(models: bytes) -> set[str]:
    try:
        return {str(entry["owned_by"]) for entry in json.loads(models)["data"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _names(data: bytes, *, one: bool = False) -> tuple[str, ...]:
    """The ids in OpenAI's list of models, in a plain list of names, or, for *one* model, all names in its description."""
    try:
        said = json.loads(data)
        entries = _called(said) if one else said["data"] if isinstance(said, dict) else said
        names = sorted({str(entry["id"]) if isinstance(entry, dict) else entry for entry in entries})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadAnswer(Fault.MALFORMED, _NO_LIST) from error
    if len(names) > _MOST_LISTED or not all(
        isinstance(name, str) and name.isprintable() and len(name) <= 200 for name in names
    ):
        raise BadAnswer(Fault.MALFORMED, _NO_LIST)
    return tuple(names)


def _called(said: Any) -> list[str]:
    """Microsoft's reference does not say which field of ``/v1/model`` is the id, so every usual one is taken."""
    names = [said.get(key) for key in ("id", "modelId", "model_id", "model", "name")]
    found = [name for name in names if isinstance(name, str) and name]
    if not found:
        raise BadAnswer(Fault.MALFORMED, "it does not name the model")
    return found
