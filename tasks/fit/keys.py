"""The keys of a configuration, each noted when it is read: a key that may change the cache and that no one read is an answer,
too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from arcops.late_pattern import late
from tasks.model.content.bounded_json import Json
from tasks.model.content.draft import printable

MOST_LAYERS = 4096
_MOST = 1 << 40
_TELLING = late(
    r"(?:mamba|ssm|linear_(?:attn|attention|num|key|value|conv)|recurrent|rwkv|lru|conv_l_cache|conv1d|state_size|d_state|kv_lora|attn_layer|attention_layers|"
    r"full_attn|full_attention|hybrid|layer_types|layers_block|block_types|sliding|window|attention_chunk|cross_attention|"
    r"kv_shared|attn_type|delta|index_(?:head|topk|n_heads)|compress_ratio|kv_heads_per_layer|num_kv_heads_per|attention_window|mixer|block_configs|no_rope|head_dim|head_size|key_value_heads|kv_heads|k_eq_v|kv_channels|"
    r"heads_per_layer)"
)

_HARMLESS = late(
    r"(?:bias|chunk_size|_act\Z|activation|dt_|time_step|norm|initializer|residual|_clamp|proj_size|use_mlp|backend|mlp_layer_types|multiplier|"
    r"_eps\Z|alpha_factor|beta_factor|use_mamba_kernels)"
)


class Unclear(Exception):
    """What a configuration says cannot be counted. The message is a part of a sentence, for people."""


class Keys:
    """The members of a JSON object, with the names that each maker gives them."""

    def __init__(self, told: Mapping[str, Json]) -> None:
        self._told = told
        self._read: set[str] = set()

    def has(self, *names: str) -> bool:
        """Is one of *names* there, with a value?"""
        return any(self._told.get(name) is not None for name in names)

    def take(self, *names: str) -> Json:
        """The value of the first of *names* that has one. All of them count as read."""
        self._read.update(names)
        return next((self._told[name] for name in names if self._told.get(name) is not None), None)

    def number(self, *names: str, least: int = 1) -> int:
        """The whole number under one of *names*. Raises `Unclear` if it is not there, or absurd."""
        found = self.perhaps(*names, least=least)
        if found < 0:
            raise Unclear(f"it does not say {names[0]}")
        return found

    def perhaps(self, *names: str, otherwise: int = -1, least: int = 0) -> int:
        """The whole number under one of *names*, or else *otherwise*."""
        found = self.take(*names)
        if found is None:
            return otherwise
        if isinstance(found, float) and found.is_integer():
            found = int(found)
        if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= _MOST:
            self.wrong(names, found)
        return found

    def text(self, *names: str) -> str:
        """The text under one of *names*, or nothing."""
        found = self.take(*names)
        return found if isinstance(found, str) else ""

    def flag(self, *names: str) -> bool:
        return self.take(*names) is True

    def numbers(self, *names: str) -> tuple[int, ...]:
        """The list of whole numbers under one of *names*, or an empty one."""
        found = self.take(*names)
        if found is None:
            return ()
        if not isinstance(found, list) or len(found) > MOST_LAYERS or not all(type(one) in (int, bool) for one in found):
            self.wrong(names, found)
        return tuple(int(one) for one in found if isinstance(one, int))

    def words(self, *names: str) -> tuple[str, ...]:
        """The list of texts under one of *names*, or an empty one."""
        found = self.take(*names)
        if found is None:
            return ()
        if not isinstance(found, list) or len(found) > MOST_LAYERS or not all(isinstance(one, str) for one in found):
            self.wrong(names, found)
        return tuple(str(one) for one in found)

    def inside(self, *names: str) -> Keys:
        """The object under one of *names*, or an empty one."""
        found = self.take(*names)
        return Keys(found if isinstance(found, dict) else {})

    def wrong(self, names: tuple[str, ...], found: object) -> NoReturn:
        raise Unclear(f"its {names[0]} is {printable(repr(found), 60)}, which cannot be")

    def left(self) -> str:
        """A key that may change what is kept for each request and that was not read; else empty."""
        for name, value in sorted(self._told.items()):
            lower = name.lower()
            telling = name not in self._read and _TELLING.search(lower) and not _HARMLESS.search(lower)
            if telling and value not in (None, False, 0, [], {}, ""):
                return name
        return ""
