"""Check an inference endpoint: let it bear a known load, judge what came, sign, keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.endpoint import Endpoint, Load, Route, parse_slo
from arcops.errors import Refused
from capabilities.contract import Deployed, Left, Place, Scope, always, tool
from capabilities.kept import left_about
from capabilities.model.check import Judged, evaluate, worker_policy
from flows.subjects.evaluations import INFERENCE_VALIDATION
from foundation.settings import AUTHORITIES

_ROOT = Path("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInference:
    """Which endpoint to load, how, and by which policy to judge it."""

    url: str
    """The address before /v1, such as http://127.0.0.1:8000."""
    models: tuple[str, ...]
    """The ids of the models, as the endpoint lists them."""
    slo: str = ""
    """Aims stricter than the policy's: ttft, itl, tpot, e2e, such as ttft=500ms,itl=50ms."""
    policy: str = "inference"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""
    route: Route = Route.CHAT
    """Ask for chat completions, or for completions."""
    seed: int = 1
    """Prompts, lengths and arrivals follow from it."""
    each: int = 8
    """How many requests each run makes."""
    concurrencies: tuple[int, ...] = (1, 2, 4)
    """How many requests are under way at once: a run for each; the first is used for all models together, too."""
    rates: tuple[int, ...] = (2000,)
    """How many requests arrive in 1000 seconds, at random: a run for each."""
    tokens: int = 32
    """How many tokens an answer may have at most."""
    patience_ms: int = 30_000
    """Milliseconds that one request may take."""
    budget_s: int = 300
    """Seconds that the whole check may take."""
    of: Path | None = None
    """The files that the endpoint serves, by the caller's own word: they are the subject where the policy judges them, too."""
    load: bool = False
    """Unload and load each model first, where the server can (Foundry Local on a device, by alias), and measure how long it
    takes. Whoever else uses the model waits. Only for callers on that machine."""
    metrics: bool = False
    """Read the server's own /metrics meanwhile, for what is left of its key-value cache (vLLM, llama.cpp)."""
    key: str = ""
    """Where the API key is: env:NAME or file:PATH, on the machine where the check runs. Only for callers on that machine."""
    token: str = ""
    """Where an access token of Microsoft Entra is, in place of a key, in the same words and for the same callers."""
    authorities: Path | None = None
    """A file with the certificates (PEM) that the endpoint's own must come from; without it, those that the operator named, or
    the system's. Only for callers on that machine."""


def _load(ask: CheckInference, at: Place) -> Load:
    """The load that is asked for. Raises `Refused` where there is none such, or where this caller may not ask for it."""
    load = Load(
        url=ask.url,
        models=ask.models,
        route=ask.route,
        slo=parse_slo(ask.slo),
        seed=ask.seed,
        each=ask.each,
        concurrencies=ask.concurrencies,
        rates=ask.rates,
        tokens=ask.tokens,
        patience=ask.patience_ms * 1000,
        budget=ask.budget_s * 1_000_000,
        reload=ask.load,
        metrics=ask.metrics,
    )
    if at.afar:
        _refuse_from_afar(load, ask, at)
    return load


def _parameters(ask: CheckInference, at: Place) -> Mapping[str, object]:
    policy = worker_policy(ask.policy, at)
    load = _load(ask, at)
    from flows.subjects.inference_validation import refuse_other_keys  # Prefect, which only a run there needs

    refuse_other_keys(ask.key)
    refuse_other_keys(ask.token)
    if ask.load:
        raise Refused("a worker loads no model anew, for whoever else uses it would wait; ask without --load")
    if ask.authorities is not None:
        raise Refused(f"a worker takes no file of authorities from a caller; its operator names one ({AUTHORITIES})")
    return {
        "policy": policy,
        "url": load.url,
        "models": list(load.models),
        "target": "" if ask.of is None else str(at.reach(ask.of)),
        "slo": ask.slo,
        "route": load.route.value,
        "seed": load.seed,
        "each": load.each,
        "concurrencies": list(load.concurrencies),
        "rates": list(load.rates),
        "tokens": load.tokens,
        "patience_ms": ask.patience_ms,
        "budget_s": ask.budget_s,
        "metrics": ask.metrics,
        "key": ask.key,
        "token": ask.token,
    }


def _answer(ask: CheckInference, left: Left, at: Place) -> Judged:
    name = _load(ask, at).url if ask.of is None else at.reach(ask.of).name
    kind = INFERENCE_VALIDATION.kind_of(name if ask.of is None else "")
    return Judged(report=left_about(left, at, name=name, kind=kind), artifact=left.artifact)


@tool(
    title="Check an inference endpoint",
    scope=Scope.CHECK,
    reads_only=True,
    long=True,
    connects=always,
    deployed=Deployed(name="inference-validation/inference-validation", parameters=_parameters, answer=_answer),
)
def check_inference(ask: CheckInference, at: Place) -> Judged:
    """Load an OpenAI-compatible endpoint with a known load, and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    Measures time to first token, times between tokens, throughput and goodput under aims, at several concurrencies and with
    random arrivals, for each model alone and for all together; tries whether greedy answers repeat; says which kind of server
    it is, whether it calls itself ready, and what memory is left. What the policy asks for and could not be measured is RED.
    In the tier air-gapped only this machine is asked. Each call makes the requests that it says, so it costs the endpoint time.
    """
    load = _load(ask, at)
    from tasks.inference.asking import refuse_beyond  # the client, which only a check needs

    refuse_beyond(load.url, at.settings.tier)
    authorities = at.settings.authorities_for(load.url) if ask.authorities is None else str(ask.authorities)
    endpoint = Endpoint(load=load, key=ask.key, token=ask.token, authorities=authorities)
    if ask.of is not None:
        report, digest = evaluate(ask.of, "model", ask.policy, (), at, endpoint=endpoint)
    else:
        report, digest = evaluate(_ROOT, INFERENCE_VALIDATION.live, ask.policy, (), at, named=load.url, endpoint=endpoint)
    return Judged(report=report, artifact=digest)


def _refuse_from_afar(load: Load, ask: CheckInference, at: Place) -> None:
    """A caller over the network must not have this machine talk to whom the operator did not name, nor hand out its secrets."""
    if ask.key or ask.token:
        raise Refused("a caller over the network names no key of this server's; run the check on a machine that has it")
    if ask.authorities is not None:
        raise Refused(
            "a caller over the network names no authorities, for who chooses them chooses which server counts as the endpoint; "
            f"this server's operator does ({AUTHORITIES})"
        )
    if ask.load:
        raise Refused(
            "a caller over the network may not have models unloaded and loaded; run the check on a machine of the site"
        )
    if load.url not in at.settings.endpoints:
        raise Refused("this server checks only the endpoints that its operator named (ARCOPS_ENDPOINTS)")
