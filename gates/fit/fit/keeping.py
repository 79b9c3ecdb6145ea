"""What requests keep on one GPU: keys and values, latents, recurrent states, and what an encoder gave.

Sources: ``vllm/v1/kv_cache_interface.py`` and ``kv_cache_utils.py`` of vLLM (pages of a block of tokens, groups of layers
with one size of page, attention blocks that grow to the size of a state); ``llama-kv-cache-iswa.cpp`` and
``llama-memory-recurrent.cpp`` of llama.cpp (cells padded to 256, windows with the tokens of a step besides).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from arcops.seen.engine_profile import EngineProfile, Keeps, Takes
from arcops.seen.fit_model import Architecture, CacheKind, CacheRun
from arcops.seen.fit_wanted import WantedModel
from gates.fit.fit.loading import stages
from gates.fit.fit.sizes import Span, cache_bytes, rounded, total, up

CELLS = 256
"""To so many tokens llama.cpp pads a cache."""
_TURNS = 16
"""Of so many tokens the block of attention is a multiple, if it grows to the size of a recurrent state."""


@dataclass(frozen=True, slots=True)
class Kept:
    """``layers`` layers on this GPU that keep the same: ``run`` with the heads that this GPU has."""

    run: CacheRun
    layers: int


def on_gpu(said: Architecture, wanted: WantedModel, stage: int) -> tuple[Kept, ...]:
    """What the layers of *stage* keep on one GPU of a tensor-parallel group: its share of the heads, or a copy of one head."""
    first, end = stages(said.layers, wanted.pipeline)[stage]
    found: dict[CacheRun, int] = {}
    for run in said.cache:
        many = min(run.first + run.count, end) - max(run.first, first)
        if many > 0:
            here = replace(run, first=0, count=1, heads=_share(run.heads, wanted.tensor, run.kind))
            if run.kind is CacheKind.STATE:
                here = replace(here, conv=up(run.conv, wanted.tensor), state=up(run.state, wanted.tensor))
            found[here] = found.get(here, 0) + many
    return tuple(Kept(run, many) for run, many in found.items())


def _share(heads: int, tensor: int, kind: CacheKind) -> int:
    return heads if kind is CacheKind.LATENT else max(1, heads // tensor)


def cache_type(wanted: WantedModel, said: Architecture, engine: EngineProfile) -> str:
    """The type of the cache; empty if the engine takes the model's and the model does not say it."""
    if wanted.cache != "auto":
        return wanted.cache
    if engine.keeps is Keeps.CELLS:
        return "f16"
    named = wanted.loads if wanted.loads in ("f16", "bf16", "f32") else said.dtype
    return "bf16" if engine.halves and named == "f32" and wanted.loads == "auto" else named


def needed(said: Architecture, wanted: WantedModel, engine: EngineProfile, stage: int, dtype: str, requests: int) -> Span:
    """Bytes on one GPU of *stage* for so many *requests* at once, each of the whole context."""
    kept = on_gpu(said, wanted, stage)
    if not kept or not requests:
        return Span(0, 0)
    if engine.keeps is Keeps.CELLS:
        return _cells(kept, wanted, engine, dtype, requests)
    if engine.keeps is Keeps.TENSORS:
        once = total(_tensor(one, wanted, said, dtype) for one in kept)
        return once.times(requests, 2 * requests)  # past and present are one buffer, or two
    return paged(kept, wanted, said, engine, dtype, requests)


def token_bytes(run: CacheRun, dtype: str) -> int:
    """Bytes that one layer keeps for one token."""
    if run.kind is CacheKind.LATENT:
        return cache_bytes(run.key + run.value, dtype)
    found = cache_bytes(run.heads * (run.key + run.value), dtype)
    return found + (2 * run.heads * 4 if dtype == "int8" else 0)


def read_each_step(said: Architecture, wanted: WantedModel, stage: int, dtype: str) -> int:
    """Bytes that one GPU of *stage* must read of one request of the whole context, at least, for its next token."""
    found = 0
    for one in on_gpu(said, wanted, stage):
        run = one.run
        tokens = wanted.context if run.kind in (CacheKind.FULL, CacheKind.LATENT) else min(run.window, wanted.context)
        tokens = run.positions if run.kind is CacheKind.CROSS else tokens
        size = 2 * (run.conv + run.state) if run.kind is CacheKind.STATE else tokens * token_bytes(run, dtype)
        found += one.layers * size
    return found


def paged(
    kept: Sequence[Kept], wanted: WantedModel, said: Architecture, engine: EngineProfile, dtype: str, requests: int
) -> Span:
    """As engines with pages keep it (vLLM; others as far as they do the same)."""
    blocks = (wanted.block,) * 2 if wanted.block else (engine.block.least, engine.block.most)
    least = _pages(kept, wanted, said, engine, dtype, blocks[0], lean=True)
    most = _pages(kept, wanted, said, engine, dtype, blocks[1], lean=False)
    return Span(min(least, most) * requests, max(least, most) * requests)


def _pages(
    kept: Sequence[Kept], wanted: WantedModel, said: Architecture, engine: EngineProfile, dtype: str, block: int, *, lean: bool
) -> int:
    """Bytes for one request. *lean*: windows and states take as little as they can; else windows may take every token, and a
    state two pages (one is kept for the prefix).
    """
    states = [one for one in kept if one.run.kind is CacheKind.STATE]
    rest = [one for one in kept if one.run.kind is not CacheKind.STATE]
    state_size = max((_state_bytes(one.run, said, lean=lean) for one in states), default=0)
    if not rest:
        return sum(one.layers * _state_bytes(one.run, said, lean=lean) for one in states) * (1 if lean else 2)
    shared = engine.takes is Takes.SHARE
    if states and shared:
        widest = max(token_bytes(one.run, dtype) for one in rest)
        block = max(block, rounded(up(state_size, widest), _TURNS))
    page = max(block * token_bytes(one.run, dtype) for one in rest)
    page = max(page, state_size) if states and shared else page
    kinds = [(one, _count(one.run, wanted, engine, block, lean=lean)) for one in (*rest, *(states if shared else ()))]
    group = _group([one.layers for one, _ in kinds]) if shared and len(kinds) > 1 else 0
    found = 0
    for one, pages in kinds:
        own = page if group else block * token_bytes(one.run, dtype)
        found += pages * own * (rounded(one.layers, group) if group else one.layers)
    if not shared:
        found += sum(one.layers * _state_bytes(one.run, said, lean=lean) for one in states)
    return found


def _count(run: CacheRun, wanted: WantedModel, engine: EngineProfile, block: int, *, lean: bool) -> int:
    """Pages of one layer for one request."""
    if run.kind is CacheKind.STATE:
        return 1 if lean else 2
    if run.kind is CacheKind.CROSS:
        return up(run.positions, block)
    if run.kind is CacheKind.WINDOW and lean:
        step = wanted.steps or engine.steps.least
        return min(up(min(run.window - 1 + step, wanted.context), block) + 1, up(wanted.context, block))
    return up(wanted.context, block)


def _group(layers: Sequence[int]) -> int:
    """How many layers share a page: as many as the rarest kind has, or all if the kinds are about as frequent."""
    return max(layers) if max(layers) * 4 < min(layers) * 5 else min(layers)


def _state_bytes(run: CacheRun, said: Architecture, *, lean: bool) -> int:
    """Bytes of one layer's state. If its type is not said, it is that of the model, or single precision."""
    wide = 4 if said.states == "f32" or said.dtype == "f32" else 2 if said.states or lean else 4
    return run.conv * (4 if said.states == said.dtype == "f32" else 2) + run.state * wide


def _cells(kept: Sequence[Kept], wanted: WantedModel, engine: EngineProfile, dtype: str, requests: int) -> Span:
    """As llama.cpp keeps it: for all requests at once, in cells of one cache or in a stream for each."""
    step = wanted.steps or engine.steps.most
    streams = requests * rounded(wanted.context, CELLS)
    one_cache = rounded(wanted.context * requests, CELLS)
    found = Span(0, 0)
    for one in kept:
        run = one.run
        if run.kind is CacheKind.STATE:
            found = found + Span.exactly(one.layers * requests * 4 * (run.conv + run.state))
            continue
        if run.kind is CacheKind.WINDOW:
            shared = min(one_cache, rounded(run.window * requests + step, CELLS))
            own = requests * min(rounded(wanted.context, CELLS), rounded(run.window + step, CELLS))
            cells = Span(min(shared, own), max(shared, own))
        elif run.kind is CacheKind.CROSS:
            cells = Span.exactly(run.positions * requests)
        else:
            cells = Span(min(one_cache, streams), max(one_cache, streams))
        size = token_bytes(run, dtype)
        # Of a latent, values are a part of the keys; earlier versions kept them again.
        again = cache_bytes(run.key, dtype) if run.kind is CacheKind.LATENT else 0
        found = found + Span(one.layers * cells.least * size, one.layers * cells.most * (size + again))
    return found


def _tensor(one: Kept, wanted: WantedModel, said: Architecture, dtype: str) -> Span:
    """One request's tensors of these layers."""
    run = one.run
    if run.kind is CacheKind.STATE:
        return Span(_state_bytes(run, said, lean=True), _state_bytes(run, said, lean=False)).times(one.layers)
    tokens = run.positions if run.kind is CacheKind.CROSS else wanted.context
    return Span.exactly(one.layers * tokens * token_bytes(run, dtype))
