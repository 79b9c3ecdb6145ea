"""What a tensor is for, and in which layer it is, by its name: as the makers of models and of formats name them."""

from __future__ import annotations

from arcops.late_pattern import late
from arcops.seen.fit_model import PartKind

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


def layer_of(name: str, kind: PartKind) -> int:
    """The number of the layer that the tensor of this *name* is in; -1 if it is in none, or in another network beside."""
    found = _LAYER.match(name)
    return int(found[1]) if found is not None and kind is not PartKind.TOWER else -1
