"""An SBOM that we make is valid, whole, the same every time, and GREEN at our own gate."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.seen.sboms import Sboms
from arcops.verdict import Verdict
from gates.model.sbom.files import Binding
from gates.model.sbom.gate import SbomPolicy, sbom
from tasks.model.make_sbom import make_sbom
from tests.evidence import NOW, judged
from tests.tasks.test_sboms import collect, tree_of

pytestmark = pytest.mark.requirement("ARC-A3/a-missing-sbom-can-be-made")

POLICY = SbomPolicy()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "weights").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "weights" / "model.safetensors").write_bytes(b"weights")
    (folder / "model.sig").write_text("{}")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    metadata = {
        "Alpha_One": "License-Expression: MIT\nAuthor: Ann\nRequires-Dist: beta[fast]>=1\n"
        "Requires-Dist: gamma; python_version < '3'\n",
        "beta": "License: BSD-3-Clause\nAuthor-email: Ben <ben@example.org>\n"
        "Requires-Dist: gamma; extra == 'fast'\nProvides-Extra: fast\n",
        "gamma": "Classifier: License :: OSI Approved :: Apache Software License\nMaintainer: Gil\nRequires-Dist: absent\n",
        "ring": "License: Odd terms\nAuthor: Ria\nRequires-Dist: ring2\n",
        "ring2": "License: MIT OR Apache-2.0\nAuthor: Rob\nRequires-Dist: ring\n",
    }  # fmt: skip
    for name, fields in metadata.items():
        (folder / f"{name}-1.0.dist-info").mkdir(parents=True)
        (folder / f"{name}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{fields}"
        )
    return folder


def made(model: Path, environment: Path | None = None, *, now: datetime = NOW, **other: str) -> bytes:
    words = {"name": "model", "version": "1.0", "licence": "Apache-2.0", "supplier": "Acme", "author": "Ada"} | other
    return make_sbom(tree_of(model), now=now, python_environment=environment, **words)


def judge(model: Path, policy: SbomPolicy = POLICY) -> tuple[Verdict, list[str]]:
    body: Sboms = collect(model)
    result = judged(sbom, policy, (tree_of(model), body))  # type: ignore[arg-type]  # a gate of one policy, judged as any
    return result.verdict, [f"{one.rule}: {one.text}" for one in result.findings if one.outcome.value != "PASS"]


def test_what_we_make_is_valid_and_green(model: Path, environment: Path) -> None:
    (model / "sbom.cdx.json").write_bytes(made(model, environment))
    assert judge(model) == (Verdict.GREEN, [])
    (document,) = collect(model).documents
    assert document.problems == ()
    named = {component.name: component for component in document.components}
    assert set(named) == {"config.json", "weights/model.safetensors", "alpha-one", "beta", "gamma", "ring", "ring2"}
    assert named["alpha-one"].purl == "pkg:pypi/alpha-one@1.0"
    assert [named[name].licences for name in ("alpha-one", "beta", "gamma", "ring", "ring2")] == [
        ("MIT",), ("BSD-3-Clause",), ("Apache-2.0",), ("Odd terms",), ("MIT OR Apache-2.0",),
    ]  # fmt: skip
    assert [named[name].supplier for name in ("alpha-one", "beta", "gamma")] == ["Ann", "Ben", "Gil"]
    edges = {edge.ref: edge.on for edge in document.dependencies}
    assert edges["pkg:pypi/alpha-one@1.0"] == ("pkg:pypi/beta@1.0",)
    assert edges["pkg:pypi/beta@1.0"] == ("pkg:pypi/gamma@1.0",), "the extra that alpha-one asks for brings gamma"
    assert document.root is not None
    assert "pkg:pypi/ring@1.0" in edges[document.root.ref]


def test_the_same_input_gives_the_same_bytes(model: Path, environment: Path) -> None:
    first = made(model, environment)
    assert made(model, environment) == first
    (model / "sbom.cdx.json").write_bytes(first)
    assert made(model, environment) == first, "an SBOM that lies in the tree must not list itself"
    (model / "config.json").write_text("{ }")
    other = json.loads(made(model, environment))
    assert other["serialNumber"] != json.loads(first)["serialNumber"]
    assert str(model).encode() not in first


def test_the_verdict_falls_when_the_model_changes(model: Path) -> None:
    (model / "sbom.cdx.json").write_bytes(made(model))
    assert judge(model)[0] is Verdict.GREEN
    (model / "weights" / "model.safetensors").write_bytes(b"Weights")
    verdict, said = judge(model)
    assert verdict is Verdict.RED
    assert any(line.startswith("sbom/files-match: weights/model.safetensors") for line in said)
    assert any(line.startswith("sbom/subject") for line in said)


def test_an_sbom_of_another_model_is_red(model: Path) -> None:
    (model / "sbom.cdx.json").write_bytes(made(model, name="other"))
    assert judge(model)[0] is Verdict.GREEN, "the content is this model's, whatever it is called"
    assert judge(model, replace(POLICY, root=Binding.NAME))[0] is Verdict.RED


@pytest.mark.parametrize("word", ["name", "version", "licence", "supplier", "author"])
def test_a_missing_word_is_refused(model: Path, word: str) -> None:
    with pytest.raises(Refused, match=word):
        made(model, **{word: " "})


def test_what_cannot_be_listed_is_refused(model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Refused, match="no files"):
        made(empty)
    with pytest.raises(Refused, match="no installed distribution"):
        made(model, empty)
    with pytest.raises(Refused, match="is not a folder"):
        made(model, tmp_path / "absent")
    with pytest.raises(Refused, match="time zone"):
        made(model, now=NOW.replace(tzinfo=None))


def test_licences_as_ids_and_expressions(model: Path) -> None:
    for given, expected in (
        ("mit", {"license": {"id": "MIT"}}),
        ("MIT or apache-2.0", {"expression": "MIT OR Apache-2.0"}),
        (" apache-2.0 with llvm-exception", {"expression": "Apache-2.0 WITH LLVM-exception"}),
        ("LicenseRef-house", {"expression": "LicenseRef-house"}),
    ):
        data = made(model, licence=given)
        assert json.loads(data)["metadata"]["component"]["licenses"] == [expected]
        (model / "sbom.cdx.json").write_bytes(data)
        assert judge(model) == (Verdict.GREEN, []), given


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("The house's own", '"\'"|cannot stand there'),
        ("MIT OR", "ends too early"),
        ("(MIT", "too early"),
        ("MIT Apache-2.0", "without AND or OR"),
        ("MIT WITH", "ends too early"),
        ("llama3.1", "'llama3.1' is not on SPDX's lists.*LicenseRef-"),
        ("MIT AND llama3.1", "'llama3.1' is not on"),
        ("MIT WITH MIT", "'MIT WITH MIT' is not on"),
        ("MIT License", "write 'MIT'"),
        ("NOASSERTION", "the licence is unknown"),
        ("none", "the licence is unknown"),
        ("M" * 4000, "is not on SPDX's lists"),
        ("M" * 5000, "too long"),
        ("(" * 2000 + "MIT" + ")" * 2000, "nests more"),
    ],
)
def test_words_that_are_no_spdx_expression_are_refused_with_the_reason(model: Path, words: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refusal:
        made(model, licence=words)
    assert len(str(refusal.value)) < 500
    assert not list(model.glob("*.cdx.json"))
