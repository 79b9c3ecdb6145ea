"""An architecture from the keys of a GGUF file.

Source: ``src/llama-hparams`` and ``src/models`` of llama.cpp: which layers slide a window or are recurrent is in its code for
some families, and in the file for others.
"""

from __future__ import annotations

from collections.abc import Mapping

from arcops.seen.fit_model import Architecture, CacheKind, CacheRun
from tasks.fit.keys import MOST_LAYERS, Unclear
from tasks.fit.layers import gathered
from tasks.fit.tensors import Value

_SLIDES = {
    "gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4, "olmo2": 4, "exaone4": 4, "llama4": 4,
}  # fmt: skip
"""Each so-many-th layer is full in these families."""
_FAMILIES = ("qwen3next", "qwen35", "qwen35moe")
"""Families in which each so-many-th layer has attention, and the others a recurrent state."""
_ENCODERS = frozenset(("bert", "nomic-bert", "jina-bert-v2", "nomic-bert-moe", "neo-bert", "modern-bert", "jina-bert-v3"))
_UNKNOWN = (
    "rwkv",
    "arwkv",
    "t5",
    "wavtokenizer",
    "lfm2",
    "kimi",
    "plamo",
    "minimax",
    "deepseek32",
    "deepseek4",
    "step35",
    "mimo2",
)


def architecture(keys: Mapping[str, Value], vocabulary: int, tied: bool) -> Architecture:
    """What the *keys* of a GGUF file say. *vocabulary* are the rows of its table of tokens. Raises `Unclear`."""
    family = keys.get("general.architecture")
    if not isinstance(family, str) or not family:
        raise Unclear("it does not say general.architecture")
    if family.startswith(_UNKNOWN):
        raise Unclear(f"ArcOps does not know how to count the cache of the family {family[:40]}")
    told = _Told(family, keys)
    layers, hidden = told.number("block_count"), told.number("embedding_length")
    if not 1 <= layers <= MOST_LAYERS:
        raise Unclear(f"it claims {layers:,} layers")
    heads = told.each("attention.head_count", layers, 0)
    kept = [] if family in _ENCODERS else [_layer(told, family, number, layers, hidden, heads) for number in range(layers)]
    return Architecture(
        family=family,
        source="the keys of its GGUF file",
        layers=layers,
        hidden=hidden,
        heads=max(heads),
        inner=told.perhaps("expert_feed_forward_length", 0) or max(told.each("feed_forward_length", layers, 4 * hidden)),
        vocabulary=vocabulary,
        positions=told.perhaps("context_length", 0),
        cache=gathered(kept),
        dtype="f16",
        experts=told.perhaps("expert_count", 0),
        chosen=told.perhaps("expert_used_count", 0),
        states="f32",
        tied=tied,
    )


class _Told:
    """The keys of one family."""

    def __init__(self, family: str, keys: Mapping[str, Value]) -> None:
        self._family, self._keys = family, keys

    def perhaps(self, name: str, otherwise: int) -> int:
        found = self._keys.get(f"{self._family}.{name}", otherwise)
        if not isinstance(found, int) or not 0 <= found <= 1 << 40:
            raise Unclear(f"its {self._family}.{name} is no plain number")
        return int(found)

    def number(self, name: str) -> int:
        found = self.perhaps(name, 0)
        if not found:
            raise Unclear(f"it does not say {self._family}.{name}")
        return found

    def has(self, name: str) -> bool:
        return f"{self._family}.{name}" in self._keys

    def each(self, name: str, layers: int, otherwise: int) -> tuple[int, ...]:
        """The number of each layer: the file has one for all, or a list."""
        found = self._keys.get(f"{self._family}.{name}", otherwise)
        if isinstance(found, tuple):
            if len(found) != layers:
                raise Unclear(f"its {self._family}.{name} is about {len(found)} layers, and it has {layers}")
            return found
        return (self.perhaps(name, otherwise),) * layers


def _layer(told: _Told, family: str, number: int, layers: int, hidden: int, heads: tuple[int, ...]) -> tuple[CacheRun, ...]:
    kv = told.each("attention.head_count_kv", layers, heads[number])[number]
    recurring = told.has("ssm.state_size")
    if recurring and family in _FAMILIES:
        every = told.perhaps("full_attention_interval", 4)
        if (number + 1) % every:
            return (_state(told),)
    elif (recurring and family in ("mamba", "mamba2", "falcon-h1")) or (recurring and kv == 0):
        state = (_state(told),)
        return (*state, _attention(told, kv, hidden, heads[number])) if family == "falcon-h1" else state
    elif kv == 0:
        return ()
    if told.perhaps("attention.kv_lora_rank", 0) and told.has("attention.key_length_mla"):
        rank = told.number("attention.kv_lora_rank")
        return (
            CacheRun(kind=CacheKind.LATENT, first=0, count=1, heads=1, key=rank, value=told.perhaps("rope.dimension_count", 0)),
        )
    full = _attention(told, kv, hidden, heads[number])
    window = told.perhaps("attention.sliding_window", 0)
    if not window or not _slides(told, family, number, layers):
        return (full,)
    return (CacheRun(kind=CacheKind.WINDOW, first=0, count=1, heads=kv, key=full.key, value=full.value, window=window),)


def _attention(told: _Told, kv: int, hidden: int, heads: int) -> CacheRun:
    if not heads:
        raise Unclear("a layer has attention and no heads")
    wide = told.perhaps("attention.key_length", hidden // heads)
    return CacheRun(
        kind=CacheKind.FULL, first=0, count=1, heads=kv, key=wide, value=told.perhaps("attention.value_length", hidden // heads)
    )


def _slides(told: _Told, family: str, number: int, layers: int) -> bool:
    if told.has("attention.sliding_window_pattern"):
        listed = told.each("attention.sliding_window_pattern", layers, 0)
        return (number + 1) % listed[0] != 0 if len(set(listed)) == 1 and listed[0] > 1 else bool(listed[number])
    if family in ("phi3", "llama", "mistral3", "qwen2", "starcoder2"):
        return False  # these families have the key, and llama.cpp keeps every token of theirs
    if family not in _SLIDES:
        raise Unclear(f"it has a window, and in which layers of the family {family[:40]} is not known")
    return (number + 1) % _SLIDES[family] != 0


def _state(told: _Told) -> CacheRun:
    """As llama.cpp counts it: ``(conv - 1) * (inner + 2 * groups * state)``, and ``state * inner``."""
    inner, state = told.number("ssm.inner_size"), told.number("ssm.state_size")
    groups, kernel = told.perhaps("ssm.group_count", 0), told.number("ssm.conv_kernel")
    return CacheRun(
        kind=CacheKind.STATE, first=0, count=1, heads=1, conv=(kernel - 1) * (inner + 2 * groups * state), state=state * inner
    )
