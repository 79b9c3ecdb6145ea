"""Show what of a network can be reached from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.finding import Location
from arcops.seen.network import Direction, Network
from capabilities.contract import Scope, tool
from capabilities.patience import patient
from flows.place import Place
from reach.addresses import AddressSpan
from reach.exposure import Exposure, UnlistedPods, exposures
from reach.openings import Opening, openings
from reach.question import said_doubts
from tasks.network.network import read_manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposeNetwork:
    """Which manifests to look at."""

    target: Path = field(metadata=shaped(positional=True))
    """A folder with Kubernetes manifests, or one file, on the machine that runs the tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTo:
    """Who else may reach pods, beyond the pods of these manifests, by policies alone."""

    pods: str
    at: Location
    who: str
    """Future pods, by their labels, or a range of outside addresses. Outside addresses reach the pods' own addresses if the
    site's network routes these."""
    ports: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedNetwork:
    """What can be reached from outside."""

    openings: tuple[Opening, ...]
    """Every way in that is declared, open or closed, with names, ports and the rules that decide."""
    open_to: tuple[OpenTo, ...]
    """What else policies let in, even if there is no declared way."""
    doubts: tuple[str, ...]
    """Why the answer is not certain, one sentence for each reason."""


@tool(title="Ask what is reachable from outside", scope=Scope.READ, reads_only=True)
def expose_network(ask: ExposeNetwork, at: Place) -> ExposedNetwork:
    """Show which pods in Kubernetes manifests can be reached from outside the cluster, how, and which rules let it through.

    Ways in are Ingresses, routes of the Gateway API, Services of type LoadBalancer or NodePort or with external IPs, and ports
    and networks of nodes.
    """
    with patient(at) as tick:
        network = read_manifests(ask.target, tick=tick, within=at.within)
        found = tuple(openings(network))
        doubts = (*said_doubts(network), *(doubt for one in found for doubt in one.doubts))
        return ExposedNetwork(openings=found, open_to=tuple(_open_to(network)), doubts=tuple(dict.fromkeys(doubts)))


def _open_to(network: Network) -> Iterator[OpenTo]:
    for one in exposures(network):
        if one.direction is Direction.INGRESS and not one.known:
            names = (f"{protocol.value} {name}" for protocol, name in one.names)
            ports = ",".join(filter(None, (one.ports, *names)))
            yield OpenTo(pods=one.pods.title, at=one.pods.at, who=_who(one), ports=ports)


def _who(one: Exposure) -> str:
    who = one.who
    if not isinstance(who, UnlistedPods):
        return f"any IPv{who.version} address" if isinstance(who, AddressSpan) and who.whole else str(who)
    if who.whole_cluster:
        return "every pod of the cluster"
    where = who.namespace or ("any namespace" if who.namespaces.everything else f"namespaces with {who.namespaces.worded}")
    return f"{'every pod' if who.pods.everything else f'pods with {who.pods.worded}'} of {where}"
