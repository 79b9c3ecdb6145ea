"""A real llama.cpp server with a model of random weights, whose vocabulary is that of a ``tokenizer.json`` beside it.

    python llama_engine.py FOLDER

Run it by a Python that has ``xllamacpp``, ``gguf`` and ``tokenizers``; it prints the address and serves until its input ends.
The model says nonsense, but it reads and counts what every llama.cpp server would: its ``usage`` is a real bill.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gguf
import numpy
import xllamacpp
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HIDDEN, HEADS, INNER, CONTEXT = 64, 4, 128, 8192
END = "<|endoftext|>"
TEXTS = (
    "A tool answers in JSON: names, numbers and sentences of people who ask for the time in a zone, or for a file.",
    '{"zone": "Europe/Berlin", "path": "/srv/data/report.txt", "limit": 100, "words": ["first", "second"]}',
    "Über Größe und Maß schreibt man anders; 日本語 has no spaces between words, and emoji 🙂 take several bytes.",
)


def main() -> None:
    """Make the model and serve it."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = vocabulary()
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "model.gguf", tokenizer)
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "model.gguf")
    params.n_ctx, params.n_parallel, params.warmup = CONTEXT, 1, False
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


def vocabulary() -> Tokenizer:
    """A byte-level BPE as GPT-2 has, trained on a few sentences."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[END], initial_alphabet=alphabet)
    made.train_from_iterator(TEXTS * 20, trainer)
    return made


def write(path: Path, tokenizer: Tokenizer) -> None:
    """A model of the Llama kind with one layer of random weights."""
    known = json.loads(tokenizer.to_str())["model"]
    words = [word for word, _ in sorted(tokenizer.get_vocab().items(), key=lambda one: one[1])]
    out = gguf.GGUFWriter(str(path), "llama")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(HIDDEN)
    out.add_block_count(1)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(HIDDEN // HEADS)
    out.add_vocab_size(len(words))
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(words)
    out.add_token_types([gguf.TokenType.CONTROL if word == END else gguf.TokenType.NORMAL for word in words])
    out.add_token_merges([" ".join(one) if isinstance(one, list) else one for one in known["merges"]])
    out.add_eos_token_id(tokenizer.token_to_id(END))
    out.add_add_bos_token(False)
    drawn = numpy.random.default_rng(7)

    def tensor(name: str, *sizes: int) -> None:
        out.add_tensor(name, (drawn.standard_normal(sizes) * 0.02).astype(numpy.float32))

    tensor("token_embd.weight", len(words), HIDDEN)
    tensor("output.weight", len(words), HIDDEN)
    out.add_tensor("output_norm.weight", numpy.ones(HIDDEN, numpy.float32))
    for name in ("attn_norm", "ffn_norm"):
        out.add_tensor(f"blk.0.{name}.weight", numpy.ones(HIDDEN, numpy.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        tensor(f"blk.0.{name}.weight", HIDDEN, HIDDEN)
    tensor("blk.0.ffn_gate.weight", INNER, HIDDEN)
    tensor("blk.0.ffn_up.weight", INNER, HIDDEN)
    tensor("blk.0.ffn_down.weight", HIDDEN, INNER)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main()
