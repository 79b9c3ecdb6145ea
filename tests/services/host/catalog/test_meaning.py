"""The search by meaning: word pieces, a small model's vectors, and what a search says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arcops.errors import Refused
from capabilities.server.catalog_looking import HostCatalogIndex, HostCatalogSearch, host_catalog_index, host_catalog_search
from flows.place import Place
from services.host.catalog.meaning.minilm import MiniLm, read_model
from services.host.catalog.meaning.wordpiece import pieces, vocabulary
from tests.adapters.hosted_world import Named
from tests.adapters.test_host_catalog import place as place_of
from tests.services.host.catalog.documents import page, server

pytestmark = pytest.mark.requirement("HOST-OPS/search-by-meaning")

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "time", "zone", "##s", "file", "!", "un", "##do", "中", "a", "cafe", "-"]
WIDTH, LAYERS, HEADS = 8, 2, 2


def small_model(folder: Path, *, seed: int = 1) -> Path:
    """A BERT of random weights, as small as one can be."""
    chance = np.random.default_rng(seed)
    shapes = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": (128, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for number in range(LAYERS):
        at = f"encoder.layer.{number}."
        for name, wide in (("attention.self.query", WIDTH), ("attention.self.key", WIDTH), ("attention.self.value", WIDTH)):
            shapes |= {f"{at}{name}.weight": (wide, WIDTH), f"{at}{name}.bias": (wide,)}
        shapes |= {f"{at}attention.output.dense.weight": (WIDTH, WIDTH), f"{at}attention.output.dense.bias": (WIDTH,)}
        shapes |= {f"{at}intermediate.dense.weight": (16, WIDTH), f"{at}intermediate.dense.bias": (16,)}
        shapes |= {f"{at}output.dense.weight": (WIDTH, 16), f"{at}output.dense.bias": (WIDTH,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{at}{name}.weight": (WIDTH,), f"{at}{name}.bias": (WIDTH,)}
    header, data = {}, b""
    for name, shape in shapes.items():
        values = chance.normal(size=shape).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    config = {"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> MiniLm:
    return read_model(small_model(tmp_path / "small"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Time zones", ["time", "zone", "##s"]),
        ("undo!", ["un", "##do", "!"]),
        ("Café", ["cafe"]),
        ("a中a", ["a", "中", "a"]),
        ("time-zone", ["time", "-", "zone"]),
        ("whale", ["[UNK]"]),
        ("a" * 200, ["[UNK]"]),
        ("time\0\u200d zone\n", ["time", "zone"]),
        ("", []),
    ],
)
def test_text_as_pieces(text: str, found: list[str]) -> None:
    known = vocabulary("\n".join(VOCABULARY))
    numbers = pieces(text, known, 32)
    assert [VOCABULARY[one] for one in numbers] == ["[CLS]", *found, "[SEP]"]
    assert len(pieces(text * 100, known, 16)) <= 16


def test_vectors_do_not_depend_on_their_neighbours(model: MiniLm) -> None:
    """Padding, the order and the size of a batch change nothing; every vector has the length 1."""
    texts = ["time", "time zones", "file", "undo!", "time zones file undo a cafe", ""] * 30
    together = model.vectors(texts)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert np.allclose(together, np.concatenate([model.vectors([one]) for one in texts]), atol=1e-5)
    assert np.allclose(together[::-1], model.vectors(texts[::-1]), atol=1e-5)
    assert not np.allclose(together[0], together[2], atol=1e-3), "other words mean something else"


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = small_model(tmp_path / "small")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))
    with pytest.raises(Refused, match="no BERT"):
        read_model(folder)
    with pytest.raises(Refused, match=r"has no model\.safetensors"):
        read_model(tmp_path)
    folder = small_model(tmp_path / "cut")
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-4])
    with pytest.raises(Refused, match="not within its file"):
        read_model(folder)
    (folder / "model.safetensors").write_bytes((2**40).to_bytes(8, "little") + data[8:])
    with pytest.raises(Refused, match="no safetensors file"):
        read_model(folder)


@pytest.fixture
def site(tmp_path: Path) -> Place:
    named = Named(tmp_path)
    documents = [server(f"io.example/{one}", "1.0.0", title=one, description=one) for one in ("time", "file", "undo")]
    (tmp_path / "registry.json").write_bytes(page(*documents))
    assert named.arcops("host", "catalog", "import", tmp_path / "registry.json").returncode == 0
    return place_of(named)


def test_a_search_says_which_kind_answered(site: Place, tmp_path: Path) -> None:
    """Words without a model; words as long as an entry has no vector; then meaning, named by its model."""
    ask = HostCatalogSearch(words="time", every=True)
    assert host_catalog_search(ask, site).by == "words"
    with pytest.raises(Refused, match="ARCOPS_EMBEDDING_MODEL"):
        host_catalog_search(replace(ask, by="meaning"), site)
    with pytest.raises(Refused, match="ARCOPS_EMBEDDING_MODEL"):
        host_catalog_index(HostCatalogIndex(), site)
    there = replace(site, settings=replace(site.settings, embedding_model=str(small_model(tmp_path / "small"))))
    assert host_catalog_search(ask, there).by == "words, because the meaning of some entries is not computed yet"
    indexed = host_catalog_index(HostCatalogIndex(), there)
    assert (indexed.computed, indexed.entries) == (3, 3)
    assert host_catalog_index(HostCatalogIndex(), there).computed == 0, "nothing is computed twice"
    found = host_catalog_search(ask, there)
    assert found.by.startswith("meaning, by small sha256:")
    assert found.entries
    assert host_catalog_search(replace(ask, by="words"), there).by == "words"
    assert host_catalog_search(replace(ask, every=False), there).entries == (), "no one has approved any of them"
    both = host_catalog_search(replace(ask, state="proposed"), there)
    assert (both.entries, both.by) == (found.entries, found.by), "a state is no reason to search otherwise"
    assert host_catalog_search(replace(ask, state="refused"), there).entries == ()


def test_another_model_or_another_text_is_computed_again(site: Place, tmp_path: Path) -> None:
    first = replace(site, settings=replace(site.settings, embedding_model=str(small_model(tmp_path / "small"))))
    host_catalog_index(HostCatalogIndex(), first)
    other = replace(site, settings=replace(site.settings, embedding_model=str(small_model(tmp_path / "other", seed=2))))
    assert "not computed" in host_catalog_search(HostCatalogSearch(words="time", every=True), other).by
    assert host_catalog_index(HostCatalogIndex(), other).computed == 3
    assert host_catalog_search(HostCatalogSearch(words="time", every=True), first).by.startswith("meaning, by small")
