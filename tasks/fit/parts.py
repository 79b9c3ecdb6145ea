"""What tensors are for, by their names, and their sums: layer by layer, because a plan splits a model by layers."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from arcops.late_pattern import late
from arcops.seen.fit_model import HeaderForm, LayerRun, PartKind, WeightPart, Weights
from tasks.fit.tensors import Tensor

_LAYER = late(r"(?:^|.*?\.)(?:layers|layer|h|blocks|block|blk)\.([0-9]{1,5})\.")
_TOWER = late(
    r"(?:^|.*\.)(?:visual|vision_tower|vision_model|vision_encoder|vision_embed_tokens|audio_tower|audio_encoder|speech_encoder|"
    r"multi_modal_projector|mm_projector|embed_vision|embed_audio|image_newline|encoder)\.|(?:v|mm|enc)\."
)
_SCALES = late(r".*(?:weight|input|output|activation|[qkv]|kv_cache)_scale(?:_inv|_2)?\Z")
_EXPERTS = late(r".*(?:\.experts\.|_exps\.|\.block_sparse_moe\.experts)")
_EMBEDDING = late(
    r"(?:.*\.)?(?:embed_tokens|wte|word_embeddings|tok_embeddings|token_embd|embed_in|shared|transformer\.embedding)\..*\Z"
)
_OUTPUT = late(r"(?:.*\.)?(?:lm_head|embed_out|output|output_layer)\.(?:q?weight|bias|scales|qzeros|g_idx)\Z")
_KEY_VALUE = late(r".*\.(?:k_proj|v_proj|attn_k|attn_v)\.[a-z_]+\Z")
_COPIED = late(
    r".*(?:norm|\bln_|\.ln[0-9_]|layernorm|mlp\.gate\.|\.router\.|block_sparse_moe\.gate\.|ffn_gate_inp|shared_expert_gate|q_a_proj|"
    r"kv_a_proj|attn_q_a|attn_kv_a|wpe\.|embed_positions|position_embd|rope_freqs|e_score_correction|exp_probs_b)"
)


def kind_of(name: str) -> PartKind:
    """What the tensor of this *name* is for."""
    if _TOWER.match(name) and not name.startswith(("output.", "blk.")):
        return PartKind.TOWER
    if _SCALES.match(name):
        return PartKind.SCALES
    if _EXPERTS.match(name):
        return PartKind.EXPERTS
    if _COPIED.match(name):
        return PartKind.COPIED
    if _EMBEDDING.match(name):
        return PartKind.EMBEDDING
    if _OUTPUT.match(name):
        return PartKind.OUTPUT
    return PartKind.KEY_VALUE if _KEY_VALUE.match(name) else PartKind.SPLIT


def layer_of(name: str) -> int:
    """The number of the layer that the tensor of this *name* is in; -1 if it is in none, or in another network beside."""
    found = _LAYER.match(name)
    return int(found[1]) if found is not None and kind_of(name) is not PartKind.TOWER else -1


def weights_of(form: HeaderForm, files: int, tensors: Sequence[Tensor]) -> Weights:
    """The sums of *tensors* by layer, kind and type."""
    layers: dict[int, list[Tensor]] = defaultdict(list)
    for one in tensors:
        layers[layer_of(one.name)].append(one)
    outside = _parts(layers.pop(-1, []))
    runs: list[LayerRun] = []
    for number in sorted(layers):
        parts = _parts(layers[number])
        last = runs[-1] if runs else None
        if last is not None and last.first + last.count == number and last.parts == parts:
            runs[-1] = LayerRun(first=last.first, count=last.count + 1, parts=parts)
        else:
            runs.append(LayerRun(first=number, count=1, parts=parts))
    return Weights(form=form, files=files, outside=outside, layers=tuple(runs), headers=named(tensors))


def named(tensors: Iterable[Tensor]) -> str:
    """SHA-256 over name, type and sizes of each tensor, sorted, one line each."""
    lines = sorted(f"{one.name} {one.dtype} {'x'.join(map(str, one.sizes))}\n" for one in tensors)
    return hashlib.sha256("".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def _parts(tensors: Iterable[Tensor]) -> tuple[WeightPart, ...]:
    sums: dict[tuple[PartKind, str], Counter[str]] = defaultdict(Counter)
    for one in tensors:
        sums[kind_of(one.name), one.dtype].update(tensors=1, elements=one.elements, bytes=one.bytes)
    return tuple(
        WeightPart(kind=kind, dtype=dtype, tensors=had["tensors"], elements=had["elements"], bytes=had["bytes"])
        for (kind, dtype), had in sorted(sums.items(), key=lambda item: (item[0][0].value, item[0][1]))
    )
