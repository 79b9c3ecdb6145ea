"""Check an inference endpoint: let it bear a known load, judge what came, sign, keep."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.subjects.inference import LoadedEndpoint
from capabilities.contract import Scope, always, tool
from capabilities.judging import Judged, deployed, judged
from flows.place import Place
from flows.subjects.inference import INFERENCE_VALIDATION, refuse_other_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInference(LoadedEndpoint):
    """Which endpoint to load, how, and by which policy to judge it."""

    policy: str = "inference"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@tool(
    title="Check an inference endpoint",
    scope=Scope.CHECK,
    reads_only=True,
    long=True,
    connects=always,
    deployed=deployed(INFERENCE_VALIDATION, refuse=refuse_other_keys),
)
def check_inference(ask: CheckInference, at: Place) -> Judged:
    """Load an OpenAI-compatible endpoint with a known load, and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    Measures time to first token, times between tokens, throughput and goodput under aims, at several concurrencies and with
    random arrivals, for each model alone and for all together; tries whether greedy answers repeat; says which kind of server
    it is, whether it calls itself ready, and what memory is left. What the policy asks for and could not be measured is RED.
    In the tier air-gapped only this machine is asked. Each call makes the requests that it says, so it costs the endpoint time.
    """
    return judged(INFERENCE_VALIDATION, ask, ask.policy, at)
