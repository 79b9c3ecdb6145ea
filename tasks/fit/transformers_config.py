"""An architecture from the configuration that Transformers writes (``config.json``), or ONNX Runtime GenAI
(``genai_config.json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from arcops.seen.fit_model import Architecture, CacheKind, CacheRun
from tasks.fit.keys import MOST_LAYERS, Keys, Unclear
from tasks.fit.layers import BOTH, FULL, NOTHING, WINDOW, gathered, latent, pattern, recurrent
from tasks.model.content.bounded_json import Json

_TEXT = ("text_config", "llm_config", "language_config", "language_model_config")
_OUTER = ("torch_dtype", "dtype", "tie_word_embeddings", "quantization_config", "model_type")
_DTYPES = {"bfloat16": "bf16", "float16": "f16", "half": "f16", "float32": "f32", "float": "f32"}
_ENCODERS = frozenset(
    ("bert", "roberta", "xlm-roberta", "distilbert", "albert", "mpnet", "modernbert", "nomic_bert", "electra", "deberta",
     "deberta-v2", "camembert", "jina_bert")
)  # fmt: skip
_TRUE_UNLESS_SAID = frozenset(("gemma", "gemma2", "gemma3", "gemma3_text", "gpt2", "t5", "whisper", "bart", "falcon", "bloom"))


def architecture(told: Mapping[str, Json], source: str) -> Architecture:
    """What *told*, the members of a ``config.json``, says. Raises `Unclear` with what cannot be counted."""
    outer = told
    text = next((told[name] for name in _TEXT if isinstance(told.get(name), dict)), None)
    if isinstance(text, dict):
        told = {**{name: outer[name] for name in _OUTER if name in outer}, **text}
    keys = Keys(told)
    family = keys.text("model_type")
    if keys.flag("is_encoder_decoder") or (keys.has("decoder_layers", "num_decoder_layers") and keys.has("d_model")):
        return _two_sided(keys, family, source)
    layers = keys.number("num_hidden_layers", "n_layer", "num_layers", "n_layers")
    if layers > MOST_LAYERS:
        raise Unclear(f"it claims {layers:,} layers")
    hidden = keys.number("hidden_size", "n_embd", "d_model", "dim")
    heads = keys.perhaps("num_attention_heads", "n_head", "n_heads", "num_heads", otherwise=0)
    experts = keys.perhaps(
        "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts", otherwise=0
    )
    common: dict[str, int] = {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "inner": _inner(keys, hidden, experts),
        "vocabulary": keys.number("vocab_size", "padded_vocab_size"),
        "positions": _positions(keys),
        "experts": experts,
        "chosen": keys.perhaps(
            "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts", otherwise=0
        ),
    }
    cache, turned = _kept(keys, outer, family, layers, hidden, heads)
    states = _DTYPES.get(keys.text("mamba_ssm_dtype", "mamba_ssm_cache_dtype"), "")
    if name := keys.left():
        raise Unclear(f"it has {name}, which may change the cache, and ArcOps does not know how for {family or 'its family'}")
    return Architecture(
        family=family,
        source=source,
        cache=cache,
        turned=turned,
        dtype=_dtype(keys),
        packed=_packed(keys),
        states=states,
        tied=_tied(keys, family),
        **common,
    )


def of_genai(told: Mapping[str, Json], source: str, caches: str) -> Architecture:
    """What the members of a ``genai_config.json`` say; *caches* is the type of the graph's past keys and values."""
    model = Keys(told).inside("model")
    keys = model.inside("decoder")
    if keys.take("sliding_window") is not None:
        raise Unclear("its decoder slides a window, and in which layers is not said")
    layers, heads = keys.number("num_hidden_layers"), keys.number("num_attention_heads")
    hidden = keys.number("hidden_size")
    wide = keys.perhaps("head_size", otherwise=hidden // heads)
    kept = CacheRun(
        kind=CacheKind.FULL,
        first=0,
        count=layers,
        heads=keys.perhaps("num_key_value_heads", otherwise=heads),
        key=wide,
        value=wide,
    )
    return Architecture(
        family=model.text("type"),
        source=source,
        layers=layers,
        hidden=hidden,
        heads=heads,
        inner=4 * hidden,
        vocabulary=model.number("vocab_size"),
        positions=model.perhaps("context_length", otherwise=0),
        cache=(kept,),
        dtype=caches,
    )


def _kept(
    keys: Keys, outer: Mapping[str, Json], family: str, layers: int, hidden: int, heads: int
) -> tuple[tuple[CacheRun, ...], int]:
    """What the layers keep, and how many elements of a head are turned by a rotary embedding."""
    if family in _ENCODERS and not keys.flag("is_decoder"):
        keys.take("sliding_window", "local_attention", "global_attn_every_n_layers", "layer_types", "head_dim")
        return (), 0
    if not heads or family in ("mamba", "mamba2", "falcon_mamba"):
        state = recurrent(keys, "mamba", hidden, heads)
        return gathered([(state,)] * layers), 0
    words = pattern(keys, family, layers)
    low = latent(keys)
    plain = low or _attention(keys, hidden, heads)
    full = low or _varied(keys, plain, "global")  # layers with a window may have heads of their own
    sliding = _varied(keys, plain, "swa")
    window = keys.perhaps("sliding_window", "attention_chunk_size", "attention_window_size", "window_size", otherwise=0)
    shared = keys.perhaps("num_kv_shared_layers", otherwise=0)
    crossing = keys.numbers("cross_attention_layers")
    kept: list[tuple[CacheRun, ...]] = []
    for number, word in enumerate(words):
        if number >= layers - shared:
            kept.append(())
        elif number in crossing:
            kept.append((_images(full, outer),))
        elif word == NOTHING:
            kept.append(())
        elif word == FULL:
            kept.append((full,))
        elif word == WINDOW:
            if not window or sliding.kind is CacheKind.LATENT:
                raise Unclear("it has windowed layers, and no window that ArcOps knows")
            kept.append((_windowed(sliding, window),))
        else:
            state = recurrent(keys, word if word != BOTH else "mamba", hidden, heads)
            kept.append((full, state) if word == BOTH else (state,))
    if any(word == "recurrent" for word in words):  # its attention is over a window
        kept = [(_windowed(one[0], window),) if one and one[0].kind is CacheKind.FULL and window else one for one in kept]
    return gathered(kept), _turned(keys, low, full)


def _attention(keys: Keys, hidden: int, heads: int) -> CacheRun:
    kv = keys.perhaps("num_key_value_heads", "num_kv_heads", "n_head_kv", "n_kv_heads", "multi_query_group_num", otherwise=0)
    if keys.flag("multi_query") and not keys.flag("new_decoder_architecture"):
        kv = 1
    wide = keys.perhaps("head_dim", "attention_head_dim", "kv_channels", "d_kv", otherwise=0)
    if not wide:
        if hidden % heads:
            raise Unclear(f"its width of {hidden} does not divide by its {heads} heads, and it names no head_dim")
        wide = hidden // heads
    kv = kv or heads
    if heads % kv:
        raise Unclear(f"its {heads} heads do not divide by its {kv} heads of keys and values")
    return CacheRun(kind=CacheKind.FULL, first=0, count=1, heads=kv, key=wide, value=keys.perhaps("v_head_dim", otherwise=wide))


def _varied(keys: Keys, plain: CacheRun, which: str) -> CacheRun:
    """*plain* with the heads that *which* layers have of their own: ``global`` or ``swa``, as their makers write it."""
    return replace(
        plain,
        heads=keys.perhaps(f"num_{which}_key_value_heads", f"{which}_num_key_value_heads", otherwise=plain.heads),
        key=keys.perhaps(f"{which}_head_dim", otherwise=plain.key),
        value=keys.perhaps(f"{which}_v_head_dim", f"{which}_head_dim", otherwise=plain.value),
    )


def _windowed(full: CacheRun, window: int) -> CacheRun:
    return CacheRun(kind=CacheKind.WINDOW, first=0, count=1, heads=full.heads, key=full.key, value=full.value, window=window)


def _images(full: CacheRun, outer: Mapping[str, Json]) -> CacheRun:
    """Cross-attention to images: each of the most tiles has its patches and one position more."""
    vision = Keys(outer).inside("vision_config")
    side = vision.number("image_size") // vision.number("patch_size")
    positions = vision.perhaps("max_num_tiles", otherwise=1) * (side * side + 1)
    return CacheRun(
        kind=CacheKind.CROSS, first=0, count=1, heads=full.heads, key=full.key, value=full.value, positions=positions
    )


def _two_sided(keys: Keys, family: str, source: str) -> Architecture:
    """An encoder and a decoder: each layer of the decoder keeps its own tokens, and what it made of the encoder's output."""
    layers = keys.number("decoder_layers", "num_decoder_layers", "num_layers")
    hidden = keys.number("d_model", "hidden_size")
    heads = keys.number("decoder_attention_heads", "num_heads", "num_attention_heads")
    wide = keys.perhaps("d_kv", otherwise=hidden // heads)
    positions = keys.number("max_source_positions", "n_positions", "max_position_embeddings")
    own = CacheRun(kind=CacheKind.FULL, first=0, count=1, heads=heads, key=wide, value=wide)
    cross = CacheRun(kind=CacheKind.CROSS, first=0, count=1, heads=heads, key=wide, value=wide, positions=positions)
    found = Architecture(
        family=family,
        source=source,
        layers=layers,
        hidden=hidden,
        heads=heads,
        inner=keys.perhaps("decoder_ffn_dim", "d_ff", otherwise=4 * hidden),
        vocabulary=keys.number("vocab_size"),
        positions=keys.perhaps("max_target_positions", "n_positions", "max_position_embeddings", otherwise=0),
        cache=gathered([(own, cross)] * layers),
        dtype=_dtype(keys),
        packed=_packed(keys),
        tied=_tied(keys, family),
    )
    if name := keys.left():
        raise Unclear(f"it has {name}, which may change the cache, and ArcOps does not know how for {family or 'its family'}")
    return found


def _inner(keys: Keys, hidden: int, experts: int) -> int:
    if experts and keys.has("moe_intermediate_size", "expert_intermediate_size", "moe_ffn_hidden_size"):
        found = keys.take("moe_intermediate_size", "expert_intermediate_size", "moe_ffn_hidden_size")
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        if isinstance(found, list) and found and all(isinstance(one, int) for one in found):
            return max(one for one in found if isinstance(one, int))
    found = keys.take("intermediate_size", "n_inner", "ffn_dim", "d_ff", "ffn_hidden_size", "inner_hidden_size")
    if isinstance(found, list) and found and all(isinstance(one, int) for one in found):  # one for each layer
        return max(one for one in found if isinstance(one, int))
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 4 * hidden


def _positions(keys: Keys) -> int:
    """How many tokens the configuration allows: what its embedding was stretched to, if it was."""
    plain = keys.perhaps("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length", otherwise=0)
    scaled = keys.take("rope_scaling", "rope_parameters")
    if isinstance(scaled, dict):
        factor, original = scaled.get("factor"), scaled.get("original_max_position_embeddings")
        if isinstance(factor, int | float) and 1 <= factor <= 1024 and isinstance(original, int) and 0 < original <= 1 << 30:
            return max(plain, int(factor * original))
    return plain


def _turned(keys: Keys, low: CacheRun | None, full: CacheRun) -> int:
    if not keys.has("rope_theta", "rope_parameters", "rotary_emb_base", "rotary_dim", "rotary_pct", "rope_scaling"):
        return 0
    if low is not None:
        return low.value
    whole = keys.perhaps("rotary_dim", otherwise=full.key)
    scaled = keys.take("rope_parameters")
    part = keys.take("partial_rotary_factor", "rotary_pct")
    if part is None and isinstance(scaled, dict):
        part = scaled.get("partial_rotary_factor")
    return int(whole * part) if isinstance(part, int | float) and 0 < part <= 1 else whole


def _dtype(keys: Keys) -> str:
    return _DTYPES.get(keys.text("dtype", "torch_dtype").removeprefix("torch."), "")


def _packed(keys: Keys) -> str:
    told = keys.inside("quantization_config")
    return told.text("quant_method", "quant_algo")[:40]


def _tied(keys: Keys, family: str) -> bool:
    said = keys.take("tie_word_embeddings")
    return said if isinstance(said, bool) else family in _TRUE_UNLESS_SAID
