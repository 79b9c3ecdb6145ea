"""What a plan of models on GPUs reads that others wrote: the description, headers, and configurations."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from arcops.errors import Refused
from tasks.fit import gguf_config
from tasks.fit.description import parse_description
from tasks.fit.keys import Unclear
from tasks.fit.parts import weights_of
from tasks.fit.tensors import header
from tasks.fit.transformers_config import architecture, of_genai
from tasks.model.content.bounded_json import parse
from tasks.model.content.window import Malformed, Window
from tests.fit_models import TINY, gguf, gguf_keys, safetensors

DESCRIPTION = b"""name: edge
gpus: {edge: {sku: NVIDIA H200, count: 2, memory: 143771MiB, mig: [3g.71gb, 1g.18gb]}}
models:
  a: {path: m, engine: vllm, context: 4096, memoryFraction: 0.9, slo: {tpot: 50ms, ttft: 1s, prompt: 10}, after: [b]}
  b: {path: b.gguf, engine: llama.cpp, context: 4096, on: [edge/0/1], cache: q8_0}
"""
GENAI = {
    "model": {"type": "a", "vocab_size": 9, "decoder": {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}}
}


def _headers() -> tuple[bytes, ...]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = gguf_keys("jamba", block_count=2, attention__head_count_kv=[0, 2], embedding_length=64)
        gguf(folder / "m.gguf", keys, [("token_embd.weight", 12, (256, 2)), ("blk.0.attn_k.weight", 1, (64, 2))])
        safetensors(folder / "m.safetensors", [("a", "BF16", (2, 2)), ("model.layers.0.mlp.up_proj.weight", "F8_E4M3", (2, 3))])
        from tests.tasks.fit.test_models import onnx

        return (
            (folder / "m.gguf").read_bytes(),
            (folder / "m.safetensors").read_bytes(),
            onnx([("a", 10, (2, 2), 8)], location="b"),
        )


def _header(data: bytes) -> object:
    try:
        found = header(Window.over(data), "m.onnx")
        if found.keys:
            gguf_config.architecture(found.keys, 10, False)
        return weights_of(found.form, 1, found.tensors)
    except (Malformed, Unclear) as error:
        raise Refused(str(error)) from error


def _config(data: bytes) -> object:
    try:
        told: Any = parse(data, constants=True)
        if not isinstance(told, dict):
            raise Refused("it is no object")
        return of_genai(told, "it", "f16") if "model" in told else architecture(told, "it")
    except (Malformed, Unclear) as error:
        raise Refused(str(error)) from error


def fit_readers() -> Mapping[str, tuple[Callable[[bytes], object], tuple[bytes, ...]]]:
    """Each reader by its name, and its sound inputs."""
    hybrid = {**TINY, "full_attention_interval": 2, "linear_num_value_heads": 4, "linear_num_key_heads": 2}
    hybrid |= {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_conv_kernel_dim": 4}
    latent = {**TINY, "kv_lora_rank": 64, "qk_rope_head_dim": 16, "n_routed_experts": 8, "num_experts_per_tok": 2}
    windows = {**TINY, "sliding_window": 64, "layer_types": ["full_attention", "sliding_attention"] * 2}
    configs = tuple(json.dumps(one).encode() for one in (TINY, hybrid, latent, windows, GENAI))
    return {
        "fit-description": (lambda data: parse_description(data, about="it"), (DESCRIPTION,)),
        "fit-header": (_header, _headers()),
        "fit-config": (_config, configs),
    }
