"""Published observations of memory, beside what ArcOps predicts for the same model, engine and settings.

The file is not part of the project: `references` finds it, or says that it is not here. Each model is written as files with
real headers (`tests.fit_models`) and read like any other, so that the whole way is held against the observation. Settings
that a row does not say are those of the model's published configuration. A row that cannot be compared has its reason in
`NOT_COMPARED`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from arcops.seen.fit_model import Architecture, CacheKind, CacheRun, ModelSeen
from arcops.seen.fit_wanted import WantedModel
from gates.fit.fit.demand import work
from gates.fit.fit.keeping import needed, on_gpu
from gates.fit.fit.loading import loaded
from gates.fit.fit.sizes import GIB, Span
from tasks.fit.models import model_seen
from tasks.fit.profiles import engine_profile
from tests.fit_models import LLAMA_8B, Named, gguf, gguf_keys, llama, model
from tests.fit_published import (
    F16,
    GATED_DELTA_27B,
    GPT_OSS_20B,
    GPT_OSS_120B,
    LLAMA_3_8B,
    LLAMA_32_3B,
    LLAMA_70B,
    LLAMA_405B,
    Q4_0,
    Q4_K,
    Q8_0,
    QWEN3_06B,
    QWEN3_32B,
    QWEN25_7B,
    fp8,
    mxfp4,
    quantised,
    with_norms,
)
from tests.vectors import VECTORS

MIB = 1 << 20
FILE = VECTORS.parent / "notes" / "fit-references.json"

NOT_COMPARED = {
    "ggufparser-q4-llama33-70b": "its file: the vocabulary of that fine-tuned model is not published with the row",
    "ggufparser-r1-671b": "its file: which tensors got which type was its maker's choice",
}


@dataclass(frozen=True)
class Compared:
    """One figure: ``what`` is ``weights``, ``kv``, ``work`` (of a step) or ``context`` (of the process).

    ``exact``: it follows from headers and configuration alone; else ``predicted`` is a range that must hold it.
    """

    row: str
    what: str
    predicted: Span
    observed: float
    exact: bool
    said: str

    @property
    def error(self) -> float:
        """Percent."""
        return abs(self.predicted.most - self.observed) / self.observed * 100

    @property
    def holds(self) -> bool:
        """Is the observation in the range? It was printed with two digits, so half of the last one is allowed."""
        slack = max(0.005 * GIB, self.observed * 0.0005)
        return self.predicted.least - slack <= self.observed <= self.predicted.most + slack


def references() -> Mapping[str, dict[str, Any]]:
    """The rows by id; empty if the file is not here."""
    if not FILE.is_file():
        return {}
    return {row["id"]: row for row in json.loads(FILE.read_text())["references"]}


def compared(folder: Path) -> Iterator[Compared]:
    """Everything that can be compared. *folder* is for the models' files."""
    rows = references()
    for row, compare in _ROWS.items():
        yield from compare(rows[row], folder)
    yield from _besides(rows)


def table(found: Iterable[Compared]) -> str:
    """Every figure with its error, one line each."""
    lines = []
    for one in found:
        unit = GIB if one.observed > MIB else 1
        told = f"{one.predicted.least / unit:.4f}"
        if one.predicted.most != one.predicted.least:
            told += f" to {one.predicted.most / unit:.4f}"
        how = f"{one.error:.3f} %" if one.exact else "in its range" if one.holds else "OUT OF ITS RANGE"
        lines.append(f"{one.row:32} {one.what:8} {told:>24} {one.observed / unit:12.4f}  {how:14} {one.said}")
    return "\n".join(lines)


def wanted(**more: Any) -> WantedModel:
    return WantedModel(**{"name": "m", "path": "m", "engine": "vllm", "context": 2048, **more})


def _read(folder: Path, config: Mapping[str, Any], tensors: list[Named], **more: Any) -> ModelSeen:
    place = folder / f"m{len(list(folder.iterdir()))}"
    model(place, config, tensors)
    return _sound(model_seen(wanted(path=place.name, **more), folder, None))


def _read_gguf(
    folder: Path, family: str, config: Mapping[str, Any], tensors: list[tuple[str, int, tuple[int, ...]]]
) -> ModelSeen:
    path = folder / f"m{len(list(folder.iterdir()))}.gguf"
    keys = gguf_keys(
        family,
        block_count=config["num_hidden_layers"],
        embedding_length=config["hidden_size"],
        feed_forward_length=config["intermediate_size"],
        attention__head_count=config["num_attention_heads"],
        attention__head_count_kv=config["num_key_value_heads"],
        context_length=131072,
    )
    gguf(path, keys, tensors)
    return _sound(model_seen(wanted(path=path.name, engine="llama.cpp"), folder, None))


def _sound(found: ModelSeen) -> ModelSeen:
    assert not found.problems, found.problems
    assert not found.contradictions, found.contradictions
    return found


def _weights(
    row: dict[str, Any], found: ModelSeen, asked: WantedModel, key: str, *, exact: bool = True, said: str = ""
) -> Compared:
    predicted = loaded(found, asked, engine_profile(asked.engine), 0)
    return Compared(row["id"], "weights", predicted, row["observed"][key] * GIB, exact, said)


@cache
def _attention(layers: int, heads: int, key: int, value: int = 0) -> Architecture:
    run = CacheRun(kind=CacheKind.FULL, first=0, count=layers, heads=heads, key=key, value=value or key)
    return Architecture(
        family="any", source="the row", layers=layers, hidden=heads * key, heads=heads, inner=1, vocabulary=1, positions=0,
        cache=(run,), dtype="bf16",
    )  # fmt: skip


def _kept(said: Architecture, asked: WantedModel, requests: int = 1) -> Span:
    engine = engine_profile(asked.engine)
    return needed(said, asked, engine, 0, asked.cache if asked.cache != "auto" else "f16", requests)


def _tokens(row: dict[str, Any], said: Architecture, pool: float, tokens: int, **more: Any) -> Compared:
    """Bytes of *tokens* tokens against the *pool* that held them."""
    asked = wanted(context=tokens, block=1, **more)
    return Compared(row["id"], "kv", _kept(said, asked), pool, True, "tokens x bytes a token")


def _pool(row: dict[str, Any], found: ModelSeen, asked: WantedModel, memory: float, key: str) -> Compared:
    """The engine's share less our weights and the measured rest, against the pool that it logged."""
    seen = row["observed"]
    weights = loaded(found, asked, engine_profile("vllm"), 0).most
    budget = seen.get("budgetGiB", memory * row["settings"]["gpuMemoryUtilization"]) * GIB
    pool = budget - weights - (seen["activationPeakGiB"] + seen["nonTorchGiB"]) * GIB
    return Compared(row["id"], "kv", Span.exactly(round(pool)), seen[key] * GIB, True, "share - weights - measured rest")


def _llama_3090(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    asked = wanted()
    yield _weights(row, _read(folder, LLAMA_8B, llama(LLAMA_8B)), asked, "weightsGiB")
    tokens = row["observed"]["blocks"] * row["config"]["blockTokens"]
    yield _tokens(row, _attention(32, 8, 128), row["observed"]["kvPoolGiB"] * GIB, tokens)


def _llama_tp1(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    found = _read(folder, LLAMA_3_8B, llama(LLAMA_3_8B))
    yield _weights(row, found, wanted(), "weightsGiB")
    yield _pool(row, found, wanted(), 79.22, "kvPoolGiB")


def _llama_tp2(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    yield _weights(row, _read(folder, LLAMA_3_8B, llama(LLAMA_3_8B)), wanted(tensor=2), "weightsGiBPerGpu")


def _planner(
    config: Mapping[str, Any], tensors: Callable[[], list[Named]], **more: Any
) -> Callable[[dict[str, Any], Path], Iterator[Compared]]:
    def compare(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
        found, asked = _read(folder, config, tensors()), wanted(**more)
        yield _weights(row, found, asked, "weightsGiBPerGpu")
        if "activationPeakGiB" in row["observed"]:
            yield _pool(row, found, asked, 79.18, "kvPoolGiBPerGpu")

    return compare


def _fp8_70b() -> list[Named]:
    return fp8(LLAMA_70B, lambda name: True, "BF16")


def _oss(key: str) -> Callable[[dict[str, Any], Path], Iterator[Compared]]:
    def compare(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
        said = "the kernel decides how experts are laid out"
        yield _weights(row, _read(folder, GPT_OSS_120B, mxfp4()), wanted(), key, exact=False, said=said)

    return compare


def _oss_tokens(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    yield _tokens(row, _attention(36, 8, 64), row["observed"]["kvPoolGiB"] * GIB, row["observed"]["kvTokens"])


def _qwen_235b(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    yield _tokens(row, _attention(94, 4, 128), row["observed"]["kvPoolGiBPerGpu"] * GIB, row["observed"]["kvTokens"], tensor=4)


def _sglang(layers: int, heads: int, tensor: int) -> Callable[[dict[str, Any], Path], Iterator[Compared]]:
    def compare(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
        pool = (row["observed"]["kGiBPerGpu"] + row["observed"]["vGiBPerGpu"]) * GIB
        yield _tokens(row, _attention(layers, heads, 128), pool, row["observed"]["kvTokens"], tensor=tensor, engine="sglang")

    return compare


def _hybrid(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    """The pool in pages: attention blocks grown to the size of a state, states that keep a page for the prefix besides their
    own.
    """
    from tasks.fit.transformers_config import architecture

    said, context = architecture(GATED_DELTA_27B, "the row"), row["settings"]["maxModelLen"]
    asked = wanted(context=context, cache="fp8", tensor=2, block=16)
    each = _kept(said, asked).most
    block = row["config"]["blockTokens"]
    page = block * sum(one.run.heads * 2 * 256 for one in on_gpu(said, asked, 0) if one.run.kind is CacheKind.FULL)
    pool = row["observed"]["kvPoolGiBPerGpu"] * GIB // (16 * page) * 16 * page  # whole pages
    tokens = int(pool / each * context)
    yield Compared(
        row["id"], "kv", Span.exactly(tokens), row["observed"]["kvTokens"], True, "pool / pages of a request x context"
    )


def _405b(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    """The row says 8 heads of keys and values. The files of July 2024 had 16 (and the row hfblog-llama31-kv has them, too)."""
    unchanged = {0, 125}
    for heads in (8, 16):
        config = {**LLAMA_405B, "num_key_value_heads": heads}
        tensors = fp8(config, lambda name: ".mlp." in name and int(name.split(".")[2]) not in unchanged, "F32")
        said = f"{heads} heads of keys and values"
        one = _weights(row, _read(folder, config, tensors), wanted(tensor=8), "weightsGiBPerGpu", said=said)
        yield replace(one, exact=heads == 8)  # what the row says counts


def _rank(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    seen = row["observed"]
    pool = (
        23.58 * row["settings"]["gpuMemoryUtilization"]
        - seen["weightsGiBPerGpu"]
        - seen["nonTorchGiB"]
        - seen["activationPeakGiB"]
    )
    yield Compared(
        row["id"], "kv", Span.exactly(round(pool * GIB)), seen["kvPoolGiBPerGpu"] * GIB, True, "share - measured rest"
    )


def _headers_70b(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    found = _read(folder, LLAMA_70B, llama(LLAMA_70B))
    assert found.weights is not None
    yield Compared(
        row["id"], "weights", Span.exactly(found.weights.bytes), row["observed"]["weightsGiB"] * GIB, True, "headers"
    )


def _bytes(
    layers: int, heads: int, wide: int, observed: Callable[[dict[str, Any]], tuple[float, int]], **more: Any
) -> Callable[[dict[str, Any], Path], Iterator[Compared]]:
    def compare(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
        size, tokens = observed(row)
        yield _tokens(row, _attention(layers, heads, wide), size, tokens, **more)

    return compare


def _cpp(layers: int, wide: int, size: str, tokens: int, **more: Any) -> Callable[[dict[str, Any], Path], Iterator[Compared]]:
    def compare(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
        asked = wanted(engine="llama.cpp", context=tokens, **more)
        yield Compared(row["id"], "kv", _kept(_attention(layers, 1, wide), asked), row["observed"][size] * MIB, True, "cells")

    return compare


def _swa(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    run = CacheRun(kind=CacheKind.WINDOW, first=0, count=12, heads=8, key=64, value=64, window=128)
    asked = wanted(engine="llama.cpp", context=4096, steps=512)
    said = replace(_attention(12, 8, 64), cache=(run,))
    yield Compared(row["id"], "kv", _kept(said, asked), row["observed"]["kvSwaMiB"] * MIB, True, "cells of a window")


def _cpp_hybrid(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    from tasks.fit.transformers_config import architecture

    said = architecture(GATED_DELTA_27B, "the row")
    for kind, key in ((CacheKind.FULL, "kvMiB"), (CacheKind.STATE, "recurrentMiB")):
        part = replace(said, cache=tuple(run for run in said.cache if run.kind is kind))
        asked = wanted(engine="llama.cpp", context=row["settings"]["nCtx"] // 4, concurrency=4)
        yield Compared(row["id"], "kv", _kept(part, asked, 4), row["observed"][key] * MIB, True, kind.value)


def _q4_70b(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    found = _read_gguf(folder, "llama", LLAMA_70B, quantised(LLAMA_70B, Q4_0))
    assert found.weights is not None
    yield Compared(
        row["id"], "weights", Span.exactly(found.weights.bytes), row["observed"]["weightsGiB"] * GIB, True, "headers"
    )


def _parser(
    family: str, config: Mapping[str, Any], main: int, *, large: bool = False, biases: bool = False, file: bool = True
) -> Callable[[dict[str, Any], Path], Iterator[Compared]]:
    """Another tool's estimate for llama.cpp: its file, and its sum of cache and compute buffer, which is a range for us."""

    def compare(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
        from gates.fit.fit.demand import stages_of

        found = _read_gguf(folder, family, config, quantised(config, main, large=large, biases=biases))
        assert found.weights is not None
        if file:
            size = row["observed"]["fileGiB"] * GIB
            yield Compared(
                row["id"], "weights", Span.exactly(found.weights.bytes), size, True, "the file, with its vocabulary's text"
            )
        asked = wanted(engine="llama.cpp", context=131072, flash=False)
        (stage,) = stages_of(asked, found, {"llama.cpp": engine_profile("llama.cpp")})
        beside = Span(stage.cache.least, (stage.cache + stage.work + stage.context).most)
        said = "cache, and of the compute buffer what is not mapped"
        yield Compared(row["id"], "kv", beside, row["observed"]["estimatedUnifiedMemoryGiB"] * GIB, False, said)

    return compare


def _expanded(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    asked = wanted(engine="llama.cpp", context=row["settings"]["nCtx"])
    cache = _kept(_attention(61, 128, 192, 128), asked)
    observed = row["observed"]["estimatedUnifiedMemoryGiB"] * GIB
    yield Compared(row["id"], "kv", Span(cache.least, cache.most + GIB), observed, False, "expanded latent, and a buffer")


def _blog(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    for size, layers in (("8B", 32), ("70B", 80), ("405B", 126)):
        for column, tokens in (("1k", 1024), ("16k", 16000), ("128k", 128000)):
            said = f"{size} at {column}"
            one = _tokens(row, _attention(layers, 8, 128), row["observed"][size][column] * GIB, tokens)
            if size == "405B":  # twice what 8 heads give: the row's own note says not to copy it
                sixteen = _kept(_attention(layers, 16, 128), wanted(context=tokens, block=1))
                one = replace(one, predicted=Span(one.predicted.least, sixteen.most), exact=False)
            yield replace(one, said=said)


def _never(row: dict[str, Any], folder: Path) -> Iterator[Compared]:
    """A start that failed: what one request needs is more than the pool."""
    from tasks.fit.transformers_config import architecture

    said = architecture(GPT_OSS_120B, "the row")
    asked = wanted(context=row["settings"]["maxModelLen"], steps=row["settings"]["maxNumBatchedTokens"])
    assert _kept(said, asked).least > row["observed"]["kvPoolGiB"] * GIB
    return
    yield


def _besides(rows: Mapping[str, dict[str, Any]]) -> Iterator[Compared]:
    """What a step and the process take besides, each a range, with what the row says of sequences and steps."""
    for row, config, more in _STEPS:
        seen, said = rows[row]["observed"], _shape(config)
        asked = wanted(name=row, context=4096, **more)
        engine = engine_profile(asked.engine)
        step = work(said, asked, engine, asked.pipeline - 1)
        observed = seen.get("activationPeakGiB") or seen.get("peakTorchGiB", 0) - seen.get("weightsGiB", 0)
        if asked.engine == "llama.cpp":
            observed = (seen.get("computeBufferMiB") or seen["graphMiB"]) / 1024
        yield Compared(row, "work", step, observed * GIB, False, "what a step computes with")
        if "nonTorchGiB" in seen:
            context = Span.of(engine.group_context if asked.devices > 1 else engine.context)
            yield Compared(row, "context", context, seen["nonTorchGiB"] * GIB, False, "the process itself")


def _shape(config: Mapping[str, Any]) -> Architecture:
    from tasks.fit.transformers_config import architecture

    return architecture(config, "the row")


_STEPS: tuple[tuple[str, Mapping[str, Any], dict[str, Any]], ...] = (
    ("vllm-llama31-8b-3090-20k", LLAMA_8B, {"steps": 20_000, "sequences": 256}),
    ("vllm-llama3-8b-h100-tp1", LLAMA_3_8B, {"sequences": 256}),
    ("vllm-llama3-8b-h100-tp2", LLAMA_3_8B, {"sequences": 256, "tensor": 2}),
    ("llmd-llama31-8b", LLAMA_8B, {}),
    ("llmd-llama33-70b-fp8-tp2", LLAMA_70B, {"tensor": 2}),
    ("llmd-qwen3-06b", QWEN3_06B, {}),
    ("llmd-qwen3-32b", QWEN3_32B, {}),
    ("llmd-gptoss120b", GPT_OSS_120B, {}),
    ("llamacpp-gptoss20b-swa", GPT_OSS_20B, {"engine": "llama.cpp"}),
    ("ollama-28x1024-8k", LLAMA_32_3B, {"engine": "llama.cpp", "concurrency": 2, "flash": False}),
)

_ROWS: Mapping[str, Callable[[dict[str, Any], Path], Iterator[Compared]]] = {
    "vllm-llama31-8b-3090-20k": _llama_3090,
    "vllm-llama3-8b-h100-tp1": _llama_tp1,
    "vllm-llama3-8b-h100-tp2": _llama_tp2,
    "llmd-gptoss120b": _oss("weightsGiBPerGpu"),
    "llmd-llama33-70b-fp8-tp2": _planner(LLAMA_70B, _fp8_70b, tensor=2),
    "llmd-llama31-8b": _planner(LLAMA_8B, lambda: llama(LLAMA_8B)),
    "llmd-qwen3-06b": _planner(QWEN3_06B, lambda: with_norms(QWEN3_06B)),
    "llmd-qwen3-32b": _planner(QWEN3_32B, lambda: with_norms(QWEN3_32B)),
    "llmd-llama33-70b-fp8-tp1-no": _planner(LLAMA_70B, _fp8_70b),
    "vllm-gptoss120b-5.38": _oss_tokens,
    "vllm-qwen3-235b-fp8-tp4": _qwen_235b,
    "sglang-qwen3-235b-fp8-tp4": _sglang(94, 4, 4),
    "sglang-llama70b-tp8": _sglang(80, 8, 8),
    "vllm-qwen38-27b-hybrid-tp2": _hybrid,
    "vllm-gptoss120b-h100-weights": _oss("weightsGiB"),
    "vllm-gptoss120b-marlin-weights": _oss("weightsGiB"),
    "vllm-gptoss120b-095": _never,
    "vllm-405b-fp8-tp8-weights": _405b,
    "vllm-3090-rank": _rank,
    "llmd-bench-70b-params": _headers_70b,
    "openvino-qwen3-coder-30b": _bytes(48, 4, 128, lambda row: (row["observed"]["kvKiBPerToken"] * 1024, 1)),
    "trt-llama2-7b-a100": _bytes(
        32, 32, 128, lambda row: (row["observed"]["kvBytes"], row["observed"]["kvTokens"]), engine="tensorrt-llm"
    ),
    "trt-qwen25-7b": _bytes(
        28, 4, 128, lambda row: (row["observed"]["kvPoolGiB"] * GIB, row["observed"]["kvTokens"]), engine="tensorrt-llm"
    ),
    "llamacpp-28x512": _cpp(28, 512, "kvMiB", 2048),
    "llamacpp-llama1-30b-f32": _cpp(60, 6656, "kvMiB", 512, cache="f32"),
    "llamacpp-qwen3-tts": lambda row, folder: (
        one
        for key, tokens in (("kvMiB", 32768), ("kvMiBAt4096", 4096))
        for one in _cpp(28, 1024, key, tokens)(row, folder)
    ),
    "llamacpp-gptoss20b-swa": _swa,
    "llamacpp-qwen36-27b-hybrid": _cpp_hybrid,
    "ollama-28x1024-8k": _cpp(28, 1024, "kvMiB", 8192),
    "ollama-llama31-70b-q40-weights": _q4_70b,
    "ggufparser-q4-r1-7b": _parser("qwen2", QWEN25_7B, Q4_K, biases=True),
    "ggufparser-q8-qwen25-7b": _parser("qwen2", QWEN25_7B, Q8_0, biases=True),
    "ggufparser-f16-r1-7b": _parser("qwen2", QWEN25_7B, F16, biases=True),
    "ggufparser-q4-llama33-70b": _parser("llama", LLAMA_70B, Q4_0, file=False),
    "ggufparser-q4km-llama31-70b": _parser("llama", LLAMA_70B, Q4_K, large=True),
    "ggufparser-r1-671b": _expanded,
    "hfblog-llama31-kv": _blog,
}  # fmt: skip
