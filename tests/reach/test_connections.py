"""The connections that others computed for their manifests are those that the engine computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from arcops.seen.network import PodSet
from reach.entries import entries
from reach.world import World
from tasks.network import read_manifests
from tests.vectors import VECTORS, vectors

pytestmark = pytest.mark.requirement("ARC-B2")

CASES = sorted(path.parent.name for path in (VECTORS / "netpol").glob("*/*.txt")) or ["(the vectors are not here)"]


def shown(pods: PodSet) -> str:
    """The name under which the vectors print *pods*: that of their controller, where there is one."""
    kind, _, name = pods.owner.partition("/")
    return f"{pods.namespace}/{name}[{kind}]" if name else f"{pods.namespace}/{pods.name}[{pods.kind}]"


def connections(world: World) -> Iterator[str]:
    """Every connection as the vectors print it: IPv4 only, and nothing between pods of one name."""
    pods = world.network.pods
    names = [shown(one) for one in pods]
    spans = [one for one in world.terrain.outside.spans if one.version == 4]
    classes = len(world.first_of_class)
    ends = [(name, int(world.class_of[position])) for position, name in enumerate(names)]
    ends += [(f"{one}[External]", classes + position) for position, one in enumerate(spans)]
    allowed = np.array([world.pairs(one) for one in world.port_classes])
    for source, row in ends:
        for target, column in ends:
            if source != target and allowed[:, row, column].any():
                said = world.terrain.ports.said(world.pieces_of(np.flatnonzero(allowed[:, row, column]).tolist()))
                yield f"{source} => {target} : {said.replace('all ports', 'All Connections')}"


def expected(folder: Path) -> set[str]:
    path = folder / "connlist.txt"
    text = path.read_text() if path.exists() else (folder / "exposure.txt").read_text()
    lines = text.partition("Exposure Analysis Result")[0].splitlines()
    return {re.sub(r"\s+", " ", line).strip() for line in lines if line.strip()}


def through_ingress(world: World) -> Iterator[str]:
    ports = world.terrain.ports
    found: dict[str, set[tuple[str, int]]] = {}
    for entry in entries(world.network):
        if entry.route is not None and entry.route.kind == "Ingress":
            for pods in entry.pods:
                found.setdefault(shown(pods), set()).add((entry.protocol.value, entry.port_of(pods)))
    for name, into in found.items():
        assert ports
        numbers = ",".join(str(number) for _, number in sorted(into))
        yield f"{{ingress-controller}} => {name} : TCP {numbers}"


@pytest.mark.parametrize("case", CASES)
def test_connections(case: str) -> None:
    folder = vectors("netpol") / case
    network = read_manifests(folder / "input")
    assert not network.unread
    assert {*connections(World(network)), *through_ingress(World(network))} == expected(folder)
