"""What one part of a copy of a model takes of a GPU: its weights, the cache that it needs, and what its engine takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arcops.seen.engine_profile import EngineProfile, Keeps, Takes
from arcops.seen.fit import FitSeen
from arcops.seen.fit_model import Architecture, CacheKind, ModelSeen
from arcops.seen.fit_wanted import WantedModel
from gates.fit.fit.keeping import cache_type, needed
from gates.fit.fit.loading import loaded
from gates.fit.fit.sizes import Span, up


@dataclass(frozen=True, slots=True)
class Demand:
    """One stage of one copy of ``wanted``, on each of the GPUs of its tensor-parallel group.

    ``weights``, ``cache`` (for the concurrency that is wanted), ``work`` (what a step computes with), ``context`` (the
    process) and ``graphs`` are bytes. ``dtype`` is that of the cache.
    """

    wanted: WantedModel
    engine: EngineProfile
    said: Architecture
    stage: int
    dtype: str
    weights: Span
    cache: Span
    work: Span
    context: Span
    graphs: Span

    @property
    def loaded(self) -> Span:
        """Everything but cache and graphs."""
        return self.weights + self.work + self.context

    @property
    def least(self) -> int:
        """Bytes without which it cannot be, whatever the engine takes."""
        return self.loaded.least + self.cache.least


@dataclass(frozen=True, slots=True)
class Claim:
    """What a demand takes of a GPU with so much memory: ``taken`` bytes, of which ``pool`` are for the cache (less than 0:
    not even the weights have room). ``share`` is the engine's share in thousandths, 0 if it has none.
    """

    taken: int
    pool: int
    share: int


def demands(seen: FitSeen) -> dict[str, tuple[Demand, ...]]:
    """The stages of each model that can be planned, by the model's name."""
    engines = {one.engine: one for one in seen.engines}
    models = {one.name: one for one in seen.models}
    return {
        one.name: found
        for one in seen.wanted.models
        if (found := stages_of(one, models.get(one.name), engines)) and not unplanned(one, models.get(one.name), engines)
    }


def unplanned(wanted: WantedModel, model: ModelSeen | None, engines: Mapping[str, EngineProfile]) -> str:
    """Why *wanted* cannot be planned, or nothing."""
    engine = engines.get(wanted.engine)
    if engine is None:
        return f"nothing is known of the engine {wanted.engine}"
    if model is None or model.weights is None or model.architecture is None:
        return "its weights or its configuration are not known"
    if model.problems or any(one.problem or one.weights is None for one in model.adapters):
        return "it was not read as a whole"
    said = model.architecture
    if wanted.pipeline > said.layers:
        return f"it has {said.layers} layers, fewer than the {wanted.pipeline} stages"
    if wanted.tensor > 1 and said.heads % wanted.tensor:
        return f"its {said.heads} heads do not divide by {wanted.tensor} GPUs, so its engine does not start"
    kv = {run.heads for run in said.cache if run.key and run.kind.value != "latent"}
    if bad := next((heads for heads in sorted(kv) if heads % wanted.tensor and wanted.tensor % heads), 0):
        return f"its {bad} heads of keys and values cannot be shared by {wanted.tensor} GPUs, so its engine does not start"
    if said.cache and not cache_type(wanted, said, engine):
        return "neither its configuration nor the description says the type of its cache; write such as 'cache: bf16'"
    return ""


def stages_of(wanted: WantedModel, model: ModelSeen | None, engines: Mapping[str, EngineProfile]) -> tuple[Demand, ...]:
    """What each stage of *wanted* takes; empty if it cannot be planned."""
    if unplanned(wanted, model, engines) or model is None or model.architecture is None:
        return ()
    engine, said = engines[wanted.engine], model.architecture
    dtype = cache_type(wanted, said, engine) or "f16"
    return tuple(
        Demand(
            wanted=wanted,
            engine=engine,
            said=said,
            stage=stage,
            dtype=dtype,
            weights=loaded(model, wanted, engine, stage),
            cache=needed(said, wanted, engine, stage, dtype, wanted.concurrency),
            work=work(said, wanted, engine, stage),
            context=Span.of(engine.group_context if wanted.devices > 1 else engine.context),
            graphs=Span.of(engine.graphs),
        )
        for stage in range(wanted.pipeline)
    )


def work(said: Architecture, wanted: WantedModel, engine: EngineProfile, stage: int) -> Span:
    """What a step computes with at its peak: the layers' own products, logits, and what sampling needs."""
    steps = Span(wanted.steps, wanted.steps) if wanted.steps else Span(engine.steps.least, engine.steps.most)
    inner = said.inner * max(1, min(said.chosen, said.experts) if said.experts else 1)
    if engine.keeps is Keeps.CELLS:
        return _graph(said, wanted, engine, steps, inner)
    if engine.keeps is Keeps.TENSORS:
        steps = Span(1, wanted.context)  # a prompt is one step
    layers = Span(steps.least * (2 * inner + 2 * said.hidden) * 2, steps.most * (3 * inner + 6 * said.hidden) * 2)
    peaks = [layers.over(wanted.tensor)]
    if wanted.pipeline - 1 == stage:
        many = Span.of(engine.sequences)
        many = Span.exactly(wanted.sequences) if wanted.sequences else many
        for each, figure in ((many, engine.sampling), (steps, engine.logits)):
            known = Span.of(figure)
            peaks.append(Span(each.least * said.vocabulary * known.least, each.most * said.vocabulary * known.most))
    return Span(max(one.least for one in peaks), max(one.most for one in peaks))


def _graph(said: Architecture, wanted: WantedModel, engine: EngineProfile, steps: Span, inner: int) -> Span:
    """The compute buffer of llama.cpp, in single precision: products of a layer, the mask of what may be seen, the scores
    without flash attention, logits. Held against its own logs (tests/gates/fit/test_llama_cpp.py).
    """
    windows = any(run.kind is CacheKind.WINDOW for run in said.cache)
    tokens = wanted.context * wanted.concurrency
    mask = Span(wanted.context * steps.least * 2, tokens * steps.most * (8 if windows else 4))
    layers = Span(steps.least * 2 * inner * 4, steps.most * (3 * inner + 8 * said.hidden) * 4)
    scores = Span(0, 0) if wanted.flash else Span(wanted.context, tokens).times(steps.most * said.heads * 4)
    logits = Span.of(engine.logits).times(steps.most * said.vocabulary)
    return Span(max(layers.least, scores.least) + mask.least, (layers + mask + scores + logits).most)


def claim(demand: Demand, memory: int, *, cautious: bool) -> Claim:
    """What *demand* takes of a GPU with *memory* bytes. *cautious*: what is not known exactly counts at its worst."""
    loads, needs = _end(demand.loaded, cautious), _end(demand.cache, cautious)
    graphs, takes = _end(demand.graphs, cautious), demand.engine.takes
    if takes is Takes.NEEDED:
        alone = loads + needs
        taken = alone + alone * _end(Span.of(demand.engine.arena), cautious) // 1000
        return Claim(taken=taken, pool=needs, share=0)
    share = share_of(demand, memory, cautious=cautious)
    if takes is Takes.SHARE:
        return Claim(
            taken=_part(memory, _end(share, cautious)) + graphs,
            pool=_part(memory, _end(share, not cautious)) - loads,
            share=share.most,
        )
    if takes is Takes.STATIC:
        beside = _end(demand.work, cautious) + _end(demand.context, cautious) + graphs
        pool = _part(memory, _end(share, not cautious)) - _end(demand.weights, cautious)
        return Claim(taken=_part(memory, _end(share, cautious)) + beside, pool=pool, share=share.most)
    free = max(0, memory - loads)
    taken = loads + _part(free, _end(share, cautious)) + graphs
    return Claim(
        taken=taken, pool=_part(free, _end(share, not cautious)) if memory > loads else memory - loads, share=share.most
    )


def _end(span: Span, most: bool) -> int:
    return span.most if most else span.least


def _part(memory: int, share: int) -> int:
    return memory * share // 1000


def share_of(demand: Demand, memory: int, *, cautious: bool) -> Span:
    """The engine's share in thousandths: what is written, the default, or the least that is enough, as a whole percent."""
    default = demand.engine.share
    if demand.wanted.share > 0:
        return Span.exactly(demand.wanted.share)
    if demand.wanted.share == 0 and default is not None:
        return Span(default.least, default.most)
    loads, needs = _end(demand.loaded, cautious), _end(demand.cache, cautious)
    whole = memory
    if demand.engine.takes is Takes.FREE:
        whole, loads = max(memory - loads, 1), 0
    elif demand.engine.takes is Takes.STATIC:
        loads = _end(demand.weights, cautious)
    return Span.exactly(min(1000, max(10, 10 * up((loads + needs) * 100, whole))))
