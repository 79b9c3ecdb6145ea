"""What evidence says that the parts of one release must agree on: the model's digest, and the products of GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from arcops.evidence import Body
from arcops.seen.benchmark import Benchmark
from arcops.seen.gpu import Gpus
from arcops.seen.release import Fact
from arcops.seen.tree import Tree


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


def facts_of(kind: str) -> Callable[[Any], Iterator[Fact]] | None:
    """What reads the facts in evidence of this *kind*; ``None`` if it has none."""
    return next((read for body, read in _OF.items() if kind == body.KIND), None)
