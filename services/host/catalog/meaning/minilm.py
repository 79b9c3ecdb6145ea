"""What a text means, as a vector of length 1: a small BERT with mean pooling, such as all-MiniLM-L6-v2, computed with NumPy.

It reads weights only (safetensors), so no code of the model's publisher runs, and it needs neither a network nor a GPU. Source:
Devlin et al. 2018 (arXiv:1810.04805); Reimers and Gurevych 2019 (arXiv:1908.10084) for the pooling.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from arcops.errors import Refused
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from services.host.catalog.meaning.wordpiece import pieces, vocabulary
from tasks.model.content.safetensors import header_of, span_of
from tasks.model.content.window import Malformed, Window

MOST_PIECES = 128
"""Pieces of one text; the model was trained with so many."""
_BATCH = 64
_MOST_FILE = 4 * 1024 * 1024

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniLm:
    """A model. ``name`` is its folder's, ``digest`` that of its weights and its vocabulary."""

    name: str
    digest: str
    words: Mapping[str, int]
    weights: Mapping[str, Floats]
    layers: int
    heads: int

    def vectors(self, texts: Sequence[str]) -> Floats:
        """The vectors of *texts*, one a row."""
        numbers = [pieces(one, self.words, MOST_PIECES) for one in texts]
        order = sorted(range(len(texts)), key=lambda one: len(numbers[one]))
        found = np.empty((len(texts), self._of("embeddings.LayerNorm.weight").shape[0]), dtype=np.float32)
        for begin in range(0, len(order), _BATCH):
            mine = order[begin : begin + _BATCH]
            found[mine] = self._batch([numbers[one] for one in mine])
        return found

    def _batch(self, numbers: Sequence[Sequence[int]]) -> Floats:
        longest = max(len(one) for one in numbers)
        ids = np.zeros((len(numbers), longest), dtype=np.int64)
        there = np.zeros((len(numbers), longest), dtype=np.float32)
        for row, one in enumerate(numbers):
            ids[row, : len(one)], there[row, : len(one)] = one, 1.0
        hidden = self._of("embeddings.word_embeddings.weight")[ids]
        hidden = hidden + self._of("embeddings.position_embeddings.weight")[:longest]
        hidden = self._normal(hidden + self._of("embeddings.token_type_embeddings.weight")[0], "embeddings.LayerNorm")
        hidden_from = (1.0 - there)[:, None, None, :] * np.float32(-1e9)
        for layer in range(self.layers):
            hidden = self._layer(hidden, hidden_from, f"encoder.layer.{layer}.")
        mean = (hidden * there[:, :, None]).sum(axis=1) / there.sum(axis=1, keepdims=True)
        vectors: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return vectors

    def _layer(self, hidden: Floats, masked: Floats, at: str) -> Floats:
        rows, length, width = hidden.shape

        def apart(name: str) -> Floats:
            found = self._dense(hidden, f"{at}attention.self.{name}")
            return found.reshape(rows, length, self.heads, width // self.heads).transpose(0, 2, 1, 3)

        scores = apart("query") @ apart("key").transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // self.heads)) + masked
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        heard = (scores / scores.sum(axis=-1, keepdims=True)) @ apart("value")
        heard = self._dense(heard.transpose(0, 2, 1, 3).reshape(rows, length, width), f"{at}attention.output.dense")
        hidden = self._normal(hidden + heard, f"{at}attention.output.LayerNorm")
        more = self._dense(_gelu(self._dense(hidden, f"{at}intermediate.dense")), f"{at}output.dense")
        return self._normal(hidden + more, f"{at}output.LayerNorm")

    def _dense(self, values: Floats, name: str) -> Floats:
        found: Floats = values @ self._of(f"{name}.weight").T + self._of(f"{name}.bias")
        return found

    def _normal(self, values: Floats, name: str) -> Floats:
        away = values - values.mean(axis=-1, keepdims=True)
        found: Floats = away / np.sqrt((away * away).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        return found * self._of(f"{name}.weight") + self._of(f"{name}.bias")

    def _of(self, name: str) -> Floats:
        found = self.weights.get(name)
        if found is None:
            raise Refused(f"the model {self.name} has no tensor {name}, so it is not of the kind that is read here (BERT)")
        return found


def _gelu(values: Floats) -> Floats:
    """x·Φ(x), with the error function to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26)."""
    scaled = np.abs(values) * np.float32(0.7071067811865476)
    part = 1.0 / (1.0 + np.float32(0.3275911) * scaled)
    series = part * (0.254829592 + part * (-0.284496736 + part * (1.421413741 + part * (-1.453152027 + part * 1.061405429))))
    error = 1.0 - series * np.exp(-scaled * scaled)
    found: Floats = (values * 0.5 * (1.0 + np.copysign(error, values))).astype(np.float32)
    return found


def read_model(folder: Path) -> MiniLm:
    """The model in *folder*: ``config.json``, ``vocab.txt``, ``model.safetensors``. Raises `Refused` for another kind."""
    path = folder / "model.safetensors"
    try:
        status = path.stat()
    except OSError as error:
        raise Refused(
            f"{folder} has no model.safetensors; ARCOPS_EMBEDDING_MODEL names a folder as 'make ready' gets it"
        ) from error
    return _read(folder, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1)
def _read(folder: Path, changed: int, size: int) -> MiniLm:
    config = strict_json(read_file(folder / "config.json", _MOST_FILE), "config.json")
    words = read_file(folder / "vocab.txt", _MOST_FILE).decode()
    if not isinstance(config, dict) or config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise Refused(f"{folder} holds no BERT with the activation gelu, which is what this search reads")
    weights = _weights(folder / "model.safetensors", size)
    with (folder / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(words.encode())
    return MiniLm(
        name=folder.resolve().name,
        digest=f"sha256:{digest.hexdigest()}",
        words=vocabulary(words),
        weights=weights,
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
    )


def _weights(path: Path, size: int) -> Mapping[str, Floats]:
    """The tensors of 32-bit numbers in the safetensors file *path*, mapped and not copied. Raises `Refused`."""
    try:
        with path.open("rb") as file:
            header, length = header_of(Window(lambda at, most: os.pread(file.fileno(), most, at), size))
        spans = {name: span_of(name, said) for name, said in header.items() if name != "__metadata__"}
    except Malformed as error:
        raise Refused(f"{path.name} is no safetensors file that can be read: {error}") from error
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=size - length)
    found: dict[str, Floats] = {}
    for name, (begin, end) in spans.items():
        said = header[name]
        if not isinstance(said, dict) or said["dtype"] != "F32":
            continue
        if end > length:
            raise Refused(f"the tensor {name[:100]} is not within its file as its header says")
        tensor: Floats = data[begin:end].view(np.float32).reshape(cast(list[int], said["shape"]))  # as `span_of` found it
        found[name] = tensor
    return found
