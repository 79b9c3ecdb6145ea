"""Cosign signatures over an OCI image layout on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.verdict import Verdict
from tests.signing import Key, b64, collect, keyed_bundle, trust_folder
from tests.tasks.test_signatures import failed, judge_on_disk

pytestmark = pytest.mark.requirement("ARC-A1/cosign-signatures-verify")

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def put(layout: Path, data: bytes, media_type: str) -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    blob = layout / "blobs/sha256" / digest
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def image(layout: Path) -> dict[str, object]:
    config = put(layout, b"{}", "application/vnd.oci.image.config.v1+json")
    layer = put(layout, b"weights", "application/vnd.oci.image.layer.v1.tar")
    return put(layout, json.dumps({"mediaType": MANIFEST, "config": config, "layers": [layer]}).encode(), MANIFEST)


def simple_signing(layout: Path, key: Key, digest: object) -> dict[str, object]:
    critical = {"type": "cosign container image signature", "image": {"docker-manifest-digest": digest}}
    payload = json.dumps({"critical": critical, "optional": None}).encode()
    layer = put(layout, payload, "application/vnd.dev.cosign.simplesigning.v1+json")
    layer["annotations"] = {"dev.cosignproject.cosign/signature": b64(key.sign(payload))}
    config = put(layout, b"{}", "application/vnd.oci.image.config.v1+json")
    return put(layout, json.dumps({"mediaType": MANIFEST, "config": config, "layers": [layer]}).encode(), MANIFEST)


def referrer(layout: Path, key: Key, subject: dict[str, object]) -> dict[str, object]:
    digest = str(subject["digest"]).removeprefix("sha256:")
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "", "digest": {"sha256": digest}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }
    bundle = keyed_bundle(json.dumps(statement).encode(), key)
    layer = put(layout, bundle, "application/vnd.dev.sigstore.bundle.v0.3+json")
    config = put(layout, b"{}", "application/vnd.oci.empty.v1+json")
    return put(
        layout,
        json.dumps({"mediaType": MANIFEST, "config": config, "layers": [layer], "subject": subject}).encode(),
        MANIFEST,
    )


def index(layout: Path, *descriptors: dict[str, object]) -> None:
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": list(descriptors)}))


@pytest.fixture(name="key")
def _key() -> Key:
    return Key()


@pytest.fixture(name="trust")
def _trust(tmp_path: Path, key: Key) -> Path:
    return trust_folder(tmp_path / "trust", keys=(key,))


@pytest.mark.parametrize("how", ["tag", "referrer"])
def test_a_signed_image_is_green(tmp_path: Path, key: Key, trust: Path, how: str) -> None:
    layout = tmp_path / "layout"
    signed = image(layout)
    signature = simple_signing(layout, key, signed["digest"]) if how == "tag" else referrer(layout, key, signed)
    index(layout, signed, signature)
    assert judge_on_disk(layout, trust).verdict is Verdict.GREEN


def test_a_signature_over_another_image_covers_nothing_of_this_one(tmp_path: Path, key: Key, trust: Path) -> None:
    layout = tmp_path / "layout"
    signed = image(layout)
    index(layout, signed, simple_signing(layout, key, f"sha256:{'00' * 32}"))
    assert "proven" in {rule for rule, _ in failed(judge_on_disk(layout, trust))}


def test_a_signature_by_an_unknown_key_proves_nothing(tmp_path: Path, trust: Path) -> None:
    layout = tmp_path / "layout"
    signed = image(layout)
    index(layout, signed, simple_signing(layout, Key(), signed["digest"]))
    assert "proven" in {rule for rule, _ in failed(judge_on_disk(layout, trust))}


def test_a_second_unsigned_image_is_red(tmp_path: Path, key: Key, trust: Path) -> None:
    layout = tmp_path / "layout"
    signed = image(layout)
    evil = put(layout, b"evil", "application/vnd.oci.image.layer.v1.tar")
    config = put(layout, b"{}", "application/vnd.oci.image.config.v1+json")
    second = put(layout, json.dumps({"config": config, "layers": [evil]}).encode(), MANIFEST)
    index(layout, signed, simple_signing(layout, key, signed["digest"]), second)
    expected = {("complete", f"blobs/sha256/{str(one['digest']).removeprefix('sha256:')}") for one in (evil, second)}
    assert failed(judge_on_disk(layout, trust)) == expected


def _rewrite(layout: Path) -> None:
    (layout / "blobs/sha256" / hashlib.sha256(b"weights").hexdigest()).write_bytes(b"Weights")


def _lie(layout: Path) -> None:
    document = json.loads((layout / "index.json").read_text())
    document["manifests"][0]["size"] += 1
    (layout / "index.json").write_text(json.dumps(document))


def _newer(layout: Path) -> None:
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')


@pytest.mark.parametrize(
    ("change", "said"),
    [(_rewrite, "does not match its name"), (_lie, "its descriptor says"), (_newer, "reads only 1.0.0")],
)
def test_a_broken_layout_is_refused(tmp_path: Path, key: Key, trust: Path, change: Callable[[Path], None], said: str) -> None:
    layout = tmp_path / "layout"
    signed = image(layout)
    index(layout, signed, simple_signing(layout, key, signed["digest"]))
    change(layout)
    with pytest.raises(Refused, match=said):
        collect(layout, trust)


def test_a_missing_layer_is_red(tmp_path: Path, key: Key, trust: Path) -> None:
    layout = tmp_path / "layout"
    signed = image(layout)
    index(layout, signed, simple_signing(layout, key, signed["digest"]))
    gone = f"blobs/sha256/{hashlib.sha256(b'weights').hexdigest()}"
    (layout / gone).unlink()
    assert ("matches", gone) in failed(judge_on_disk(layout, trust))
