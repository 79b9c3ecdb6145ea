"""What each evaluating flow judges: one value that its own run and the accounting for a lost run share."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from arcops.errors import Refused
from arcops.exercise import Exercise
from arcops.policy import Policy
from arcops.request import LiveCluster
from arcops.seen.tree import Tree
from flows.plan import AnyGate, needs_kind, rests_on
from gates.gpu.benchmark.gate import benchmark

PREFECT = "prefect"
"""The runner's name in artifacts that Prefect's flows make."""


_NAMING = ("target", "policy", "context", "kubeconfig", "declared", "url")


def runner_of(run: str, parameters: Mapping[str, object]) -> str:
    """What an artifact calls its runner that the flow run *run* with *parameters* made: ``prefect/RUN/DIGEST``.

    The digest is of what the run was told to judge, by its whole path, and by which policy. Prefect lets others change a run's
    parameters and name another artifact, so who waits for a run takes the artifact only of this one and of what was asked.
    """
    if not run:
        return PREFECT
    asked: dict[str, object] = {name: str(parameters.get(name) or "") for name in _NAMING}
    attached = parameters.get("attached") or ()
    asked["attached"] = [str(one) for one in attached] if isinstance(attached, list | tuple) else str(attached)
    told = json.dumps(asked, sort_keys=True).encode()
    return f"{PREFECT}/{run}/{hashlib.sha256(told).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """``flow`` is the flow's name, ``kind`` what the artifact calls its subject, ``policy`` the one it uses if none is named;
    ``judges`` picks its gates. ``live`` is the kind where the subject answers from elsewhere, a live cluster or an endpoint;
    empty: the same.
    """

    flow: str
    kind: str
    policy: str
    judges: Callable[[AnyGate], bool]
    live: str = ""

    def kind_of(self, elsewhere: LiveCluster | str | None) -> str:
        """What a subject is called that is *elsewhere*, a cluster or the name of what answers; or else no live one."""
        return self.live if elsewhere and self.live else self.kind


READINESS = Evaluation(flow="readiness", kind="model", policy="sovereign", judges=lambda gate: True)
SUPPLY_CHAIN = Evaluation(flow="supply-chain", kind="model", policy="sovereign", judges=lambda gate: rests_on(gate, Tree))
NETWORK_SAFETY = Evaluation(
    flow="network-safety",
    kind="manifests",
    live="network",
    policy="network",
    judges=lambda gate: needs_kind(gate, "network") and not needs_kind(gate, "declared"),
)
NETWORK_DRIFT = Evaluation(
    flow="network-drift", kind="network", policy="network-drift", judges=lambda gate: needs_kind(gate, "declared")
)
CLUSTER_READINESS = Evaluation(
    flow="cluster-readiness", kind="cluster", policy="cluster", judges=lambda gate: needs_kind(gate, "cluster")
)
INFERENCE_VALIDATION = Evaluation(
    flow="inference-validation", kind="model", live="inference-endpoint", policy="inference", judges=lambda gate: True
)
GPU_VALIDATION = Evaluation(flow="gpu-validation", kind="gpu-node", policy="gpu", judges=lambda gate: needs_kind(gate, "gpu"))
GPU_BENCHMARK = Evaluation(
    flow="gpu-benchmark", kind="gpu-node", policy="gpu-bench", judges=lambda gate: needs_kind(gate, "benchmark")
)
NODE_BENCHMARK = Evaluation(
    flow="node-benchmark", kind="node", policy="cpu-bench", judges=lambda gate: needs_kind(gate, "benchmark")
)

ALL = (
    READINESS,
    SUPPLY_CHAIN,
    NETWORK_SAFETY,
    NETWORK_DRIFT,
    CLUSTER_READINESS,
    INFERENCE_VALIDATION,
    GPU_VALIDATION,
    GPU_BENCHMARK,
    NODE_BENCHMARK,
)


def name_beside(target: Path) -> str:
    """What a subject is called whose *target* does not name it: the whole machine, ``/``, by its host's name. Else empty."""
    return "" if target.name else socket.gethostname()


def evaluation(flow: str) -> Evaluation:
    """The evaluation that the flow of this name makes. Raises `Refused` where it makes none."""
    for one in ALL:
        if one.flow == flow:
            return one
    raise Refused(f"the flow {flow!r} evaluates nothing, so it has no artifact to leave")


def as_strict(asked: Exercise, policy: Policy) -> Exercise:
    """*asked* with the tolerance by which *policy* judges, where that is stricter, and with its drift: they decide when enough
    was measured.
    """
    judged = policy.gates.get("benchmark")
    if not isinstance(judged, benchmark.policy):
        return asked
    return replace(asked, tolerance=min(asked.tolerance, judged.tolerance), drift=judged.most_drift)
