"""What llama.cpp itself printed when it loaded small models (xllamacpp 2026.10.11549, on a processor), beside our prediction.

The models had random weights of these sizes and were written by the package ``gguf``. Sizes are MiB, with two digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from arcops.seen.fit_model import CacheKind
from gates.fit.fit.demand import stages_of
from gates.fit.fit.keeping import needed
from tasks.fit.models import model_seen
from tasks.fit.profiles import engine_profile
from tests.fit_models import gguf, gguf_keys
from tests.fit_references import wanted

pytestmark = pytest.mark.requirement("ARC-R3/plans-are-held-against-measurements")

MIB = 1 << 20
F32, F16 = 0, 1
CPP = engine_profile("llama.cpp")
Described = list[tuple[str, int, tuple[int, ...]]]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model of the Llama kind, or of Gemma 3's if it has a window."""

    layers: int = 2
    hidden: int = 256
    heads: int = 8
    kv: int = 2
    inner: int = 1024
    vocabulary: int = 512
    window: int = 0

    @property
    def wide(self) -> int:
        return 64 if self.window else self.hidden // self.heads

    def write(self, path: Path) -> None:
        family = "gemma3" if self.window else "llama"
        more = {"attention__sliding_window": self.window, "attention__key_length": 64, "attention__value_length": 64}
        keys = gguf_keys(
            family,
            block_count=self.layers,
            embedding_length=self.hidden,
            feed_forward_length=self.inner,
            attention__head_count=self.heads,
            attention__head_count_kv=self.kv,
            context_length=8192,
            **(more if self.window else {}),
        )
        gguf(path, keys, self.tensors())

    def tensors(self) -> Described:
        table = (self.hidden, self.vocabulary)
        found: Described = [("token_embd.weight", F16, table), ("output_norm.weight", F32, (self.hidden,))]
        if not self.window:
            found.append(("output.weight", F16, table))
        for number in range(self.layers):
            here, hidden, inner = f"blk.{number}", self.hidden, self.inner
            for name, size in (("attn_norm", hidden), ("ffn_norm", hidden)):
                found.append((f"{here}.{name}.weight", F32, (size,)))
            if self.window:
                for name, size in (
                    ("attn_q_norm", 64),
                    ("attn_k_norm", 64),
                    ("post_attention_norm", hidden),
                    ("post_ffw_norm", hidden),
                ):
                    found.append((f"{here}.{name}.weight", F32, (size,)))
            for name, sizes in (
                ("attn_q", (hidden, self.heads * self.wide)),
                ("attn_k", (hidden, self.kv * self.wide)),
                ("attn_v", (hidden, self.kv * self.wide)),
                ("attn_output", (self.heads * self.wide, hidden)),
                ("ffn_gate", (hidden, inner)),
                ("ffn_up", (hidden, inner)),
                ("ffn_down", (inner, hidden)),
            ):
                found.append((f"{here}.{name}.weight", F16, sizes))
        return found


PLAIN = Shape(layers=6)
GEMMA = Shape(layers=12, heads=4, kv=1, window=512)


@dataclass(frozen=True, kw_only=True)
class Log:
    """A start with ``context`` tokens for each of ``slots`` requests: the caches (streams unless ``one``), the compute buffer,
    and the size of the weights.
    """

    shape: Shape
    context: int
    cache: float
    compute: float
    slots: int = 1
    one: bool = False
    weights: float = 0.0
    steps: int = 512
    flash: bool = True


LOGS = (
    Log(shape=PLAIN, context=4096, cache=6.0, compute=12.52, weights=11.39),
    Log(shape=PLAIN, context=1000, slots=4, cache=6.0, compute=9.52, weights=11.39),
    Log(shape=PLAIN, context=1000, slots=4, one=True, cache=6.0, compute=12.52),
    Log(shape=GEMMA, context=4096, cache=2.0 + 2.5, compute=13.53, weights=22.05),
    Log(shape=GEMMA, context=2048, slots=4, cache=4.0 + 10.0, compute=11.53),
    Log(shape=GEMMA, context=2048, slots=4, one=True, cache=4.0 + 6.25, compute=19.03),
    Log(shape=Shape(vocabulary=32_000), context=4096, cache=2.0, compute=12.52, weights=34.88),
    Log(shape=Shape(hidden=512), context=4096, cache=4.0, compute=13.02),
    Log(shape=Shape(inner=4096), context=4096, cache=2.0, compute=30.52),
    Log(shape=Shape(hidden=512, kv=8, inner=2048, vocabulary=50_000), context=4096, cache=16.0, compute=21.02),
    Log(shape=Shape(hidden=1024, heads=16, kv=4), context=4096, cache=8.0, compute=16.02),
    Log(shape=PLAIN, context=4096, steps=128, cache=6.0, compute=3.13),
    Log(shape=PLAIN, context=4096, flash=False, cache=6.0, compute=75.26),
)


@pytest.mark.parametrize("log", LOGS, ids=range(len(LOGS)))
def test_a_start_of_llama_cpp_is_as_predicted(log: Log, tmp_path: Path) -> None:
    log.shape.write(tmp_path / "m.gguf")
    asked = wanted(
        path="m.gguf", engine="llama.cpp", context=log.context, concurrency=log.slots, steps=log.steps, flash=log.flash
    )
    found = model_seen(asked, tmp_path, None)
    (stage,) = stages_of(asked, found, {"llama.cpp": CPP})
    assert found.weights is not None
    if log.weights:
        assert found.weights.bytes / MIB == pytest.approx(log.weights, abs=0.01)
    ends = {stage.cache.least / MIB, stage.cache.most / MIB}
    assert min(abs(one - log.cache) for one in ends) < 0.01, f"{ends} beside {log.cache}"
    assert stage.work.least / MIB <= log.compute <= stage.work.most / MIB


@pytest.mark.parametrize(("family", "heads"), [("mamba", 0), ("jamba", [0, 0, 2, 0])])
def test_recurrent_layers_keep_what_llama_cpp_keeps(family: str, heads: Any, tmp_path: Path) -> None:
    """R and S of three recurrent layers for two requests: 36,864 and 196,608 bytes; one layer of Jamba has attention."""
    layers = 3 if family == "mamba" else 4
    keys = gguf_keys(
        family,
        block_count=layers,
        embedding_length=256,
        feed_forward_length=1024,
        attention__head_count=8,
        attention__head_count_kv=heads,
        context_length=8192,
        ssm__conv_kernel=4,
        ssm__inner_size=512,
        ssm__state_size=16,
    )
    tensors: Described = [("token_embd.weight", F16, (256, 512)), ("output.weight", F16, (256, 512))]
    gguf(tmp_path / "m.gguf", keys, [*tensors, *((f"blk.{number}.attn_norm.weight", F32, (256,)) for number in range(layers))])
    asked = wanted(path="m.gguf", engine="llama.cpp", context=2048, concurrency=2)
    said = model_seen(asked, tmp_path, None).architecture
    assert said is not None
    whole = needed(said, asked, CPP, 0, "f16", 2)
    attention = sum(run.count for run in said.cache if run.kind is CacheKind.FULL)
    assert attention == (0 if family == "mamba" else 1)
    assert whole.least == 36_864 + 196_608 + attention * MIB
