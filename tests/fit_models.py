"""Models as headers: real files of real sizes, whose data are holes, so that a model of 130 GiB takes a few kilobytes of
disk.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.model.content.gguf import BLOCKS
from tasks.model.content.safetensors import BITS

Named = tuple[str, str, tuple[int, ...]]
"""A tensor: its name, type and sizes."""

LLAMA_8B: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "rope_theta": 500000.0,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}
TINY: dict[str, Any] = {
    **LLAMA_8B,
    "num_hidden_layers": 4,
    "hidden_size": 256,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "intermediate_size": 1024,
    "vocab_size": 1024,
    "max_position_embeddings": 32768,
}


def llama(config: Mapping[str, Any], *, dtype: str = "BF16") -> list[Named]:
    """The tensors of a model of the Llama kind with this configuration."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    wide = config.get("head_dim", hidden // config["num_attention_heads"])
    queries, keys = config["num_attention_heads"] * wide, config["num_key_value_heads"] * wide
    found: list[Named] = [("model.embed_tokens.weight", dtype, (config["vocab_size"], hidden))]
    for number in range(config["num_hidden_layers"]):
        here = f"model.layers.{number}"
        found += [
            (f"{here}.input_layernorm.weight", dtype, (hidden,)),
            (f"{here}.post_attention_layernorm.weight", dtype, (hidden,)),
            (f"{here}.self_attn.q_proj.weight", dtype, (queries, hidden)),
            (f"{here}.self_attn.k_proj.weight", dtype, (keys, hidden)),
            (f"{here}.self_attn.v_proj.weight", dtype, (keys, hidden)),
            (f"{here}.self_attn.o_proj.weight", dtype, (hidden, queries)),
            (f"{here}.mlp.gate_proj.weight", dtype, (inner, hidden)),
            (f"{here}.mlp.up_proj.weight", dtype, (inner, hidden)),
            (f"{here}.mlp.down_proj.weight", dtype, (hidden, inner)),
        ]
    found.append(("model.norm.weight", dtype, (hidden,)))
    if not config.get("tie_word_embeddings"):
        found.append(("lm_head.weight", dtype, (config["vocab_size"], hidden)))
    return found


def safetensors(path: Path, tensors: Iterable[Named]) -> Path:
    """A file of safetensors with these *tensors*, whose data are a hole."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, dtype, sizes in tensors:
        size = BITS[dtype]
        for one in sizes:
            size *= one
        header[name] = {"dtype": dtype, "shape": list(sizes), "data_offsets": [end, end + size // 8]}
        end += size // 8
    text = json.dumps(header, separators=(",", ":")).encode()
    return _written(path, len(text).to_bytes(8, "little") + text, end)


def _written(path: Path, head: bytes, data: int) -> Path:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + data)
    return path


def model(folder: Path, config: Mapping[str, Any] = TINY, tensors: Sequence[Named] | None = None, *, shards: int = 1) -> Path:
    """A model's folder: its configuration and its weights, in one file or several with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    held = list(llama(config) if tensors is None else tensors)
    if shards == 1:
        safetensors(folder / "model.safetensors", held)
        return folder
    mapped: dict[str, str] = {}
    for number in range(shards):
        name = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        part = held[number::shards]
        safetensors(folder / name, part)
        mapped |= {one[0]: name for one in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": mapped}))
    return folder


def gguf(path: Path, keys: Mapping[str, Any], tensors: Iterable[tuple[str, int, tuple[int, ...]]]) -> Path:
    """A GGUF file with these *keys* and *tensors* (name, type by number, sizes with the row first), whose data are a hole."""
    told = b"".join(_text(name) + _value(value) for name, value in keys.items())
    described, end, count = b"", 0, 0
    for name, kind, sizes in tensors:
        per, size = BLOCKS[kind]
        elements = 1
        for one in sizes:
            elements *= one
        described += _text(name) + struct.pack("<I", len(sizes)) + b"".join(struct.pack("<Q", one) for one in sizes)
        described += struct.pack("<IQ", kind, end)
        end += -(-(elements // per * size) // 32) * 32
        count += 1
    head = b"GGUF" + struct.pack("<IQQ", 3, count, len(keys)) + told + described
    return _written(path, head + bytes(-len(head) % 32), end)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return struct.pack("<IQ", 10, value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 5, len(value)) + b"".join(struct.pack("<i", int(one)) for one in value)
    return struct.pack("<I", 8) + _text(value)


def gguf_keys(family: str, **more: Any) -> dict[str, Any]:
    """The keys of a GGUF file of this *family*; ``block_count=32`` is ``FAMILY.block_count``."""
    return {"general.architecture": family, **{f"{family}.{name.replace('__', '.')}": value for name, value in more.items()}}


def description(path: Path, text: str) -> Path:
    """The description at *path*."""
    path.write_text(text)
    return path
