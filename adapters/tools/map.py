"""Draw what may talk to what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.tools.contract import Place, Scope, tool
from adapters.tools.patience import patient
from reach.drawing import draw
from reach.picture import picture
from reach.question import said_doubts
from tasks.network import read_manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNetwork:
    """What to draw."""

    target: Path
    """A folder with Kubernetes manifests, or one file, on the machine where the map is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedNetwork:
    """The picture, and what keeps it from being certain."""

    svg: str
    """An SVG document without scripts; it fetches nothing."""
    workloads: int
    lines: int
    doubts: tuple[str, ...]
    """What could not be read or understood, in sentences; the picture names the first, too."""


@tool(title="Draw a network map", scope=Scope.READ, reads_only=True)
def map_network(ask: MapNetwork, at: Place) -> MappedNetwork:
    """Draw the namespaces and workloads of Kubernetes manifests, and who may talk to whom on which ports, as SVG.

    It is computed from all policies together. Equal manifests give equal bytes.
    """
    with patient(at) as tick:
        network = read_manifests(ask.target, tick=tick)
        doubts = tuple(said_doubts(network))
        found = picture(network)
    svg = draw(found, name=ask.target.absolute().name, doubts=doubts)
    return MappedNetwork(svg=svg, workloads=found.workloads, lines=len(found.links), doubts=doubts)
