"""Headers of each format, read from files: sums by type and layer, what is missing, and what configuration and headers say
differently.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.fit_model import CacheKind, HeaderForm, ModelSeen, PartKind
from tasks.fit.models import model_seen
from tasks.fit.names import kind_of, layer_of
from tasks.fit.tensors import header
from tasks.model.content.window import Malformed, Window
from tests.fit_models import TINY, Named, gguf, gguf_keys, llama, model, safetensors
from tests.fit_references import wanted

pytestmark = pytest.mark.requirement("ARC-R3/models-fit-together")

KEYS = gguf_keys(
    "llama", block_count=4, embedding_length=256, feed_forward_length=1024, attention__head_count=8, attention__head_count_kv=2,
    context_length=32768,
)  # fmt: skip
Q4_K, Q6_K, F32 = 12, 14, 0


def seen(folder: Path, path: str = "m", **more: Any) -> ModelSeen:
    return model_seen(wanted(path=path, **more), folder, None)


def quantised(layers: int = 4) -> list[tuple[str, int, tuple[int, ...]]]:
    found: list[tuple[str, int, tuple[int, ...]]] = [("token_embd.weight", Q4_K, (256, 1024))]
    found.append(("output.weight", Q6_K, (256, 1024)))
    for number in range(layers):
        here = f"blk.{number}"
        found += [
            (f"{here}.attn_norm.weight", F32, (256,)),
            (f"{here}.attn_q.weight", Q4_K, (256, 256)),
            (f"{here}.attn_k.weight", Q4_K, (256, 64)),
            (f"{here}.attn_v.weight", Q6_K, (256, 64)),
            (f"{here}.ffn_down.weight", Q4_K, (1024, 256)),
        ]
    return found


def test_a_model_in_one_file_or_in_many_is_the_same(tmp_path: Path) -> None:
    one, many = seen(tmp_path, str(model(tmp_path / "one"))), seen(tmp_path, str(model(tmp_path / "many", shards=3)))
    assert not one.problems + many.problems + one.contradictions + many.contradictions
    assert one.weights is not None
    assert many.weights is not None
    assert one.weights.layers == many.weights.layers
    assert (one.weights.headers, many.weights.files) == (many.weights.headers, 3)
    elements = sum(rows * (sizes[1] if len(sizes) > 1 else 1) for _, _, sizes in llama(TINY) for rows in sizes[:1])
    assert one.weights.bytes == 2 * elements
    (run,) = one.weights.layers
    assert (run.first, run.count) == (0, 4)
    assert {part.kind for part in run.parts} == {PartKind.COPIED, PartKind.KEY_VALUE, PartKind.SPLIT}


def test_a_quantised_file_is_counted_in_its_blocks(tmp_path: Path) -> None:
    gguf(tmp_path / "m.gguf", KEYS, quantised())
    found = seen(tmp_path, "m.gguf", engine="llama.cpp")
    assert not found.problems + found.contradictions
    assert found.weights is not None
    assert found.weights.form is HeaderForm.GGUF
    table = 256 * 1024
    layer = (256 * 256 + 256 * 64 + 1024 * 256) // 256 * 144 + 256 * 64 // 256 * 210 + 256 * 4
    assert found.weights.bytes == table // 256 * 144 + table // 256 * 210 + 4 * layer
    assert found.architecture is not None
    assert found.architecture.vocabulary == 1024


def test_split_gguf_files_are_one_model(tmp_path: Path) -> None:
    whole = quantised()
    for number, part in enumerate((whole[:8], whole[8:])):
        more = {"split.no": number, "split.count": 2, "split.tensors.count": len(whole)}
        keys = {**KEYS, **more} if number == 0 else more
        gguf(tmp_path / f"m-{number + 1:05}-of-00002.gguf", keys, part)
    found = seen(tmp_path, "m-00001-of-00002.gguf", engine="llama.cpp")
    assert not found.problems + found.contradictions
    assert found.weights is not None
    assert found.weights.files == 2
    assert seen(tmp_path, ".", engine="llama.cpp").weights == found.weights
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    assert "m-00002-of-00002.gguf is missing" in seen(tmp_path, "m-00001-of-00002.gguf", engine="llama.cpp").problems[0]


def field(number: int, value: int | bytes) -> bytes:
    def varint(value: int) -> bytes:
        found = b""
        while value > 127:
            found, value = found + bytes([value & 127 | 128]), value >> 7
        return found + bytes([value])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def onnx(tensors: list[tuple[str, int, tuple[int, ...], int]], *, caches: int = 10, location: str = "") -> bytes:
    """A graph with these initializers: name, type, sizes, bytes."""
    graph = field(1, field(3, b"node") + field(4, b"Add"))
    offset = 0
    for name, kind, sizes, size in tensors:
        told = b"".join(field(1, one) for one in sizes) + field(2, kind) + field(8, name.encode())
        if location:
            for key, value in (("location", location), ("offset", str(offset)), ("length", str(size))):
                told += field(13, field(1, key.encode()) + field(2, value.encode()))
            told += field(14, 1)
            offset += size
        else:
            told += field(9, bytes(size))
        graph += field(5, told)
    shape = field(1, field(1, caches))
    graph += field(11, field(1, b"past_key_values.0.key") + field(2, shape))
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))


DECODER = {"num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "head_size": 32, "hidden_size": 256}
GENAI = {
    "model": {"type": "llama", "vocab_size": 1024, "context_length": 4096, "decoder": {**DECODER, "filename": "model.onnx"}}
}


def test_an_onnx_graph_with_its_weights_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "genai_config.json").write_text(json.dumps(GENAI))
    (folder / "model.onnx").write_bytes(onnx([("a", 10, (64, 32), 4096), ("b", 22, (7,), 4)], location="model.onnx.data"))
    (folder / "model.onnx.data").write_bytes(bytes(4100))
    found = seen(tmp_path, engine="onnxruntime")
    assert not found.problems
    assert found.weights is not None
    assert found.architecture is not None
    assert (found.weights.bytes, found.architecture.dtype) == (4100, "f16")
    (folder / "model.onnx.data").write_bytes(bytes(100))
    assert "has 100 bytes, and the graph needs 4100" in seen(tmp_path, engine="onnxruntime").problems[0]
    (folder / "model.onnx.data").unlink()
    assert "model.onnx.data is missing" in seen(tmp_path, engine="onnxruntime").problems[0]
    (folder / "model.onnx").write_bytes(onnx([("a", 10, (2,), 4)], location="../../etc/passwd"))
    assert "outside of its folder" in seen(tmp_path, engine="onnxruntime").problems[0]


def broken_shard(folder: Path) -> None:
    (folder / "model-00002-of-00003.safetensors").unlink()


def cut(folder: Path) -> None:
    file = folder / "model-00001-of-00003.safetensors"
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 1)


def other_shard(folder: Path) -> None:
    safetensors(folder / "model-00001-of-00003.safetensors", [("other", "BF16", (4,))])


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def bad_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def twice(folder: Path) -> None:
    gguf(folder / "m.gguf", KEYS, quantised())
    (folder / "model.safetensors.index.json").unlink()


def pickled(folder: Path) -> None:
    for file in folder.glob("model*"):
        file.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def outside(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../secret.safetensors"}}')


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (broken_shard, "model-00002-of-00003.safetensors is missing, which model.safetensors.index.json names"),
        (cut, "it is cut off, or not this file"),
        (other_shard, "says that model-00001-of-00003.safetensors holds 'model.embed_tokens.weight', and it does not"),
        (no_config, "its config.json is missing, so its cache cannot be counted"),
        (bad_config, "config.json: its JSON does not parse"),
        (twice, "it holds weights in several formats; name the file that the engine loads"),
        (pickled, "its weights are pickled"),
        (outside, "names the file '../secret.safetensors', which is not beside it"),
    ],
)
def test_what_is_not_there_is_a_problem_and_no_guess(tmp_path: Path, harm: Any, said: str) -> None:
    harm(model(tmp_path / "m", shards=3))
    assert any(said in one for one in seen(tmp_path).problems), seen(tmp_path).problems


def test_two_files_with_one_tensor_are_not_one_model(tmp_path: Path) -> None:
    safetensors(model(tmp_path / "m") / "more.safetensors", [("lm_head.weight", "BF16", (2, 2))])
    assert "two of its files hold the tensor 'lm_head.weight'" in seen(tmp_path).problems[0]


def test_a_path_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert "does not exist" in seen(tmp_path, "gone").problems[0]


def experts(count: int) -> list[Named]:
    held = [one for one in llama(TINY) if ".mlp." not in one[0]]
    return [
        *held,
        *(
            (f"model.layers.{layer}.mlp.experts.{number}.up_proj.weight", "BF16", (64, 256))
            for layer in range(4)
            for number in range(count)
        ),
        *((f"model.layers.{layer}.mlp.gate.weight", "BF16", (8, 256)) for layer in range(4)),
    ]


@pytest.mark.parametrize(
    ("config", "tensors", "said"),
    [
        ({"num_hidden_layers": 5}, llama(TINY), "says 5 layers, and layer 4 has no tensor"),
        ({"num_hidden_layers": 3}, llama(TINY), "says 3 layers, and the headers have layer 3"),
        ({"num_key_value_heads": 8}, llama(TINY), "keys are 256 wide, and model.layers.0.self_attn.k_proj.weight gives 64"),
        ({"hidden_size": 512}, llama(TINY), "says that keys are 128 wide"),
        ({"vocab_size": 4096}, llama(TINY), "says 4096 tokens, and model.embed_tokens.weight has 1024"),
        ({}, [one for one in llama(TINY) if one[0] != "lm_head.weight"], "the headers have no last layer"),
        ({}, [one for one in llama(TINY) if "layers.2.mlp.up" not in one[0]], "layer 2 lacks mlp.up_proj, which another layer"),
        ({"num_local_experts": 8, "num_experts_per_tok": 2}, experts(7), "says 8 experts, and layer 0 has 7"),
        ({}, experts(8), "names no number of experts, and the headers have some"),
    ],
)
def test_configuration_and_headers_must_say_the_same(
    tmp_path: Path, config: dict[str, Any], tensors: list[Named], said: str
) -> None:
    model(tmp_path / "m", {**TINY, **config}, tensors)
    found = seen(tmp_path)
    assert any(said in one for one in found.contradictions), (found.contradictions, found.problems)


def test_experts_are_counted_all(tmp_path: Path) -> None:
    model(tmp_path / "m", {**TINY, "num_local_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64}, experts(8))
    found = seen(tmp_path)
    assert not found.problems + found.contradictions
    assert found.weights is not None
    held = sum(count * part.bytes for count, part in found.weights.parts if part.kind is PartKind.EXPERTS)
    assert held == 4 * 8 * 64 * 256 * 2
    assert found.architecture is not None
    assert (found.architecture.experts, found.architecture.chosen) == (8, 2)


def test_tied_tables_are_known_by_the_configuration(tmp_path: Path) -> None:
    model(tmp_path / "m", {**TINY, "tie_word_embeddings": True})
    found = seen(tmp_path)
    assert found.architecture is not None
    assert found.architecture.tied
    assert not found.contradictions


def test_an_adapter_is_read_beside_its_model_and_never_as_one(tmp_path: Path) -> None:
    model(tmp_path / "m")
    adapter = tmp_path / "lora"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 16}))
    tensors: list[Named] = [("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "F32", (16, 256))]
    safetensors(adapter / "adapter_model.safetensors", tensors)
    (one,) = seen(tmp_path, adapters=("lora",)).adapters
    assert (one.rank, one.problem) == (16, "")
    assert one.weights is not None
    assert one.weights.bytes == 16 * 256 * 4
    assert "it is an adapter, which only changes another model" in seen(tmp_path, "lora").problems[0]
    (lost,) = seen(tmp_path, adapters=("gone",)).adapters
    assert "does not exist" in lost.problem


def test_packed_weights_count_as_they_are_stored(tmp_path: Path) -> None:
    packed: list[Named] = [one for one in llama(TINY) if ".mlp." not in one[0]]
    for number in range(4):
        here = f"model.layers.{number}.mlp.up_proj"
        packed += [
            (f"{here}.qweight", "I32", (32, 1024)),
            (f"{here}.qzeros", "I32", (2, 128)),
            (f"{here}.scales", "F16", (2, 1024)),
        ]
    model(tmp_path / "m", {**TINY, "quantization_config": {"quant_method": "gptq", "bits": 4}}, packed)
    found = seen(tmp_path)
    assert not found.problems + found.contradictions
    assert found.weights is not None
    held = sum(count * part.bytes for count, part in found.weights.parts if part.dtype == "I32")
    assert held == 4 * 4 * (32 * 1024 + 2 * 128)
    assert found.architecture is not None
    assert found.architecture.packed == "gptq"


@pytest.mark.parametrize(
    ("name", "kind", "layer"),
    [
        ("model.embed_tokens.weight", PartKind.EMBEDDING, -1),
        ("token_embd.weight", PartKind.EMBEDDING, -1),
        ("transformer.wte.weight", PartKind.EMBEDDING, -1),
        ("lm_head.weight", PartKind.OUTPUT, -1),
        ("output.weight", PartKind.OUTPUT, -1),
        ("output_norm.weight", PartKind.COPIED, -1),
        ("model.layers.7.self_attn.k_proj.weight", PartKind.KEY_VALUE, 7),
        ("blk.7.attn_v.weight", PartKind.KEY_VALUE, 7),
        ("model.layers.7.self_attn.k_norm.weight", PartKind.COPIED, 7),
        ("model.layers.7.self_attn.kv_a_proj_with_mqa.weight", PartKind.COPIED, 7),
        ("model.layers.7.self_attn.kv_b_proj.weight", PartKind.SPLIT, 7),
        ("model.layers.7.mlp.gate.weight", PartKind.COPIED, 7),
        ("model.layers.7.mlp.gate_proj.weight", PartKind.SPLIT, 7),
        ("model.layers.7.mlp.experts.3.down_proj.weight", PartKind.EXPERTS, 7),
        ("model.layers.7.mlp.shared_experts.up_proj.weight", PartKind.SPLIT, 7),
        ("blk.7.ffn_gate_exps.weight", PartKind.EXPERTS, 7),
        ("blk.7.ffn_gate_inp.weight", PartKind.COPIED, 7),
        ("model.layers.7.mlp.up_proj.weight_scale", PartKind.SCALES, 7),
        ("visual.blocks.3.attn.qkv.weight", PartKind.TOWER, -1),
        ("vision_tower.encoder.layers.3.mlp.fc1.weight", PartKind.TOWER, -1),
        ("language_model.model.layers.3.mlp.up_proj.weight", PartKind.SPLIT, 3),
    ],
)
def test_a_tensor_is_what_its_name_says(name: str, kind: PartKind, layer: int) -> None:
    assert (kind_of(name), layer_of(name, kind)) == (kind, layer)


@given(st.binary(max_size=300), st.sampled_from((b"", b"GGUF\x03\0\0\0", struct.pack("<Q", 20) + b"{", b"\x08\x08:")))
def test_bytes_of_any_kind_are_a_header_or_malformed(data: bytes, start: bytes) -> None:
    for name in ("m.safetensors", "m.onnx"):
        try:
            found = header(Window.over(start + data), name)
        except Malformed:
            continue
        assert all(one.bytes >= 0 for one in found.tensors)


def test_the_cache_is_that_of_the_kind(tmp_path: Path) -> None:
    model(tmp_path / "m")
    found = seen(tmp_path).architecture
    assert found is not None
    (run,) = found.cache
    assert (run.kind, run.count, run.heads, run.key) == (CacheKind.FULL, 4, 2, 32)
