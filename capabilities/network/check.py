"""Network safety: judge manifests, and say whether one pod can reach another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.subjects.network import Manifests
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, deployed, judged
from capabilities.patience import patient
from flows.place import Place
from flows.subjects.live import looks
from flows.subjects.network import NETWORK_SAFETY
from reach.question import Connection
from reach.question import ask as put
from tasks.network.network import read_manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNetwork(Manifests):
    """What to judge, and by which policy: manifests, or a live cluster."""

    policy: str = "network"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@tool(
    title="Check a network",
    scope=Scope.CHECK,
    usual=True,
    long=True,
    connects=looks,
    deployed=deployed(NETWORK_SAFETY),
)
def check_network(ask: CheckNetwork, at: Place) -> Judged:
    """Judge what Kubernetes manifests or a live cluster allow to talk to what, and keep a signed artifact.

    A live cluster is only listed. The verdict is GREEN, AMBER or RED. What cannot be read, seen or understood is RED. Every
    finding names file and line.
    """
    return judged(NETWORK_SAFETY, ask, ask.policy, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachNetwork:
    """A connection to ask about."""

    target: Path = field(metadata=shaped(positional=True))
    """A folder with Kubernetes manifests, or one file, on the machine that runs the tool."""
    source: str = field(metadata=shaped(option="--from"))
    """The source of the connection: NAMESPACE/NAME of a pod or workload, an address, or 'internet'."""
    to: str
    """The target: NAME:PORT or NAME:PORT/PROTOCOL of a Service, pod, workload or address; the port by number or name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The answer."""

    allowed: bool
    """True if any of the connections may be opened."""
    certain: bool
    """True if there is no doubt about the answer."""
    connections: tuple[Connection, ...]
    """Every pair of ends that the question means, each with the rules that decide."""
    doubts: tuple[str, ...]
    """Why the answer is not certain, one sentence for each reason."""


@tool(title="Ask whether one pod reaches another", scope=Scope.READ, reads_only=True)
def reach_network(ask: ReachNetwork, at: Place) -> Reached:
    """Say whether the policies in Kubernetes manifests let one end open a connection to another, and which rules decide.

    It is computed from all policies together. Whether a program listens there is not checked.
    """
    with patient(at) as tick:
        found = put(read_manifests(ask.target, tick=tick, within=at.within), ask.source, ask.to)
    return Reached(
        allowed=found.allowed,
        certain=not found.doubts,
        connections=found.connections,
        doubts=found.doubts,
    )
