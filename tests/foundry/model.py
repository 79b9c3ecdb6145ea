"""A language model of a few thousand random numbers that ONNX Runtime GenAI runs: it says nonsense, always the same."""

from __future__ import annotations

import json
import random
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HEADS, HEAD_SIZE, HIDDEN = 2, 8, 16
CONTEXT = 2048
_END = "<|endoftext|>"
_TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"


def make(folder: Path, *, seed: int = 7) -> None:
    """Write the model and its tokenizer into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    known = tokenizer.get_vocab()
    # Only letters: an incomplete character of UTF-8 would be delayed. The model never ends by itself: answers have full length.
    said = [number for word, number in known.items() if word.isascii() and word.isalpha()]
    graph = _graph(len(known), random.Random(seed), said)  # noqa: S311  # weights, not a secret
    onnx.save(graph, folder / "model.onnx")
    config = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": _END, "model_max_length": CONTEXT, "chat_template": _TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "genai_config.json").write_text(json.dumps(_settings(len(known), known[_END])))


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=[_END], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["a model that was made on the spot says nothing of value"], trainer)
    return tokenizer


def _settings(vocabulary: int, end: int) -> dict[str, object]:
    decoder = {
        "session_options": {"provider_options": []},
        "filename": "model.onnx",
        "head_size": HEAD_SIZE,
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "num_hidden_layers": 1,
        "num_key_value_heads": HEADS,
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "past_key_names": "past_key_values.%d.key",
            "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {"logits": "logits", "present_key_names": "present.%d.key", "present_value_names": "present.%d.value"},
    }
    model = {
        "type": "llama",
        "context_length": CONTEXT,
        "vocab_size": vocabulary,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder": decoder,
    }
    search = {"do_sample": False, "max_length": CONTEXT, "past_present_share_buffer": False, "temperature": 1.0, "top_k": 1}
    return {"model": model, "search": search}


def _graph(vocabulary: int, chance: random.Random, said: list[int]) -> onnx.ModelProto:
    """Each word depends on the one before and on their number: enough that the model needs keys and values in its cache."""

    def weights(name: str, rows: int, columns: int) -> onnx.TensorProto:
        values = [chance.gauss(0.0, 1.0) for _ in range(rows * columns)]
        return helper.make_tensor(name, TensorProto.FLOAT, [rows, columns], values)

    def whole(name: str, *values: int) -> onnx.TensorProto:
        return helper.make_tensor(name, TensorProto.INT64, [len(values)], values)

    bias = [0.0 if number in said else -1e9 for number in range(vocabulary)]
    constants = [
        weights("embeddings", vocabulary, HIDDEN),
        weights("to_key", HIDDEN, HIDDEN),
        weights("to_value", HIDDEN, HIDDEN),
        weights("to_word", HIDDEN, vocabulary),
        whole("split", 0, 0, HEADS, HEAD_SIZE),
        whole("join", 0, 0, HIDDEN),
        whole("last", 2),
        helper.make_tensor("bias", TensorProto.FLOAT, [vocabulary], bias),
    ]
    node = helper.make_node
    nodes = [node("Gather", ["embeddings", "input_ids"], ["embedded"])]
    for name in ("key", "value"):
        nodes += [
            node("MatMul", ["embedded", f"to_{name}"], [f"{name}_flat"]),
            node("Reshape", [f"{name}_flat", "split"], [f"{name}_split"]),
            node("Transpose", [f"{name}_split"], [f"{name}_new"], perm=[0, 2, 1, 3]),
            node("Concat", [f"past_key_values.0.{name}", f"{name}_new"], [f"present.0.{name}"], axis=2),
        ]
    nodes += [
        node("ReduceMean", ["present.0.value", "last"], ["gist"], keepdims=1),
        node("Transpose", ["gist"], ["gist_turned"], perm=[0, 2, 1, 3]),
        node("Reshape", ["gist_turned", "join"], ["gist_flat"]),
        node("Add", ["embedded", "gist_flat"], ["state"]),
        node("MatMul", ["state", "to_word"], ["plain"]),
        node("Add", ["plain", "bias"], ["logits"]),
    ]

    def value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, list(shape))

    number, real = TensorProto.INT64, TensorProto.FLOAT
    past = [value(f"past_key_values.0.{name}", real, "batch", HEADS, "past", HEAD_SIZE) for name in ("key", "value")]
    present = [value(f"present.0.{name}", real, "batch", HEADS, "all", HEAD_SIZE) for name in ("key", "value")]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("input_ids", number, "batch", "new"), value("attention_mask", number, "batch", "all"), *past],
        [value("logits", real, "batch", "new", vocabulary), *present],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 9
    onnx.checker.check_model(made)
    return made
