"""Network safety: judge manifests, and say whether one pod reaches another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.tools.check import Judged, allowed_policy, evaluate
from adapters.tools.contract import Deployed, Place, Scope, tool
from adapters.tools.kept import left_about
from adapters.tools.patience import patient
from arcops.verdict import Verdict
from reach.drift import Drift, compare
from reach.question import Connection, said_doubts
from reach.question import ask as put
from tasks.network import read_manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNetwork:
    """Which manifests to judge, and by which policy."""

    target: Path
    """A folder with Kubernetes manifests, or one file, on the machine where the check runs."""
    policy: str = "network"
    """The name of a shipped policy, or the path of one."""


def _parameters(ask: CheckNetwork, at: Place) -> Mapping[str, object]:
    return {"target": str(at.reach(ask.target)), "policy": allowed_policy(ask.policy, at)}


def _answer(ask: CheckNetwork, digest: str, at: Place) -> Judged:
    return Judged(report=left_about(ask.target.name, digest, at), artifact=digest)


@tool(
    title="Check network manifests",
    scope=Scope.CHECK,
    reads_only=True,
    long=True,
    deployed=Deployed(name="network-safety/network-safety", parameters=_parameters, answer=_answer),
)
def check_network(ask: CheckNetwork, at: Place) -> Judged:
    """Judge Kubernetes manifests by what they let talk to what, and keep a signed artifact: GREEN, AMBER or RED.

    What cannot be read or understood is RED. Every finding names file and line.
    """
    report, digest = evaluate(ask.target, "manifests", ask.policy, (), at)
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
        found = put(read_manifests(ask.target, tick=tick), ask.source, ask.to)
    return Reached(
        allowed=found.allowed,
        certain=not found.doubts,
        connections=found.connections,
        doubts=found.doubts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffNetwork:
    """Two sets of manifests to compare."""

    declared: Path
    """The folder or file that says how it should be."""
    live: Path
    """The folder or file that says how it is: a cluster's objects as 'kubectl get -o yaml' prints them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """What differs, and what that changes."""

    verdict: Verdict
    """RED where more may talk than was declared, or where anything could not be read; AMBER where less may."""
    drift: Drift
    doubts: tuple[str, ...]
    """What keeps the answer from being certain, on either side."""


@tool(title="Compare networks", scope=Scope.READ, reads_only=True)
def diff_network(ask: DiffNetwork, at: Place) -> Differing:
    """Compare declared Kubernetes manifests with those of a cluster by who may talk to whom, not only by their text."""
    with patient(at) as tick:
        declared, live = read_manifests(ask.declared, tick=tick), read_manifests(ask.live, tick=tick)
        found = compare(declared, live)
    doubts = [f"declared: {one}" for one in said_doubts(declared)] + [f"live: {one}" for one in said_doubts(live)]
    return Differing(verdict=found.verdict(certain=not doubts), drift=found, doubts=tuple(doubts))
