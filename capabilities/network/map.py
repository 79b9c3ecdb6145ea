"""Draw what may talk to what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.evidence import Body
from arcops.seen.declared import Declared
from arcops.seen.network import Network
from artifacts.wire import from_json
from capabilities.contract import Scope, tool
from capabilities.kept import kept_bytes, opened
from capabilities.patience import patient
from flows.place import Place
from reach.drawing import draw
from reach.picture import picture
from reach.question import said_doubts
from tasks.network.network import read_manifests

BODIES: dict[str, type[Body]] = {Network.KIND: Network, Declared.KIND: Declared}
"""Kinds of evidence that hold a network."""
MOST_BYTES = 64 * 1024 * 1024
"""In one body of evidence. The largest network in the tests takes a tenth of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNetwork:
    """What to draw: manifests, or the evidence of an artifact."""

    target: Path | None = field(default=None, metadata=shaped(positional=True))
    """A folder with Kubernetes manifests, or one file, on the machine that runs the tool."""
    artifact: str = ""
    """The digest of an artifact in the store. The network that it judged is drawn, even if the files have changed since."""
    kind: str = "network"
    """Which evidence of the artifact to draw: network, or declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedNetwork:
    """The picture, and why it is not certain."""

    svg: str
    """An SVG document without scripts; it fetches nothing."""
    workloads: int
    lines: int
    doubts: tuple[str, ...]
    """What could not be read or understood, in sentences; the picture shows the first of them, too."""


@tool(title="Draw a network map", scope=Scope.READ, reads_only=True)
def map_network(ask: MapNetwork, at: Place) -> MappedNetwork:
    """Draw the namespaces, workloads, Services and ways in of a network, and what may talk to what on which ports, as SVG.

    It is computed from all policies together: from Kubernetes manifests, or from the evidence of an artifact, whose signature
    is checked. Equal networks give equal bytes.
    """
    if bool(ask.artifact) is (ask.target is not None):
        raise Refused("name either manifests or an artifact to draw")
    if ask.target is not None:
        with patient(at) as tick:
            return drawn(read_manifests(ask.target, tick=tick, within=at.within), ask.target.absolute().name)
    report = opened(ask.artifact, at)
    digest = next((one.digest for one in report.evidence if one.kind == ask.kind), "")
    if not digest:
        raise Refused(f"the artifact has no evidence of kind {ask.kind[:80]!r}, so there is nothing to draw")
    name = f"{report.subject.name}, as declared" if ask.kind == Declared.KIND else report.subject.name
    with patient(at):
        return drawn(kept_network(ask.kind, digest, at), name)


def kept_network(kind: str, digest: str, at: Place) -> Network:
    """The network in the evidence that the store keeps as *digest*. Raises `Refused` if it holds no network or is too large."""
    body = BODIES.get(kind)
    if body is None:
        raise Refused(f"evidence of kind {kind[:80]!r} holds no network; these kinds do: {', '.join(BODIES)}")
    data = kept_bytes(digest, at)
    if len(data) > MOST_BYTES:
        raise Refused(f"the evidence has {len(data):,} bytes; at most {MOST_BYTES:,} can be drawn")
    found = from_json(body, data)
    if isinstance(found, Declared):
        return found.network
    if not isinstance(found, Network):
        raise Refused(f"the evidence holds a {type(found).__name__}, which is not a network")
    return found


def drawn(network: Network, name: str) -> MappedNetwork:
    """*network* as a picture with the title *name*."""
    doubts = tuple(said_doubts(network))
    found = picture(network)
    svg = draw(found, name=name, doubts=doubts)
    return MappedNetwork(svg=svg, workloads=found.workloads, lines=len(found.links), doubts=doubts)
