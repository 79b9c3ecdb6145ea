"""What tensors are for, by their names, and their sums: layer by layer, because a plan splits a model by layers."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from arcops.seen.fit_model import HeaderForm, LayerRun, PartKind, WeightPart, Weights
from tasks.fit.tensors import Tensor


def weights_of(form: HeaderForm, files: int, tensors: Sequence[Tensor]) -> Weights:
    """The sums of *tensors* by layer, kind and type."""
    layers: dict[int, list[Tensor]] = defaultdict(list)
    for one in tensors:
        layers[one.layer].append(one)
    outside = _parts(layers.pop(-1, []))
    runs: list[LayerRun] = []
    for number in sorted(layers):
        parts = _parts(layers[number])
        last = runs[-1] if runs else None
        if last is not None and last.first + last.count == number and last.parts == parts:
            runs[-1] = LayerRun(first=last.first, count=last.count + 1, parts=parts)
        else:
            runs.append(LayerRun(first=number, count=1, parts=parts))
    return Weights(form=form, files=files, outside=outside, layers=tuple(runs), headers=named(tensors))


def named(tensors: Iterable[Tensor]) -> str:
    """SHA-256 over name, type and sizes of each tensor, sorted, one line each."""
    lines = sorted(f"{one.name} {one.dtype} {'x'.join(map(str, one.sizes))}\n" for one in tensors)
    return hashlib.sha256("".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def _parts(tensors: Iterable[Tensor]) -> tuple[WeightPart, ...]:
    sums: dict[tuple[PartKind, str], Counter[str]] = defaultdict(Counter)
    for one in tensors:
        sums[one.kind, one.dtype].update(tensors=1, elements=one.elements, bytes=one.bytes)
    return tuple(
        WeightPart(kind=kind, dtype=dtype, tensors=had["tensors"], elements=had["elements"], bytes=had["bytes"])
        for (kind, dtype), had in sorted(sums.items(), key=lambda item: (item[0][0].value, item[0][1]))
    )
