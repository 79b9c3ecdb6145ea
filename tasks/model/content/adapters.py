"""Weights that only change another model: adapters, and embeddings of new tokens. A loader needs that model, too.

Sources: the names that PEFT, diffusers, LyCORIS, kohya's scripts, AdapterHub, MLX, pyreft, IP-Adapter and llama.cpp give to
files and tensors; the metadata keys of kohya's scripts (``ss_network_module``), of the Stability model specification
(``modelspec.architecture``, "Architecture ID") and of diffusers.
"""

from __future__ import annotations

from collections.abc import Sequence

from arcops.late_pattern import late
from tasks.model.content.draft import Draft

_METHODS = (
    "loha|lora|lokr|hada|dora|ia3|b?oft|vera|hra|fourierft|bone|miss|shira|road|c3a|delora|randlora|vblora|waveft|gralora"
    "|ln_tuning|lycoris|glora"
)
_OF_A_METHOD = late(rf"(?:^|[._])(?:{_METHODS})_|[._]lora[._]|\.lora_[ab]\Z")
_PART = late(
    r"\.alpha$|prompt_embeddings|^emb_params$|string_to_param|^bundle_emb\.|^<[^<>]+>$|^clip_[lgh]$|^ip_adapter\.|^image_proj\."
    r"|[._]adapters?[._]|adapter_(?:down|up|module)|\.diff(?:_b)?$|\.rotate_layer|\.learned_source|^token_adapter\.|trainable_tokens"
)
"""Other names that only an adapter's tensors have."""

_FILE = late(
    r"(?:adapter_model|adapters|pytorch_lora_weights|pytorch_adapter|pytorch_model_head|learned_embeds|ggml-adapter-model"
    r"|adapter_\d+|reft_model)(?:[-_.].*)?"
)
_HEADER_KEYS = frozenset(("ss_network_module", "lora_adapter_metadata"))
_ARCHITECTURE = late(r".*/(?:lora|lycoris|control-lora|textual-inversion|hypernetwork|ip-adapter)\b.*")


def by_tensors(names: Sequence[str], draft: Draft) -> None:
    """Note it if tensors of these *names* can only change another model.

    A whole model may carry an adapter, too: then it also has the tensors that this one changes.
    """
    if names and (_all(names) or _most(names)):
        draft.based("the names of its tensors", "")


def _all(names: Sequence[str]) -> bool:
    return all(_OF_A_METHOD.search(name) or _PART.search(name) for name in names) or all(
        name.startswith("base_model.model.") for name in names
    )


def _most(names: Sequence[str]) -> bool:
    """Are most of *names* those of a method's tensors, and are the tensors that these change not here?"""
    found = [match for name in names if (match := _OF_A_METHOD.search(name))]
    if len(found) * 2 <= len(names):
        return False
    changed = {match.string[: match.start()] for match in found}
    others = (name for name in names if not _OF_A_METHOD.search(name))
    return all(name.rpartition(".")[0].removesuffix(".base_layer") not in changed for name in others)


def by_header(metadata: dict[str, object], draft: Draft) -> None:
    """Note it if the *metadata* of a safetensors file says that it is an adapter."""
    said = metadata.get("modelspec.architecture")
    if not _HEADER_KEYS.isdisjoint(metadata) or (isinstance(said, str) and _ARCHITECTURE.fullmatch(said)):
        draft.based("its metadata", "")


def by_name(name: str, draft: Draft) -> None:
    """Note it if *name*, the name of a file of weights, is one that only adapters have."""
    if not draft.bases and _FILE.fullmatch(name.lower()):
        draft.based("the name of the file", "")
