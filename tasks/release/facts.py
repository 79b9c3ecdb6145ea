"""What evidence says that the parts of one release must agree on: the model's digest, and the products of GPUs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from arcops.bodies import body_of
from arcops.evidence import Body
from arcops.seen.benchmark import Benchmark
from arcops.seen.cluster import Cluster
from arcops.seen.gpu import Gpus
from arcops.seen.network import Network
from arcops.seen.release import Fact
from arcops.seen.tree import Tree
from artifacts.wire import from_json


def _model(tree: Tree) -> Iterator[Fact]:
    if tree.root:
        yield Fact(key="model", value=f"sha256:{tree.root}")


def _products(gpus: Gpus) -> Iterator[Fact]:
    for device in gpus.devices:
        if isinstance(device.identity.name, str):
            yield Fact(key="gpu", value=device.identity.name)


def _measured(benchmark: Benchmark) -> Iterator[Fact]:
    for machine in benchmark.machines:
        if machine.device != "cpu" and ">" not in machine.device:
            yield Fact(key="gpu", value=machine.model)


_OF: dict[type[Body], Callable[[Any], Iterator[Fact]]] = {Tree: _model, Gpus: _products, Benchmark: _measured}


def _cluster(data: bytes) -> Iterator[Fact]:
    """Of what was seen of a cluster only its identity is asked, so the rest, which may be large, is not made into values."""
    told = json.loads(data)
    said = (told.get("identity") or told.get("cluster")) if isinstance(told, dict) else None
    if isinstance(said, str) and said:
        yield Fact(key="cluster", value=said)


def facts_of(kind: str) -> Callable[[bytes], Iterator[Fact]] | None:
    """What reads the facts in the bytes of evidence of this *kind*; ``None`` if it has none."""
    if kind in (Cluster.KIND, Network.KIND):
        return _cluster
    body, read = body_of(kind), next((read for one, read in _OF.items() if kind == one.KIND), None)
    return None if body is None or read is None else lambda data: read(from_json(body, data.decode()))
