"""Network safety: judge manifests, and say whether one pod reaches another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from capabilities.contract import Deployed, Left, Place, Scope, tool
from capabilities.kept import left_about
from capabilities.live import Meant, looks, meant, parameters
from capabilities.model.check import Judged, evaluate, worker_policy
from capabilities.patience import patient
from flows.plan import all_gates
from flows.subjects.evaluations import NETWORK_SAFETY
from reach.question import Connection
from reach.question import ask as put
from tasks.network.network import read_manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNetwork:
    """What to judge, and by which policy: manifests, or a live cluster."""

    target: Path | None = None
    """A folder with Kubernetes manifests, or one file, on the machine where the check runs; none where a context is named."""
    saved: Path | None = None
    """The folder of a snapshot, which has to be whole; for what was put together by hand name it as the target."""
    context: str = ""
    """The cluster to look at: a context of the kubeconfig; through a server, the name that its operator gave the cluster."""
    kubeconfig: Path | None = None
    """Only on one's own command line: the kubeconfig, one's own where none is named. A server takes none."""
    policy: str = "network"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


def _meant(ask: CheckNetwork, at: Place) -> Meant:
    return meant(at, target=ask.target, context=ask.context, kubeconfig=ask.kubeconfig, saved=ask.saved)


def _parameters(ask: CheckNetwork, at: Place) -> Mapping[str, object]:
    return {"policy": worker_policy(ask.policy, at), **parameters(_meant(ask, at), at)}


def _answer(ask: CheckNetwork, left: Left, at: Place) -> Judged:
    what = _meant(ask, at)
    kind = NETWORK_SAFETY.kind_of(what.cluster)
    return Judged(report=left_about(left, at, name=what.name, kind=kind), artifact=left.artifact)


@tool(
    title="Check a network",
    scope=Scope.CHECK,
    reads_only=True,
    long=True,
    connects=looks,
    deployed=Deployed(name="network-safety/network-safety", parameters=_parameters, answer=_answer),
)
def check_network(ask: CheckNetwork, at: Place) -> Judged:
    """Judge Kubernetes manifests, or a live cluster by listing alone, by what they let talk to what; keep a signed artifact.

    The verdict is GREEN, AMBER or RED. What cannot be read, seen or understood is RED. Every finding names file and line.
    """
    what = _meant(ask, at)
    if what.cluster is None:
        report, digest = evaluate(what.target, NETWORK_SAFETY.kind, ask.policy, (), at)
    else:
        report, digest = evaluate(
            what.target,
            NETWORK_SAFETY.kind_of(what.cluster),
            ask.policy,
            (),
            at,
            named=what.named,
            cluster=what.cluster,
            gates=[gate for gate in all_gates() if NETWORK_SAFETY.judges(gate)],
        )
    return Judged(report=report, artifact=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachNetwork:
    """A connection to ask about."""

    target: Path
    """A folder with Kubernetes manifests, or one file, on the machine where the question is answered."""
    source: str
    """Who would connect: NAMESPACE/NAME of a pod or workload, an address, or 'internet'."""
    to: str
    """Where to: NAME:PORT or NAME:PORT/PROTOCOL of a Service, pod, workload or address; the port by number or name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The answer."""

    allowed: bool
    """May any of the connections be opened?"""
    certain: bool
    """Is there no doubt about it?"""
    connections: tuple[Connection, ...]
    """Every pair of ends that the question means, each with the rules that decide."""
    doubts: tuple[str, ...]
    """What keeps the answer from being certain."""


@tool(title="Ask whether one pod reaches another", scope=Scope.READ, reads_only=True)
def reach_network(ask: ReachNetwork, at: Place) -> Reached:
    """Say whether policies in Kubernetes manifests let one end open a connection to another, and which rules decide.

    It is computed from all policies together; whether anything listens there is not asked.
    """
    with patient(at) as tick:
        found = put(read_manifests(ask.target, tick=tick, within=at.within), ask.source, ask.to)
    return Reached(
        allowed=found.allowed,
        certain=not found.doubts,
        connections=found.connections,
        doubts=found.doubts,
    )
