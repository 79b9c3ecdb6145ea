"""What configurations say of the cache: each way of attention, as its makers spell it. Nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from arcops.seen.fit_model import CacheKind, CacheRun
from tasks.fit import gguf_config
from tasks.fit.keys import Unclear
from tasks.fit.transformers_config import architecture, of_genai
from tests.fit_models import LLAMA_8B, gguf_keys

pytestmark = pytest.mark.requirement("ARC-R3/models-fit-together")


def kept(**config: Any) -> dict[CacheKind, list[CacheRun]]:
    found: dict[CacheKind, list[CacheRun]] = {}
    for run in architecture(config, "config.json").cache:
        found.setdefault(run.kind, []).append(run)
    return found


def layers(runs: list[CacheRun]) -> list[int]:
    return [number for run in runs for number in range(run.first, run.first + run.count)]


BASE: dict[str, Any] = {
    "num_hidden_layers": 8,
    "hidden_size": 512,
    "num_attention_heads": 8,
    "vocab_size": 1000,
    "intermediate_size": 2048,
}

TURNS = ["sliding_attention", "full_attention"] * 4


def test_heads_of_keys_and_values_are_read_in_each_spelling() -> None:
    for more, heads in (
        ({}, 8),
        ({"num_key_value_heads": 2}, 2),
        ({"num_kv_heads": 4}, 4),
        ({"multi_query": True}, 1),
        ({"multi_query_group_num": 2, "kv_channels": 64}, 2),
        ({"n_head_kv": 1}, 1),
    ):
        (run,) = kept(model_type="any", **BASE, **more)[CacheKind.FULL]
        assert (run.heads, run.key, run.value, run.count) == (heads, 64, 64, 8)


def test_gpt2_and_its_kin_have_names_of_their_own() -> None:
    (run,) = kept(model_type="gpt2", n_layer=12, n_embd=768, n_head=12, vocab_size=50257, n_positions=1024)[CacheKind.FULL]
    assert (run.count, run.heads, run.key) == (12, 12, 64)


def test_a_latent_is_one_and_not_keys_and_values() -> None:
    found = kept(model_type="deepseek_v3", **BASE, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128)
    (run,) = found[CacheKind.LATENT]
    assert (run.key, run.value, run.count) == (512, 64, 8)
    assert set(found) == {CacheKind.LATENT}


@pytest.mark.parametrize(
    ("config", "windowed"),
    [
        ({"model_type": "mistral", "sliding_window": 4096}, range(8)),
        ({"model_type": "mistral", "sliding_window": None}, ()),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False, "max_window_layers": 4}, ()),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 6}, (6, 7)),
        ({"model_type": "gemma2", "sliding_window": 4096}, (0, 2, 4, 6)),
        ({"model_type": "gemma3_text", "sliding_window": 512, "sliding_window_pattern": 4}, (0, 1, 2, 4, 5, 6)),
        ({"model_type": "cohere2", "sliding_window": 4096}, (0, 1, 2, 4, 5, 6)),
        ({"model_type": "gpt_oss", "sliding_window": 128, "layer_types": TURNS}, (0, 2, 4, 6)),
        ({"model_type": "llama4_text", "attention_chunk_size": 8192}, (0, 1, 2, 4, 5, 6)),
    ],
)  # fmt: skip
def test_windows_are_in_the_layers_that_have_them(config: dict[str, Any], windowed: Any) -> None:
    found = kept(**{**BASE, "num_key_value_heads": 2, **config})
    assert layers(found.get(CacheKind.WINDOW, [])) == list(windowed)
    assert sorted(layers(found.get(CacheKind.FULL, []))) == [one for one in range(8) if one not in set(windowed)]


def test_layers_with_a_window_may_have_heads_of_their_own() -> None:
    """Mutation: the heads of one kind of layer are taken for all."""
    turns = {"sliding_window": 512, "layer_types": TURNS, "head_dim": 64, "num_key_value_heads": 4}
    found = kept(model_type="new", **{**BASE, **turns, "global_head_dim": 128, "num_global_key_value_heads": 2})
    assert {(run.heads, run.key) for run in found[CacheKind.FULL]} == {(2, 128)}
    assert {(run.heads, run.key) for run in found[CacheKind.WINDOW]} == {(4, 64)}
    found = kept(model_type="new", **{**BASE, **turns, "swa_head_dim": 96, "swa_v_head_dim": 48, "swa_num_key_value_heads": 8})
    assert {(run.heads, run.key, run.value) for run in found[CacheKind.WINDOW]} == {(8, 96, 48)}
    assert {(run.heads, run.key) for run in found[CacheKind.FULL]} == {(4, 64)}


def test_layers_that_share_the_cache_of_others_have_no_own() -> None:
    found = kept(model_type="gemma3n_text", **BASE, num_kv_shared_layers=3, layer_types=["full_attention"] * 8)
    assert layers(found[CacheKind.FULL]) == [0, 1, 2, 3, 4]


def test_recurrent_states_are_counted_as_their_makers_do() -> None:
    delta = {
        "linear_num_value_heads": 48, "linear_num_key_heads": 16, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
    }  # fmt: skip
    found = kept(model_type="qwen3_next", **BASE, **delta, full_attention_interval=4)
    assert layers(found[CacheKind.FULL]) == [3, 7]
    assert {(run.conv, run.state) for run in found[CacheKind.STATE]} == {(30_720, 786_432)}  # 817,152 in the log of llama.cpp
    mamba = {"mamba_n_heads": 16, "mamba_d_head": 64, "mamba_n_groups": 1, "mamba_d_state": 128, "mamba_d_conv": 4}
    found = kept(model_type="granitemoehybrid", **BASE, **mamba, layer_types=["mamba", "mamba", "attention", "mamba"] * 2)
    assert layers(found[CacheKind.FULL]) == [2, 6]
    assert {(run.conv, run.state) for run in found[CacheKind.STATE]} == {(3 * (1024 + 256), 1024 * 128)}
    jamba = {"mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2, "attn_layer_period": 4, "attn_layer_offset": 2}
    found = kept(model_type="jamba", **BASE, **jamba)
    assert layers(found[CacheKind.FULL]) == [2, 6]
    assert {(run.conv, run.state) for run in found[CacheKind.STATE]} == {(3 * 1024, 1024 * 16)}
    nemotron = {"ssm_state_size": 128, "conv_kernel": 4, "n_groups": 8, "mamba_num_heads": 16, "mamba_head_dim": 64}
    found = kept(model_type="nemotron_h", **BASE, **nemotron, hybrid_override_pattern="M-M*M-M*")
    assert (layers(found[CacheKind.STATE]), layers(found[CacheKind.FULL])) == ([0, 2, 4, 6], [3, 7])
    found = kept(model_type="falcon_h1", **BASE, **mamba, mamba_d_ssm=1024)
    assert layers(found[CacheKind.STATE]) == layers(found[CacheKind.FULL]) == list(range(8))
    found = kept(model_type="mamba2", num_hidden_layers=4, hidden_size=512, num_heads=16, head_dim=64, n_groups=1,
                 state_size=128, conv_kernel=4, expand=2, vocab_size=1000)  # fmt: skip
    assert {(run.conv, run.state) for run in found[CacheKind.STATE]} == {(3 * (1024 + 256), 1024 * 128)}


def test_an_encoder_gives_each_layer_of_the_decoder_its_positions() -> None:
    found = kept(
        model_type="whisper", is_encoder_decoder=True, decoder_layers=4, d_model=384, decoder_attention_heads=6,
        vocab_size=51865, max_source_positions=1500, max_target_positions=448,
    )  # fmt: skip
    (cross,) = found[CacheKind.CROSS]
    assert (cross.positions, cross.count, cross.heads, cross.key) == (1500, 4, 6, 64)
    assert layers(found[CacheKind.FULL]) == [0, 1, 2, 3]


def test_a_model_of_images_and_text_has_its_text_inside() -> None:
    said = architecture(
        {"model_type": "mistral3", "text_config": {**LLAMA_8B, "model_type": "mistral"}, "vision_config": {}}, "config.json"
    )
    assert (said.layers, said.family) == (32, "mistral")


def test_stretched_positions_count() -> None:
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
    said = architecture({**LLAMA_8B, "max_position_embeddings": 32768, "rope_scaling": yarn}, "config.json")
    assert said.positions == 131_072


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "new", "sliding_window": 4096}, "it is not known in which layers"),
        ({"model_type": "new", "layer_types": ["spiral_attention"] * 8}, "'spiral_attention', which ArcOps does not know"),
        ({"model_type": "new", "layer_types": ["full_attention"] * 7}, "about 7 layers, and it has 8"),
        ({"model_type": "new", "layer_types": ["mlp"] * 4 + ["moe"] * 4}, "named by their feed-forward parts"),
        ({"model_type": "new", "rwkv_dim": 64}, "it has rwkv_dim, which may change the cache"),
        ({"model_type": "new", "num_key_value_heads_per_layer": [1] * 8}, "it has num_key_value_heads_per_layer"),
        ({"model_type": "deepseek_v32", "kv_lora_rank": 512, "qk_rope_head_dim": 64, "index_topk": 2048}, "it has index_topk"),
        ({"model_type": "llama", "num_hidden_layers": 10**9}, "claims 1,000,000,000 layers"),
        ({"model_type": "llama", "num_hidden_layers": -1}, "num_hidden_layers is -1"),
        ({"model_type": "llama", "num_hidden_layers": "many"}, "num_hidden_layers is 'many'"),
        ({"model_type": "llama", "num_attention_heads": 7}, "does not divide by its 7 heads"),
        ({"model_type": "llama", "num_key_value_heads": 3}, "do not divide by its 3 heads"),
        ({"model_type": "llama", "vocab_size": None}, "does not say vocab_size"),
    ],
)
def test_what_is_not_understood_is_said_and_never_guessed(config: dict[str, Any], said: str) -> None:
    with pytest.raises(Unclear, match=said):
        architecture({**BASE, **config}, "config.json")


COMMON = {
    "block_count": 8, "embedding_length": 512, "feed_forward_length": 2048, "attention__head_count": 8,
    "attention__head_count_kv": 2,
}  # fmt: skip


def of_gguf(family: str, **more: Any) -> dict[CacheKind, list[CacheRun]]:
    keys = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in gguf_keys(family, **{**COMMON, **more}).items()
    }
    found: dict[CacheKind, list[CacheRun]] = {}
    for run in gguf_config.architecture(keys, 1000, False).cache:
        found.setdefault(run.kind, []).append(run)
    return found


def test_keys_of_gguf_say_the_same_in_their_own_words() -> None:
    assert layers(of_gguf("llama")[CacheKind.FULL]) == list(range(8))
    assert layers(of_gguf("gpt-oss", attention__sliding_window=128)[CacheKind.WINDOW]) == [0, 2, 4, 6]
    assert layers(of_gguf("gemma3", attention__sliding_window=512)[CacheKind.FULL]) == [5]
    pattern = [1, 0, 1, 1, 1, 1, 1, 0]
    found = of_gguf("new", attention__sliding_window=512, attention__sliding_window_pattern=pattern)
    assert layers(found[CacheKind.FULL]) == [1, 7]
    (run,) = of_gguf("deepseek2", attention__kv_lora_rank=512, attention__key_length_mla=192, rope__dimension_count=64)[
        CacheKind.LATENT
    ]
    assert (run.key, run.value) == (512, 64)
    (run,) = of_gguf("deepseek2", attention__kv_lora_rank=512, attention__head_count_kv=8, attention__key_length=192,
                     attention__value_length=128)[CacheKind.FULL]  # fmt: skip
    assert (run.heads, run.key, run.value) == (8, 192, 128)  # a file from before: the latent is expanded
    ssm = {"ssm__conv_kernel": 4, "ssm__state_size": 128, "ssm__group_count": 16, "ssm__inner_size": 6144}
    found = of_gguf("qwen3next", full_attention_interval=4, **ssm)
    assert layers(found[CacheKind.FULL]) == [3, 7]
    assert {(run.conv, run.state) for run in found[CacheKind.STATE]} == {(30_720, 786_432)}
    found = of_gguf("granitehybrid", attention__head_count_kv=[0, 0, 2, 0, 0, 0, 2, 0], **ssm)
    assert layers(found[CacheKind.FULL]) == [2, 6]
    for family, said in (("rwkv7", "does not know how to count"), ("new", "in which layers of the family new is not known")):
        with pytest.raises(Unclear, match=said):
            of_gguf(family, attention__sliding_window=512)


def test_a_configuration_of_onnx_runtime() -> None:
    decoder = {
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_size": 128,
        "hidden_size": 4096,
    }
    said = of_genai({"model": {"type": "llama", "vocab_size": 128256, "context_length": 8192, "decoder": decoder}}, "g", "f16")
    assert said.cache == (CacheRun(kind=CacheKind.FULL, first=0, count=32, heads=8, key=128, value=128),)
    with pytest.raises(Unclear, match="slides a window"):
        of_genai({"model": {"vocab_size": 1, "decoder": {**decoder, "sliding_window": {"window_size": 128}}}}, "g", "f16")
