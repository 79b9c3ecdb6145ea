"""No artifact says where on a machine something lies: every shipped policy, on broken input, below a telling folder.

An artifact is signed, kept for years and carried to others; the folders of the machine that made it must not be in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.evidence import Cause, Missing
from arcops.subjects.model import Model
from arcops.subjects.network import DeclaredNetwork
from flows.evaluate import evaluate
from flows.policies.reading import shipped_policies
from flows.runners.looking import without_places
from flows.subjects.model import READINESS
from flows.subjects.network import NETWORK_DRIFT
from foundation.settings import by_purpose
from tests.manifests import shop
from tests.models import CLOCK, Bench, bench, safetensors

TELLING = "tellingfolder"

Breaks = Callable[[Bench, Path], tuple[Path, tuple[Path, ...]]]


def model(here: Bench, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    """Everything that is wrong with a model at once, inside and beside it."""
    path = folder / "tiny"
    (path / "deep").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(safetensors(weight=10)[:-1])
    (path / "pytorch_model.bin").write_bytes(b"\x80\x04broken")
    (path / "link").symlink_to("/elsewhere")
    (path / "README.md").write_text("---\nlicense: [\n---\n")
    (path / "LICENSE").write_bytes(b"\xff")
    (path / "config.json").write_text("{")
    (path / "bom.cdx.json").write_text("{")
    (path / "model.sig").write_text("{")
    (path / "deep" / "provenance.intoto.jsonl").write_text("{\n[\n")
    os.mkfifo(path / "pipe")
    attached = [folder / name for name in ("a.sig", "b.cdx.json", "c.intoto.jsonl", "d.sigstore.json", "e.vex.json")]
    for one in attached:
        one.write_text("{")
    linked = folder / "f.sig"
    linked.symlink_to(attached[0])
    return path, (*attached, linked)


def layout(here: Bench, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    path = folder / "layout"
    (path / "blobs" / "sha256").mkdir(parents=True)
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    digest = "a" * 64
    (path / "index.json").write_text(json.dumps({"manifests": [{"digest": f"sha256:{digest}", "size": 1}]}))
    return path, ()


def one_file(here: Bench, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    path = folder / "workload.yaml"
    path.write_text("kind: [")
    return path, ()


def everything(here: Bench, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    """A model with manifests among its files."""
    path, attached = model(here, folder)
    shop(path, "kind: [", "- 1")
    (path / "link.yaml").symlink_to("shop.yaml")
    (path / "latin.yaml").write_bytes(b"\xff")
    return path, attached


def nothing(here: Bench, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    path = folder / "empty"
    path.mkdir()
    return path, ()


def without_trust(here: Bench, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    here.settings.trust.rename(folder / "was")
    return model(here, folder)


def strange_trust(here: Bench, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    (here.settings.trust / "keys" / "broken.pub").write_text("nothing")
    return model(here, folder)


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path / TELLING)


CASES = [
    *((policy, everything) for policy in shipped_policies()),
    *(("sovereign", breaks) for breaks in (layout, one_file, nothing, without_trust, strange_trust)),
    *(("admission", breaks) for breaks in (one_file, without_trust)),
    *(("network", breaks) for breaks in (one_file, nothing)),
    ("cluster", nothing),
]


@pytest.mark.parametrize(("policy", "breaks"), CASES)
def test_no_artifact_names_a_folder(here: Bench, tmp_path: Path, policy: str, breaks: Breaks) -> None:
    target, attached = breaks(here, tmp_path / TELLING)
    if "drift" in policy:
        report = evaluate(NETWORK_DRIFT, DeclaredNetwork(declared=target, live=target), policy, here.place()).report
    else:
        report = evaluate(READINESS, Model(target=target, attached=attached), policy, here.place()).report
    assert report.missing or report.results
    store = here.settings.store
    for kept in (one for one in store.rglob("*") if one.is_file()):
        assert TELLING.encode() not in kept.read_bytes(), f"{kept.name}: {_around(kept.read_bytes())}"


def _around(data: bytes) -> str:
    at = data.index(TELLING.encode())
    return data[max(0, at - 200) : at + 100].decode(errors="replace")


def test_a_reason_keeps_all_but_the_folders(here: Bench, tmp_path: Path) -> None:
    request = replace(here.plan(tmp_path / TELLING / "tiny").request, attached=(tmp_path / "x.sig",), now=CLOCK)
    said = f"{request.target}/deep and {tmp_path}/x.sig and {request.trust}/keys, but {request.target}-other; {request.target}."
    found = Missing(kind="tree", collector="c", cause=Cause.REFUSED, reason=said)
    told = without_places(found, request)
    assert isinstance(told, Missing)
    assert told.reason == "tiny/deep and x.sig and (trust)/keys, but tiny-other; tiny."


def test_the_longest_folder_goes_first() -> None:
    assert by_purpose("/a/b/c /a /a/bc", {"/a": "(a)", "/a/b": "(b)"}) == "(b)/c (a) (a)/bc"
