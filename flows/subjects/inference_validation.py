"""The flow ``inference-validation``: how an endpoint answers under a known load."""

from __future__ import annotations

import re

from arcops.endpoint import Endpoint, Load, Route, parse_slo
from arcops.errors import Refused
from flows.prefect.api import State, flow
from flows.prefect.flow import Aside, evaluate
from flows.prefect.parameters import (
    Aims,
    Authorities,
    Concurrencies,
    Each,
    LoadBudget,
    Metrics,
    Models,
    Output,
    Patience,
    PolicyName,
    Rates,
    RouteName,
    Seed,
    Served,
    Tokens,
    Url,
    WorkerKey,
)
from flows.subjects.evaluations import INFERENCE_VALIDATION
from foundation.settings import AUTHORITIES, Settings

_KEY = re.compile(r"env:ARCOPS_ENDPOINT_KEY[A-Z0-9_]*")


@flow(name=INFERENCE_VALIDATION.flow, persist_result=False, validate_parameters=True)
async def inference_validation(
    url: Url,
    models: Models,
    policy: PolicyName = INFERENCE_VALIDATION.policy,
    target: Served = "",
    slo: Aims = "",
    route: RouteName = "chat",
    seed: Seed = 1,
    each: Each = 8,
    concurrencies: Concurrencies = (1, 2, 4),
    rates: Rates = (2000,),
    tokens: Tokens = 32,
    patience_ms: Patience = 30_000,
    budget_s: LoadBudget = 300,
    metrics: Metrics = False,
    key: WorkerKey = "",
    token: WorkerKey = "",
    authorities: Authorities = "",
    output: Output = "",
) -> State[None]:
    """Load the endpoint at *url* from the worker's machine, and judge what came by *policy*; its files at *target*, too.

    Whoever may begin a run must not have the worker talk to whom its operator did not name, nor hand out its secrets.
    """

    def endpoint(settings: Settings) -> Endpoint:
        load = Load(
            url=url,
            models=tuple(models),
            route=Route(route),
            slo=parse_slo(slo),
            seed=seed,
            each=each,
            concurrencies=tuple(concurrencies),
            rates=tuple(rates),
            tokens=tokens,
            patience=patience_ms * 1000,
            budget=budget_s * 1_000_000,
            metrics=metrics,
        )
        if load.url not in settings.endpoints:
            raise Refused(f"this worker loads only the endpoints that its operator named (ARCOPS_ENDPOINTS), not {load.url}")
        refuse_other_keys(key)
        refuse_other_keys(token)
        if authorities:
            raise Refused(
                f"a run names no authorities, for who chooses them gets the key; the worker's operator does ({AUTHORITIES})"
            )
        return Endpoint(load=load, key=key, token=token, authorities=settings.authorities_for(load.url))

    return await evaluate(INFERENCE_VALIDATION, target, policy, (), output, aside=Aside(url=url), endpoint=endpoint)


def refuse_other_keys(key: str) -> None:
    """Raise `Refused` where a run would have the worker send something else than a key that was put there for this."""
    if key and not _KEY.fullmatch(key):
        raise Refused("a run names no secret of the worker's but env:ARCOPS_ENDPOINT_KEY, or one that begins so")
