"""Which layers of a model keep what, from its configuration: full, windowed, latent or recurrent attention, and layers
without.
"""

from __future__ import annotations

from collections.abc import Sequence

from arcops.seen.fit_model import CacheKind, CacheRun
from tasks.fit.keys import Keys, Unclear

FULL, WINDOW, MAMBA, LINEAR, CONV, BOTH, NOTHING = "full", "window", "mamba", "linear", "conv", "both", "nothing"

_WORDS = {
    "full_attention": FULL, "attention": FULL, "global": FULL, "full": FULL, "sliding_attention": WINDOW, "local": WINDOW,
    "chunked_attention": WINDOW, "linear_attention": LINEAR, "mamba": MAMBA, "mamba2": MAMBA, "hybrid": BOTH, "conv": CONV,
    "recurrent": "recurrent", "mlp": NOTHING, "moe": NOTHING,
}  # fmt: skip
_LETTERS = {"M": MAMBA, "*": FULL, "-": NOTHING, "E": NOTHING}
_ALL_SLIDE = frozenset(("mistral", "mixtral", "ministral", "phi3", "phi4", "phimoe", "starcoder2", "pixtral", "mistral3"))
"""Families whose window is that of every layer."""
_ALTERNATE = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2, "olmo3": 4, "exaone4": 4}
"""Families in which each so-many-th layer is full, if the configuration does not say so itself."""


def pattern(keys: Keys, family: str, layers: int) -> tuple[str, ...]:
    """The word of each layer. Raises `Unclear`."""
    keys.take("no_rope_layers", "no_rope_layer_interval", "use_sliding_window", "max_window_layers")
    keys.take("sliding_window_pattern", "_sliding_window_pattern")
    if family == "falcon_h1":
        return (BOTH,) * layers
    told = keys.words("layer_types", "layers_block_type", "block_types", "attention_layers")
    if told:
        unknown = next((one for one in told if one not in _WORDS), "")
        if unknown:
            raise Unclear(f"it has layers of the kind {unknown[:40]!r}, which ArcOps does not know how to count")
        if any(_WORDS[one] == NOTHING for one in told) and not any(_WORDS[one] == MAMBA for one in told):
            raise Unclear("its layers are named by their feed-forward parts, so it is not known which have attention")
        if len(told) < layers and family == "recurrent_gemma":
            told = tuple(told[number % len(told)] for number in range(layers))
        return _whole(tuple(_WORDS[one] for one in told), layers, "layer_types")
    if letters := keys.text("hybrid_override_pattern"):
        if set(letters) - set(_LETTERS):
            raise Unclear("its hybrid_override_pattern has letters that ArcOps does not know")
        return _whole(tuple(_LETTERS[one] for one in letters), layers, "hybrid_override_pattern")
    if (listed := keys.numbers("attn_type_list")) and listed:
        return _whole(tuple(FULL if one else LINEAR for one in listed), layers, "attn_type_list")
    kimi = keys.inside("linear_attn_config")
    if full := kimi.numbers("full_attn_layers"):
        return tuple(FULL if number + 1 in full else LINEAR for number in range(layers))
    if keys.has("full_attention_interval"):
        every = keys.number("full_attention_interval")
        return tuple(FULL if (number + 1) % every == 0 else LINEAR for number in range(layers))
    if keys.has("attn_layer_period"):
        every, offset = keys.number("attn_layer_period"), keys.perhaps("attn_layer_offset", otherwise=0)
        return tuple(FULL if number % every == offset else MAMBA for number in range(layers))
    if chosen := keys.numbers("attn_layer_indices", "hybrid_layer_ids"):
        return tuple(FULL if number in chosen else MAMBA for number in range(layers))
    return _windows(keys, family, layers)


def _whole(told: tuple[str, ...], layers: int, name: str) -> tuple[str, ...]:
    if len(told) != layers:
        raise Unclear(f"its {name} is about {len(told)} layers, and it has {layers}")
    return told


def _windows(keys: Keys, family: str, layers: int) -> tuple[str, ...]:
    """Attention in every layer; in some of them over a window."""
    used = keys.take("use_sliding_window")
    every = keys.perhaps("sliding_window_pattern", "_sliding_window_pattern", otherwise=0)
    since = keys.perhaps("max_window_layers", otherwise=0)
    unturned = keys.numbers("no_rope_layers")
    if keys.has("attention_chunk_size"):
        interval = keys.perhaps("no_rope_layer_interval", otherwise=4)
        turned = unturned or tuple(int((number + 1) % interval != 0) for number in range(layers))
        return _whole(tuple(WINDOW if one else FULL for one in turned), layers, "no_rope_layers")
    window = keys.perhaps("sliding_window", "attention_window_size", otherwise=0)
    if not window or used is False:
        return (FULL,) * layers
    if used is True:
        return tuple(WINDOW if number >= since else FULL for number in range(layers))
    every = every or _ALTERNATE.get(family, 0)
    if every:
        return tuple(FULL if (number + 1) % every == 0 else WINDOW for number in range(layers))
    if family in _ALL_SLIDE:
        return (WINDOW,) * layers
    raise Unclear(f"it has a window of {window:,} tokens, and for {family or 'its family'} it is not known in which layers")


def latent(keys: Keys) -> CacheRun | None:
    """What a layer of multi-head latent attention keeps, if the configuration has it."""
    rank = keys.perhaps("kv_lora_rank", otherwise=0)
    if not rank:
        return None
    keys.take("qk_nope_head_dim", "qk_head_dim")
    keys.take("v_head_dim")
    keys.take("head_dim")
    keys.take("num_key_value_heads")
    return CacheRun(kind=CacheKind.LATENT, first=0, count=1, heads=1, key=rank, value=keys.number("qk_rope_head_dim", least=0))


def recurrent(keys: Keys, word: str, hidden: int, heads: int) -> CacheRun:
    """What a layer of this *word* keeps besides or instead of attention. Raises `Unclear`."""
    if word == LINEAR:
        conv, state, parts = _linear(keys, hidden, heads)
    elif word == CONV:
        conv, state, parts = (keys.number("conv_L_cache") - 1) * keys.perhaps("conv_dim", otherwise=hidden), 0, 1
    elif word == "recurrent":
        wide = keys.perhaps("lru_width", otherwise=hidden)
        conv, state, parts = (keys.perhaps("conv1d_width", otherwise=4) - 1) * wide, wide, heads
    else:
        conv, state, parts = _mamba(keys, hidden)
    return CacheRun(kind=CacheKind.STATE, first=0, count=1, heads=parts, conv=conv, state=state)


def _linear(keys: Keys, hidden: int, heads: int) -> tuple[int, int, int]:
    kimi = keys.inside("linear_attn_config")
    if kimi.has("num_heads"):
        many, wide, kernel = kimi.number("num_heads"), kimi.number("head_dim"), kimi.number("short_conv_kernel_size")
        return (kernel - 1) * 3 * many * wide, many * wide * wide, many
    if keys.has("linear_num_heads"):
        many, wide, kernel = (
            keys.number("linear_num_heads"),
            keys.number("linear_head_dim"),
            keys.number("linear_conv_kernel_dim"),
        )
        return (kernel - 1) * 3 * many * wide, many * wide * wide, many
    if keys.has("linear_num_value_heads"):
        many, wide = keys.number("linear_num_value_heads"), keys.number("linear_value_head_dim")
        fewer, narrow = keys.number("linear_num_key_heads"), keys.number("linear_key_head_dim")
        kernel = keys.number("linear_conv_kernel_dim")
        return (kernel - 1) * (2 * fewer * narrow + many * wide), many * narrow * wide, many
    wide = keys.perhaps("head_dim", otherwise=hidden // heads)  # one outer product of a key and a value for each head
    return 0, heads * wide * wide, heads


def _mamba(keys: Keys, hidden: int) -> tuple[int, int, int]:
    kernel = keys.number("mamba_d_conv", "conv_kernel", "mamba_conv_kernel", "d_conv")
    state = keys.number("mamba_d_state", "ssm_state_size", "state_size", "mamba_state_dim", "d_state")
    expand = keys.perhaps("mamba_expand", "expand", otherwise=2)
    heads = keys.perhaps("mamba_n_heads", "mamba_num_heads", "n_mamba_heads", otherwise=0)
    if not heads and keys.has("n_groups"):  # Mamba 2 alone: its heads have the plain name
        heads = keys.perhaps("num_heads", otherwise=0)
    if not heads:
        inner = keys.perhaps("mamba_intermediate_size", "intermediate_size", otherwise=expand * hidden)
        inner = expand * hidden if keys.has("mamba_expand") else inner
        keys.take("mamba_dt_rank", "mamba_conv_bias", "mamba_proj_bias", "time_step_rank")
        return (kernel - 1) * inner, inner * state, 1
    wide = keys.take("mamba_d_head", "mamba_head_dim", "mamba_headdim")
    if wide is None and keys.has("n_groups"):
        wide = keys.take("head_dim")
    inner = keys.perhaps("mamba_d_ssm", otherwise=0) or (heads * wide if isinstance(wide, int) else expand * hidden)
    groups = keys.perhaps("mamba_n_groups", "n_groups", "mamba_ngroups", otherwise=1)
    return (kernel - 1) * (inner + 2 * groups * state), inner * state, heads


def gathered(layers: Sequence[Sequence[CacheRun]]) -> tuple[CacheRun, ...]:
    """What each of *layers* keeps, with neighbours that keep the same as one run."""
    found: list[CacheRun] = []
    for number, kept in enumerate(layers):
        for one in kept:
            here = _at(one, number, 1)
            for place in range(len(found) - 1, max(-1, len(found) - 3), -1):
                last = found[place]
                if last.first + last.count == number and _at(last, number, 1) == here:
                    found[place] = _at(last, last.first, last.count + 1)
                    break
            else:
                found.append(here)
    return tuple(found)


def _at(one: CacheRun, first: int, count: int) -> CacheRun:
    return CacheRun(
        kind=one.kind,
        first=first,
        count=count,
        heads=one.heads,
        key=one.key,
        value=one.value,
        window=one.window,
        conv=one.conv,
        state=one.state,
        positions=one.positions,
    )
