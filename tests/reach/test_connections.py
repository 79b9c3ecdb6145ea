"""The connections that others computed for their manifests are those that the engine computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
import pytest

from arcops.seen.network import PodSet
from reach.entries import entries
from reach.world import World
from tasks.network.network import read_manifests
from tests.vectors import VECTORS, vectors

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

CASES = sorted(path.parent.name for path in (VECTORS / "netpol").glob("*/*.txt")) or ["(the vectors are not here)"]


def shown(pods: PodSet) -> str:
    """The name under which the vectors print *pods*: that of their controller, if there is one."""
    kind, _, name = pods.owner.partition("/")
    return f"{pods.namespace}/{name}[{kind}]" if name else f"{pods.namespace}/{pods.name}[{pods.kind}]"


def connections(world: World) -> Iterator[str]:
    """Every connection as the vectors print it: IPv4 only, nothing between pods of one name, and addresses beside each other
    as one range if no pod tells them apart in that direction.
    """
    allowed = np.array([world.pairs(one) for one in world.port_classes])
    pods = [(shown(one), int(world.class_of[position])) for position, one in enumerate(world.network.pods)]
    into = ranges(world, allowed)
    out = ranges(world, allowed.transpose(0, 2, 1))
    for sources, targets in ((pods, pods), (pods, out), (into, pods)):
        for source, row in sources:
            for target, column in targets:
                if source != target and allowed[:, row, column].any():
                    said = world.terrain.ports.said(world.pieces_of(np.flatnonzero(allowed[:, row, column]).tolist()))
                    yield f"{source} => {target} : {said.replace('all ports', 'All Connections')}"


def ranges(world: World, allowed: np.ndarray) -> list[tuple[str, int]]:  # type: ignore[type-arg]  # flags by port, row and column
    """The addresses outside in ranges that differ as rows of *allowed*: each with one of its ends."""
    classes = len(world.first_of_class)
    found: list[tuple[int, int, int]] = []
    for position, one in enumerate(world.terrain.outside.spans):
        if one.version != 4:
            continue
        end = classes + position
        if found and (allowed[:, end] == allowed[:, found[-1][2]]).all():
            found[-1] = (found[-1][0], one.last, end)
        else:
            found.append((one.first, one.last, end))
    return [(f"{IPv4Address(first)}-{IPv4Address(last)}[External]", end) for first, last, end in found]


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
    network = read_manifests(folder / "input", live=False)  # some are lists that a server printed, meant as manifests
    assert not network.unread
    assert {*connections(World(network)), *through_ingress(World(network))} == expected(folder)
