"""The weights of one model as an engine has them on one GPU.

What a file holds is not what a GPU holds: single precision is loaded in half of it, scales in single precision, tables are
padded, a kernel may lay expert weights out in larger tiles, and a GPU of a tensor-parallel group has only a part. Sources:
the loaders of vLLM (``vllm/model_executor``: parameters of FP8 schemes, ``VocabParallelEmbedding``, ``get_pp_indices``,
``mxfp4``), and of llama.cpp (``llama-model.cpp``: the input layer stays on the host).
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.engine_profile import EngineProfile
from arcops.seen.fit_model import Architecture, ModelSeen, PartKind, WeightPart, Weights
from arcops.seen.fit_wanted import WantedModel
from gates.fit.fit.sizes import Span, rounded, total, up

_WIDE = frozenset(("F32", "F64"))
_HALF = frozenset(("F16", "BF16"))
_MATRICES = frozenset((PartKind.SPLIT, PartKind.EXPERTS, PartKind.KEY_VALUE))
_PACKS = {"I32": 4, "U32": 4}
"""Elements of a matrix in one number, at least, if it is packed: eight bits each, or fewer."""
_TABLE = 64
"""Rows to which vLLM pads a table of tokens."""
_TILES = (256, 128)
"""To which a kernel may pad the width and the inner width of experts in mxfp4."""


def stages(layers: int, parts: int) -> tuple[tuple[int, int], ...]:
    """The first layer and the one after the last of each stage. What does not divide goes to the stages before the last, from
    behind, as vLLM does it.
    """
    sizes = [layers // parts] * parts
    for number in range(2, layers % parts + 2):
        sizes[-number] += 1
    ends = [sum(sizes[: number + 1]) for number in range(parts)]
    return tuple(zip([0, *ends[:-1]], ends, strict=True))


def loaded(model: ModelSeen, wanted: WantedModel, engine: EngineProfile, stage: int) -> Span:
    """Bytes of weights on one GPU of stage *stage*, adapters included. The model's weights and architecture must be known."""
    weights, said = model.weights, model.architecture
    if weights is None or said is None:
        raise ValueError("the model's weights are not known")
    first, end = stages(said.layers, wanted.pipeline)[stage]
    found = total(
        _on_gpu(count, part, wanted, said, engine) for count, part in _of_stage(weights, said, engine, wanted, first, end)
    )
    found = found + _padding(said, weights, wanted, first, end, engine)
    if engine.turning and said.turned and said.positions:
        found = found + Span.exactly(said.positions * said.turned * 2)  # cosines and sines, half of the elements each
    adapters = [one.weights.bytes for one in model.adapters if one.weights is not None]
    # An engine keeps slots of the largest rank for every layer that it can adapt, so an adapter may take twice its own size.
    return found + total(Span(up(size, wanted.devices), 2 * up(size, wanted.pipeline)) for size in adapters)


def read_each_token(model: ModelSeen, wanted: WantedModel, engine: EngineProfile, stage: int) -> int:
    """Bytes of weights that one GPU of *stage* must read for a token, at least: of experts only those that it chooses."""
    weights, said = model.weights, model.architecture
    if weights is None or said is None:
        raise ValueError("the model's weights are not known")
    first, end = stages(said.layers, wanted.pipeline)[stage]
    found = 0
    for count, part in _of_stage(weights, said, engine, wanted, first, end):
        if part.kind in (PartKind.EMBEDDING, PartKind.TOWER) and not (part.kind is PartKind.EMBEDDING and said.tied):
            continue
        size = _on_gpu(count, part, wanted, said, engine).least
        if part.kind is PartKind.EXPERTS and said.experts and said.chosen:
            size = size * min(said.chosen, said.experts) // said.experts
        found += size
    return found


def active_elements(model: ModelSeen) -> int:
    """Elements of the matrices that a token is multiplied by, at least."""
    weights, said = model.weights, model.architecture
    if weights is None or said is None:
        raise ValueError("the model's weights are not known")
    found = 0
    for count, part in weights.parts:
        if part.kind in _MATRICES:
            many = count * part.elements * _PACKS.get(part.dtype, 1)
            if part.kind is PartKind.EXPERTS and said.experts and said.chosen:
                many = many * min(said.chosen, said.experts) // said.experts
            found += many
    return found


def _of_stage(
    weights: Weights, said: Architecture, engine: EngineProfile, wanted: WantedModel, first: int, end: int
) -> Iterator[tuple[int, WeightPart]]:
    """The parts in the layers from *first* to *end*, and those outside of layers that this stage has."""
    has_output = any(part.kind is PartKind.OUTPUT for part in weights.outside)
    last = end == said.layers
    for part in weights.outside:
        if part.kind is PartKind.EMBEDDING:
            # With the last layer's own matrix there, an engine that looks tokens up on the host needs none here.
            input_here = first == 0 and not engine.input_on_host
            as_output = last and (said.tied or not has_output)
            if input_here or as_output:
                yield 1, part
        elif part.kind is PartKind.OUTPUT:
            if last and not said.tied:
                yield 1, part
        elif part.kind is PartKind.TOWER:
            if first == 0:
                yield 1, part
        else:
            yield 1, part
    for run in weights.layers:
        many = min(run.first + run.count, end) - max(run.first, first)
        # Layers after the last of the configuration predict more tokens at once: an engine may leave them out.
        if many > 0:
            yield from ((many, part) for part in run.parts)


def _on_gpu(count: int, part: WeightPart, wanted: WantedModel, said: Architecture, engine: EngineProfile) -> Span:
    whole = _converted(part, wanted, said, engine).times(count)
    if wanted.tensor == 1 or not engine.splits_tensors:
        return whole
    if part.kind is PartKind.COPIED:
        return whole
    if part.kind is PartKind.KEY_VALUE:
        heads = max((run.heads for run in said.cache if run.key), default=1)
        return whole.over(min(wanted.tensor, max(heads, 1)))
    if part.kind in (PartKind.TOWER, PartKind.SCALES):
        return Span(whole.least // wanted.tensor, whole.most)
    return whole.over(wanted.tensor)


def _converted(part: WeightPart, wanted: WantedModel, said: Architecture, engine: EngineProfile) -> Span:
    """Bytes of *part* in the type in which it is loaded."""
    if part.kind is PartKind.SCALES:
        return Span.exactly(part.elements * 4 if engine.halves and part.dtype in _HALF else part.bytes)
    if part.kind is PartKind.EXPERTS and said.packed == "mxfp4" and said.hidden and said.inner:
        return _tiled(part, said)
    if part.dtype in _WIDE | _HALF and engine.halves:
        if wanted.loads == "fp8" and part.kind in _MATRICES:
            return Span.exactly(part.elements)
        if wanted.loads == "f32":
            return Span.exactly(part.elements * 4)
        if part.dtype in _WIDE and part.kind is not PartKind.COPIED:
            return Span.exactly(part.elements * 2)
        return Span(min(part.bytes, part.elements * 2), part.bytes)
    return Span.exactly(part.bytes)


def _tiled(part: WeightPart, said: Architecture) -> Span:
    """Experts in mxfp4: as in the file, or in larger tiles with biases in single precision, by the kernel that the GPU gets."""
    wide, inner = rounded(said.hidden, _TILES[0]), rounded(said.inner, _TILES[1])
    most = part.elements * 4 if part.dtype in _HALF else part.bytes
    return Span(part.bytes, up(most * wide * inner, said.hidden * said.inner))


def _padding(said: Architecture, weights: Weights, wanted: WantedModel, first: int, end: int, engine: EngineProfile) -> Span:
    """Rows that are added to the tables of tokens."""
    if not engine.halves or said.vocabulary % _TABLE == 0:
        return Span(0, 0)
    rows = rounded(said.vocabulary, _TABLE) - said.vocabulary
    found = 0
    for part in weights.outside:
        here = (part.kind is PartKind.EMBEDDING and first == 0) or (part.kind is PartKind.OUTPUT and end == said.layers)
        if here and part.elements:
            found += up(rows * part.bytes, said.vocabulary)
    return Span.exactly(up(found, wanted.tensor))
