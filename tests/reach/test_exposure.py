"""The exposure that others computed for their manifests is the exposure that the engine computes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from arcops.seen.network import Direction, Requirement, Selector
from reach.clauses import Terrain
from reach.exposure import Exposure, UnlistedPods, exposures
from tasks.network.network import read_manifests
from tests.reach.test_connections import shown
from tests.vectors import VECTORS, vectors

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

CASES = sorted(path.parent.name for path in (VECTORS / "netpol").glob("*/exposure.txt")) or ["(the vectors are not here)"]


def worded(selector: Selector) -> str:
    parts = [f"{label.key}={label.value}" for label in selector.labels]
    parts += [expression(one) for one in selector.expressions]
    return f"{{{','.join(parts)}}}"


def expression(one: Requirement) -> str:
    return f"{{Key:{one.key},Operator:{one.operator.value},Values:[{' '.join(one.values)}],}}"


def who(one: Exposure) -> str:
    if not isinstance(one.who, UnlistedPods):
        return f"{one.who}[External]"
    if one.who.whole_cluster:
        return "entire-cluster"
    namespace = one.who.namespace or (
        "[all namespaces]" if one.who.namespaces.everything else f"[namespace with {worded(one.who.namespaces)}]"
    )
    return f"{namespace}/{'[all pods]' if one.who.pods.everything else f'[pod with {worded(one.who.pods)}]'}"


def printed(one: Exposure) -> str:
    ports = ",".join(filter(None, (one.ports, *(f"{protocol.value} {name}" for protocol, name in one.names))))
    arrow = "<=" if one.direction is Direction.INGRESS else "=>"
    return f"{shown(one.pods)} {arrow} {who(one)} : {ports.replace('all ports', 'All Connections')}"


@pytest.mark.parametrize("case", CASES)
def test_exposure(case: str) -> None:
    folder = vectors("netpol") / case
    network = read_manifests(folder / "input")
    text = (folder / "exposure.txt").read_text().partition("Exposure Analysis Result:")[2]
    lines = {re.sub(r"\s+", " ", line).strip() for line in text.splitlines() if "=>" in line or "<=" in line}
    found = [one for one in exposures(network) if not one.known and not str(one.who).startswith(("::",))]
    assert {printed(one) for one in found} == lines
    assert set(unprotected(Terrain(network))) == {line for line in text.splitlines() if "is not protected" in line}


def unprotected(terrain: Terrain) -> Iterator[str]:
    for direction, isolated in terrain.isolated.items():
        for pods, closed in zip(terrain.pods, isolated, strict=True):
            if not closed:
                yield f"{shown(pods)} is not protected on {direction.value}"
