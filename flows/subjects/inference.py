"""The evaluation of an *inference* endpoint under a load."""

from __future__ import annotations

import re

from arcops.endpoint import Endpoint, Load, parse_slo
from arcops.errors import Refused
from arcops.judgeable import Judgeable
from arcops.subjects.inference import LoadedEndpoint
from flows.place import Place
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import ROOT, Meant, existing, means
from foundation.settings import AUTHORITIES

INFERENCE_VALIDATION = Evaluation(
    flow="inference-validation",
    subject=LoadedEndpoint,
    judging=(Judgeable,),
    doc="Judge how an endpoint answers under a known load, and its files if they are named.",
)
_WORKERS_KEY = re.compile(r"env:ARCOPS_ENDPOINT_KEY[A-Z0-9_]*")


@means(LoadedEndpoint)
def loaded(found: LoadedEndpoint, at: Place) -> Meant:
    """The endpoint and its load. Raises `Refused` for an impossible load, and for what this caller must not ask for."""
    load = Load(
        url=found.url,
        models=found.models,
        route=found.route,
        slo=parse_slo(found.slo),
        seed=found.seed,
        each=found.each,
        concurrencies=found.concurrencies,
        rates=found.rates,
        tokens=found.tokens,
        patience=found.patience_ms * 1000,
        budget=found.budget_s * 1_000_000,
        reload=found.load,
        metrics=found.metrics,
        tools=found.tools,
    )
    if at.worker:
        _refuse_for_worker(load, found, at)
    else:
        if at.remote:
            _refuse_remote(load, found, at)
        from tasks.inference.asking import refuse_beyond  # the client, which only a check needs

        refuse_beyond(load.url, at.settings.tier)
    authorities = at.settings.authorities_for(load.url) if found.authorities is None else str(found.authorities)
    endpoint = Endpoint(load=load, key=found.key, token=found.token, authorities=authorities)
    if found.of is not None:
        return Meant(target=existing(found.of, at), endpoint=endpoint)
    return Meant(target=ROOT, named=load.url, endpoint=endpoint)


def refuse_other_keys(found: LoadedEndpoint) -> None:
    """Raise `Refused` if a run would make the worker send a secret other than a key that was set for this."""
    for key in (found.key, found.token):
        if key and not _WORKERS_KEY.fullmatch(key):
            raise Refused(
                "a run may use only env:ARCOPS_ENDPOINT_KEY, or a variable that begins with it, as the worker's secret"
            )


def _refuse_for_worker(load: Load, found: LoadedEndpoint, at: Place) -> None:
    """A caller who starts runs must not make the worker contact hosts that its operator did not name, or send its secrets."""
    if load.url not in at.settings.endpoints:
        raise Refused(f"this worker checks only endpoints that its operator named (ARCOPS_ENDPOINTS), not {load.url}")
    refuse_other_keys(found)


def _refuse_remote(load: Load, found: LoadedEndpoint, at: Place) -> None:
    """A remote caller must not make this machine contact hosts that the operator did not name, or send its secrets."""
    if found.key or found.token:
        raise Refused("a caller over the network cannot use a key of this server; run the check on a machine that has the key")
    if found.authorities is not None:
        raise Refused(
            "a caller over the network cannot name certificate authorities, because they decide which server counts as the "
            f"endpoint; this server's operator sets them ({AUTHORITIES})"
        )
    if found.load:
        raise Refused(
            "a caller over the network may not have models unloaded and loaded; run the check on a machine of the site"
        )
    if load.url not in at.settings.endpoints:
        raise Refused("this server checks only endpoints that its operator named (ARCOPS_ENDPOINTS)")
