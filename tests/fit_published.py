"""Models as their makers published them: configurations, and the tensors that their files have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.fit_models import LLAMA_8B, Named, llama

LLAMA_3_8B = {**LLAMA_8B, "max_position_embeddings": 8192}
LLAMA_70B = {
    **LLAMA_8B, "num_hidden_layers": 80, "hidden_size": 8192, "num_attention_heads": 64, "intermediate_size": 28672,
}  # fmt: skip
LLAMA_32_3B = {
    **LLAMA_8B, "num_hidden_layers": 28, "hidden_size": 3072, "num_attention_heads": 24, "intermediate_size": 8192,
}  # fmt: skip
LLAMA_405B = {
    **LLAMA_8B, "num_hidden_layers": 126, "hidden_size": 16384, "num_attention_heads": 128, "intermediate_size": 53248,
}  # fmt: skip
QWEN3_06B = {
    **LLAMA_8B, "model_type": "qwen3", "num_hidden_layers": 28, "hidden_size": 1024, "num_attention_heads": 16, "head_dim": 128,
    "intermediate_size": 3072, "vocab_size": 151936, "max_position_embeddings": 40960, "tie_word_embeddings": True,
}  # fmt: skip
QWEN3_32B = {
    **QWEN3_06B, "num_hidden_layers": 64, "hidden_size": 5120, "num_attention_heads": 64, "intermediate_size": 25600,
    "tie_word_embeddings": False,
}  # fmt: skip
GPT_OSS_120B = {
    "model_type": "gpt_oss", "num_hidden_layers": 36, "hidden_size": 2880, "num_attention_heads": 64, "num_key_value_heads": 8,
    "head_dim": 64, "intermediate_size": 2880, "vocab_size": 201088, "max_position_embeddings": 131072, "rope_theta": 150000,
    "num_local_experts": 128, "num_experts_per_tok": 4, "sliding_window": 128, "torch_dtype": "bfloat16",
    "layer_types": ["sliding_attention", "full_attention"] * 18, "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "mxfp4"},
}  # fmt: skip
GPT_OSS_20B = {
    **GPT_OSS_120B, "num_hidden_layers": 24, "num_local_experts": 32,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}  # fmt: skip
QWEN25_7B = {
    **LLAMA_8B, "model_type": "qwen2", "num_hidden_layers": 28, "hidden_size": 3584, "num_attention_heads": 28,
    "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
}  # fmt: skip
GATED_DELTA_27B = {
    "model_type": "qwen3_5_text", "num_hidden_layers": 64, "hidden_size": 5120, "num_attention_heads": 24,
    "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 17408, "vocab_size": 248320,
    "full_attention_interval": 4, "linear_num_value_heads": 48,
    "linear_num_key_heads": 16, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
    "torch_dtype": "bfloat16", "mamba_ssm_dtype": "float32",
}  # fmt: skip


def with_norms(config: Mapping[str, Any]) -> list[Named]:
    """Qwen 3 has a norm for queries and one for keys in each layer."""
    more = [
        (f"model.layers.{number}.self_attn.{which}_norm.weight", "BF16", (128,))
        for number in range(config["num_hidden_layers"])
        for which in "qk"
    ]
    return [*llama(config), *more]


def fp8(config: Mapping[str, Any], which: Callable[[str], bool], scale: str) -> list[Named]:
    """The matrices for which *which* holds in FP8, each with a scale for each row."""
    found: list[Named] = []
    for name, dtype, sizes in llama(config):
        if len(sizes) == 2 and ".layers." in name and which(name):
            found += [(name, "F8_E4M3", sizes), (f"{name}_scale", scale, (sizes[0], 1))]
        else:
            found.append((name, dtype, sizes))
    return found


def mxfp4() -> list[Named]:
    hidden, experts = 2880, 128
    found: list[Named] = [("model.embed_tokens.weight", "BF16", (201088, hidden)), ("lm_head.weight", "BF16", (201088, hidden))]
    for number in range(36):
        here = f"model.layers.{number}"
        found += [
            (f"{here}.mlp.experts.gate_up_proj_blocks", "U8", (experts, 2 * hidden, hidden // 32, 16)),
            (f"{here}.mlp.experts.gate_up_proj_scales", "U8", (experts, 2 * hidden, hidden // 32)),
            (f"{here}.mlp.experts.gate_up_proj_bias", "BF16", (experts, 2 * hidden)),
            (f"{here}.mlp.experts.down_proj_blocks", "U8", (experts, hidden, hidden // 32, 16)),
            (f"{here}.mlp.experts.down_proj_scales", "U8", (experts, hidden, hidden // 32)),
            (f"{here}.mlp.experts.down_proj_bias", "BF16", (experts, hidden)),
            (f"{here}.mlp.router.weight", "BF16", (experts, hidden)),
            (f"{here}.mlp.router.bias", "BF16", (experts,)),
            (f"{here}.self_attn.q_proj.weight", "BF16", (4096, hidden)),
            (f"{here}.self_attn.k_proj.weight", "BF16", (512, hidden)),
            (f"{here}.self_attn.v_proj.weight", "BF16", (512, hidden)),
            (f"{here}.self_attn.o_proj.weight", "BF16", (hidden, 4096)),
            (f"{here}.self_attn.sinks", "BF16", (64,)),
            (f"{here}.input_layernorm.weight", "BF16", (hidden,)),
            (f"{here}.post_attention_layernorm.weight", "BF16", (hidden,)),
        ]
    return found


F32, F16, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K = 0, 1, 2, 8, 12, 13, 14


def _more_bits(layer: int, layers: int) -> bool:
    """As llama.cpp chooses layers that keep more bits (``use_more_bits``)."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def quantised(
    config: Mapping[str, Any], main: int, *, large: bool = False, biases: bool = False
) -> list[tuple[str, int, tuple[int, ...]]]:
    """The tensors of a GGUF file as llama.cpp quantises a model of the Llama kind to *main*."""
    layers, hidden, inner = config["num_hidden_layers"], config["hidden_size"], config["intermediate_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    mixed = main == Q4_K
    found: list[tuple[str, int, tuple[int, ...]]] = [
        ("token_embd.weight", main, (hidden, config["vocab_size"])),
        ("output.weight", main if main in (F16, Q8_0) else Q6_K, (hidden, config["vocab_size"])),
        ("output_norm.weight", F32, (hidden,)),
    ]
    for number in range(layers):
        more = mixed and _more_bits(number, layers)
        value = Q6_K if more else Q5_K if large and mixed else main
        here = f"blk.{number}"
        found += [
            (f"{here}.attn_norm.weight", F32, (hidden,)),
            (f"{here}.ffn_norm.weight", F32, (hidden,)),
            (f"{here}.attn_q.weight", main, (hidden, hidden)),
            (f"{here}.attn_k.weight", main, (hidden, keys)),
            (f"{here}.attn_v.weight", value, (hidden, keys)),
            (f"{here}.attn_output.weight", main, (hidden, hidden)),
            (f"{here}.ffn_gate.weight", main, (hidden, inner)),
            (f"{here}.ffn_up.weight", main, (hidden, inner)),
            (f"{here}.ffn_down.weight", Q6_K if more else main, (inner, hidden)),
        ]
        if biases:
            found += [(f"{here}.attn_{which}.bias", F32, (size,)) for which, size in (("q", hidden), ("k", keys), ("v", keys))]
    return found
