"""Check an inference endpoint: put a known load on it, judge the answers, sign, keep."""

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
    long=True,
    connects=always,
    deployed=deployed(INFERENCE_VALIDATION, refuse=refuse_other_keys),
)
def check_inference(ask: CheckInference, at: Place) -> Judged:
    """Put a known load on an OpenAI-compatible endpoint, and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    It measures time to first token, times between tokens, throughput and goodput under targets, at several concurrencies and
    with random arrivals, for each model alone and for all together. It tests whether greedy answers repeat. It reports which
    kind of server it is, whether the server says that it is ready, and how much memory is left. What the policy asks for and
    could not be measured is RED. In the tier air-gapped it connects only to this machine. Each call sends the requests that it
    lists, so it uses the endpoint's time.
    """
    return judged(INFERENCE_VALIDATION, ask, ask.policy, at)
