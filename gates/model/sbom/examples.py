"""Situations for the SBOM gate and the verdict that each must get."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from arcops.beside import content_root
from arcops.gate import Example
from arcops.seen.content import Content
from arcops.seen.sboms import Component, Dependency, Sboms, SbomSeen
from arcops.seen.tree import FileSeen, Tree
from arcops.subject import Digest
from arcops.verdict import Verdict

P = TypeVar("P")

_MADE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _on_disk(path: str, kind: str) -> FileSeen:
    return FileSeen(path=path, size=len(path), sha256=_sha256(path), executable=False, content=Content(format=kind))


def _listed(file: FileSeen) -> Component:
    digest = Digest(algorithm="sha256", value=file.sha256)
    return Component(ref=f"file:{file.path}", name=file.path, kind="file", digests=(digest,), path=file.path)


FILES = (_on_disk("config.json", "json"), _on_disk("model.safetensors", "safetensors"))
TREE = Tree(root=content_root(FILES), files=FILES)
ROOT = Component(
    ref="root",
    name="model",
    kind="machine-learning-model",
    version="1.0.0",
    purl="pkg:generic/model@1.0.0",
    supplier="Example Institute",
    licences=("Apache-2.0",),
    digests=(Digest(algorithm="sha256", value=content_root(FILES)),),
)
LIBRARY = Component(
    ref="numpy",
    name="numpy",
    kind="library",
    version="2.4.6",
    purl="pkg:pypi/numpy@2.4.6",
    supplier="NumPy Developers",
    licences=("BSD-3-Clause",),
)
DOCUMENT = SbomSeen(
    path="sbom.cdx.json",
    sha256=_sha256("sbom"),
    format="CycloneDX",
    spec_version="1.6",
    created=_MADE,
    authors=("Example Institute",),
    root=ROOT,
    components=(*(_listed(file) for file in FILES), LIBRARY),
    dependencies=(Dependency(ref="root", on=("file:config.json", "file:model.safetensors", "numpy")),),
    serial="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    tools=("arcops 0.1.0",),
    contexts=("post-build",),
    encoding="json",
)


def examples(policy: Callable[[], P]) -> Iterator[Example[P]]:
    """A good SBOM, one that lacks a licence, and three kinds of bad ones."""

    def situation(name: str, verdict: Verdict, document: SbomSeen, tree: Tree = TREE) -> Example[P]:
        return Example(name=name, verdict=verdict, evidence=(tree, Sboms(documents=(document,))), policy=policy())

    yield situation("A valid SBOM lists every file with its hash", Verdict.GREEN, DOCUMENT)
    unlicensed = replace(DOCUMENT, components=(*DOCUMENT.components[:-1], replace(LIBRARY, licences=())))
    yield situation("A library without a licence", Verdict.AMBER, unlicensed)
    changed = replace(FILES[1], sha256=_sha256("another"))
    yield situation(
        "The weights were changed after the SBOM was made", Verdict.RED, DOCUMENT, replace(TREE, files=(FILES[0], changed))
    )
    added = replace(TREE, files=(*FILES, _on_disk("payload.bin", "other")))
    yield situation("A file that the SBOM does not list", Verdict.RED, DOCUMENT, added)
    broken = replace(DOCUMENT, problems=("components[0].name: it is required.",))
    yield situation("An SBOM that breaks its specification", Verdict.RED, broken)
