"""Manifests that are broken in every way at once, through the real command: each file is named, and none hides another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.adapters.typed import typed
from tests.manifests import shop
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-B2/manifests-are-read-strictly", "ARC-1/errors-are-clear")

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n"
OPEN = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: shop}\nspec: {hostNetwork: true, containers: []}\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{one}: &a{one} [{', '.join([f'*a{one - 1}'] * 9)}]\n" for one in range(1, 12)
)
BROKEN: dict[str, tuple[bytes, str]] = {
    "bomb.yaml": (BOMB.encode(), "bomb.yaml:7: a document has more than 2,000,000 values"),
    "merged.yaml": (
        f"base: &base {{{', '.join(f'k{one}: 1' for one in range(1000))}}}\n".encode()
        + b"".join(f"m{one}: {{<<: [{', '.join(['*base'] * 500)}]}}\n".encode() for one in range(5)),
        "merged.yaml:3: a document has more than 2,000,000 values",
    ),
    "twice.yaml": ((OPEN % "twice" + "kind: Pod\n").encode(), "twice.yaml:5: the key 'kind' appears twice"),
    "twice.json": (b'{"apiVersion": "v1",\n "kind": "Pod", "kind": "Pod"}', "twice.json:2: the key 'kind' appears twice"),
    "cyclic.yaml": (b"a: &a\n  b: *a\n", "cyclic.yaml:2: the alias *a is inside its own anchor"),
    "unknown.yaml": (
        b"apiVersion: example.com/v1\nkind: Frob\nmetadata: {name: a}\n",
        "unknown.yaml:1: it is not known how Frob.example.com default/a affects the network",
    ),
    "chart.yaml": (
        b"a: 1\n---\nmetadata:\n  name: {{ .Values.name }}\n",
        "chart.yaml:4: it is a template that was not rendered",
    ),
    "values.yaml": (b"replicas: 1\n", "values.yaml:1: this document is not a Kubernetes object"),
    "list.yaml": (
        b"apiVersion: v1\nkind: List\nitems:\n  - {kind: Pod}\n",
        "list.yaml:4: this document is not a Kubernetes object",
    ),
    "deep.yaml": (b"a: " + b"[" * 5000, "deep.yaml:1: values are nested more than 100 deep"),
    "latin.yaml": ("a: é\n".encode("latin-1"), "latin.yaml:1: the file is not UTF-8 text"),
    "tagged.yaml": (b"a: !!python/name:os.system\n", "is not allowed in a manifest"),
    "long.yaml": (b"a: " + b"x" * 20_000_000, "long.yaml:1: this document is not a Kubernetes object"),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def test_no_file_hides_another_and_nothing_is_green(here: Bench, tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop")
    for name, (data, _) in BROKEN.items():
        (folder / name).write_bytes(data)
    with (folder / "huge.yaml").open("wb") as huge:
        huge.truncate(100_000_000)
    os.mkfifo(folder / "pipe.yaml")
    (folder / "link.yaml").symlink_to("/etc/passwd")
    (folder / "zz.yaml").write_text(OPEN % "last")
    done = typed(
        "network", "check", folder, "--policy", "network-aks-arc", "--format", "sarif",
        environment={**os.environ, **here.environment, "COLUMNS": "400"},
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for name, (_, says) in BROKEN.items():
        assert says in done.stdout, name
    assert "huge.yaml: the file is larger than 67108864 bytes" in done.stdout
    assert "pipe.yaml: it is a pipe, not a file" in done.stdout
    assert "link.yaml: it is a link" in done.stdout
    assert "zz.yaml:1: Pod shop/last uses the network of its node" in done.stdout


def test_a_broken_document_hides_none_after_it(here: Bench, tmp_path: Path) -> None:
    from tasks.network.network import network_of

    text = "---\n".join([NAMESPACE % "a", "kind: [\n", OPEN % "b", "{{ if }}\n", BOMB, "- 1\n", OPEN % "c"])
    found = network_of([("all.yaml", text.encode())])
    assert [one.name for one in found.pods] == ["b", "c"]
    assert [one.at.line for one in found.pods] == [7, text[: text.index("name: c")].count("\n") - 1]
    assert [one.text[:13] for one in found.unread] == ["it is not YAM", "it is a templ", "a document ha", "a Kubernetes "]
    assert [one.at.line for one in found.unread][:2] == [6, 12]


def test_a_file_of_broken_documents_ends() -> None:
    from tasks.network.network import network_of

    found = network_of([("all.yaml", b"---\n".join([b"kind: [\n"] * 200_000))])
    assert len(found.unread) == 21
    assert "the rest of the file was not read" in found.unread[-1].text
    found = network_of([("all.yaml", b"--- {{ a }\n" * 30)])
    assert len(found.unread) == 21


def test_a_file_that_is_no_text_is_one_complaint_whatever_stands_in_it() -> None:
    from tasks.network.network import network_of

    policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}}\n"
    found = network_of([("all.yaml", b"a: \xe9\n" + policy.encode())])
    assert [(one.at.line, one.text) for one in found.unread] == [(1, "the file is not UTF-8 text")]
    assert not found.policies
