"""What is signed names files relative to the subject: an artifact is read by others, on other machines."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.evidence import Cause, Missing
from arcops.seen.tree import LinkSeen, Tree
from flows.runners.looking import without_places
from gates.model.integrity import IntegrityPolicy, integrity
from tests.adapters.typed import typed
from tests.evidence import judged
from tests.manifests import shop
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def odd_model(folder: Path) -> list[str | Path]:
    """A model in which something is wrong with each file, and with what lies beside it."""
    folder.mkdir()
    for name in ("a.safetensors", "b.pkl", "config.json", "x.cdx.json", "y.spdx.json", "z.cdx.xml", "model.sig", "t.zip"):
        (folder / name).write_bytes(b"{\xff")
    (folder / "README.md").write_text("---\nlicense: [\n---\n")
    (folder / "a.intoto.jsonl").write_text("{\n")
    (folder / "inner").symlink_to(folder / "config.json")
    (folder / "outer").symlink_to(folder.parent / "none" / "at all")
    (folder / "above").symlink_to(Path("..") / folder.parent.name)
    (folder / "itself").symlink_to(folder / "itself")
    os.mkfifo(folder / "pipe.cdx.json")
    (folder.parent / f"{folder.name}.sig").write_text("{")
    return ["check", folder, "--policy", "sovereign"]


def empty_model(folder: Path) -> list[str | Path]:
    folder.mkdir()
    return ["check", folder, "--policy", "pilot"]


def odd_manifests(folder: Path) -> list[str | Path]:
    shop(folder, "kind: [\n")
    (folder / "link.yaml").symlink_to(folder / "policies.yaml")
    (folder / "bad.json").write_text("{")
    return ["network", "check", folder]


def no_snapshot(folder: Path) -> list[str | Path]:
    return ["cluster", "check", shop(folder)]


def odd_workload(folder: Path) -> list[str | Path]:
    folder.mkdir()
    (folder / "pod.yaml").write_text("kind: [")
    return ["admit", folder / "pod.yaml"]


def a_model_at_an_endpoint(folder: Path) -> list[str | Path]:
    folder.mkdir()
    (folder / "a.gguf").write_bytes(b"GGUF")
    return ["inference", "check", "http://127.0.0.1:9", "--models", "a", "--of", folder]


@pytest.mark.parametrize("made", [odd_model, empty_model, odd_manifests, no_snapshot, odd_workload, a_model_at_an_endpoint])
def test_no_sealed_bytes_hold_the_path_of_the_subject(
    here: Bench, tmp_path: Path, made: Callable[[Path], list[str | Path]]
) -> None:
    for folder in (here.settings.store, here.settings.memory):
        shutil.rmtree(folder, ignore_errors=True)
    outside = tmp_path / "sécret place (1)"
    outside.mkdir()
    done = typed(*made(outside / "subject"), environment={**os.environ, **here.environment})
    assert done.returncode == 3, done.stderr
    files = [path.read_bytes() for path in (here.settings.store / "objects").rglob("*") if path.is_file()]
    (sealed,) = [json.loads(data) for data in files if b'"dsseEnvelope"' in data]
    statement = base64.b64decode(sealed["dsseEnvelope"]["payload"]).decode()
    assert '"findings"' in statement
    for kept in (statement, *(data.decode("utf-8", "replace") for data in files)):
        for path in (tmp_path, here.home, Path.cwd()):
            assert str(path) not in kept
        assert "cret place" not in kept.replace("…/sécret place (1)", "")


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (LinkSeen(path="a", target="/srv/models/x/config.json", escapes=True), "…/config.json, which leaves"),
        (LinkSeen(path="a", target="/srv/models/x/", escapes=False), "…/x, which stays"),
        (LinkSeen(path="a", target="../../home/ada/b.json", escapes=True), "…/b.json, which leaves"),
        (LinkSeen(path="a", target="sub/b.json", escapes=False), "sub/b.json, which stays"),
        (LinkSeen(path="a", target="/", escapes=True), "…/, which leaves"),
        (LinkSeen(path="a", target="", escapes=True), "somewhere unknown"),
    ],
)
def test_a_link_out_of_the_model_is_told_by_its_last_name(link: LinkSeen, says: str) -> None:
    tree = Tree(root="9" * 64, files=(), links=(link,))
    found = [one for one in judged(integrity, IntegrityPolicy(), [tree]).findings if one.rule == "integrity/links"]
    assert [says in one.text for one in found] == [True]
    assert not any("srv" in one.text or "ada" in one.text for one in found)


def test_the_reason_of_missing_evidence_is_cleaned(here: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "models" / "tiny"
    model.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "models")
    monkeypatch.setenv("HOME", "/home/ada")
    request = here.plan(tmp_path / "link" / "tiny").request
    request = replace(request, memory=here.settings.memory)

    def said(reason: str) -> str:
        found = without_places(Missing(kind="x", collector="x", cause=Cause.BROKEN, reason=reason), request)
        assert isinstance(found, Missing)
        return found.reason

    assert said(f"{model}/a and {tmp_path}/link/tiny") == "tiny/a and tiny"
    assert said(f"{model}.sig, {tmp_path}/link/tiny.sig: bad") == "tiny.sig, tiny.sig: bad"
    assert said(f"{tmp_path}/models/other/b is bad") == "other/b is bad"
    assert said(f"{here.settings.memory}/x and {here.settings.trust}/keys") == "(memory)/x and (trust)/keys"
    assert said("/home/ada/.kube/config is bad; /home/adam is not") == "~/.kube/config is bad; /home/adam is not"
