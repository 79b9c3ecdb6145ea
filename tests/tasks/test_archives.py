"""Files inside archives are described as files beside them, in every archive: zip, tar, packed tar, image layer."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import pickle
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, Tree
from arcops.verdict import Verdict
from gates.model.weights.gate import SAFE_FORMATS, WeightsPolicy, weights
from tasks.model.content import describe, streams
from tasks.model.content.window import Window
from tests.evidence import judged
from tests.tasks.test_readers import GOOD_ZIP, PAIRS, archive, gguf, one, seen, tar, tensors

pytestmark = pytest.mark.requirement("ARC-A5/headers-that-lie-are-red")

TENSORS = tensors({"a": one()}, bytes(16))
SOUND = {"m/model.safetensors": TENSORS, "m/config.json": b"{}", "m/README.md": b"# words\n"}
MALICE: dict[str, tuple[str, bytes]] = {
    "a pickle of protocol 0": ("x.dat", b"cos\nsystem\n(S'id'\ntR."),
    "a pickle of protocol 4": ("x", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."),
    "a pickle under a name for words": ("README.md", b"cos\nsystem\n(S'id'\ntR."),
    "a PyTorch zip": ("m.pt", GOOD_ZIP),
    "a program": ("run", b"\x7fELF" + bytes(60)),
    "a program of Windows": ("a.bin", b"MZ" + bytes(58) + b"\x40\x00\x00\x00PE\x00\x00"),
    "a script": ("start", b"#!/bin/sh\nid\n"),
    "source code": ("modeling.py", b"import os\n"),
    "an archive": ("more.zip", archive({"a.txt": b"1"})),
    "a packed file": ("more.gz", gzip.compress(b"words")),
    "a tar": ("more.tar", tar(("a.txt", b"1"))),
    "settings with code": ("config.json", b'{"auto_map": {"AutoModel": "modeling.Model"}}'),
    "weights that lie": ("model.safetensors", TENSORS[:-1]),
    "a pointer": ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"),
    "bytes without form": ("x.dat", b"\x01\x02\x03\xff" * 40),
    "a link out of the archive": ("model.safetensors.index.json", b'{"weight_map": {"a": "elsewhere.safetensors"}}'),
    "an adapter of another model": ("adapter_config.json", b'{"peft_type": "LORA", "base_model_name_or_path": "a/b"}'),
    "one part of two": ("model-00001-of-00002.safetensors", TENSORS),
    "one GGUF of three": ("m-00001-of-00003.gguf", gguf(PAIRS)),
}


def tarred(members: dict[str, bytes]) -> bytes:
    return tar(*members.items())


CONTAINERS: dict[str, tuple[str, Callable[[dict[str, bytes]], bytes]]] = {
    "zip": ("a.zip", archive),
    "tar": ("a.tar", tarred),
    "tar without a name": ("blobs/sha256/" + "0" * 64, tarred),
    "nemo": ("model.nemo", tarred),
    "mar": ("model.mar", archive),
    "tar.gz": ("a.tar.gz", lambda members: gzip.compress(tarred(members))),
    "tgz": ("a.tgz", lambda members: gzip.compress(tarred(members))),
    "tar.bz2": ("a.tar.bz2", lambda members: bz2.compress(tarred(members))),
    "tar.xz": ("a.tar.xz", lambda members: lzma.compress(tarred(members))),
}
ALLOWED = WeightsPolicy(formats=(*SAFE_FORMATS, "zip", "tar", "gzip", "bzip2", "xz"))


def judge(files: dict[str, bytes], policy: WeightsPolicy = ALLOWED) -> tuple[Verdict, list[str]]:
    tree = Tree(
        root="9" * 64,
        files=tuple(
            FileSeen(
                path=path,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                executable=False,
                content=describe(Window.over(data), path),
            )
            for path, data in sorted(files.items())
        ),
    )
    result = judged(weights, policy, [tree])
    return result.verdict, [
        f"{finding.rule}: {finding.text}" for finding in result.findings if finding.outcome.verdict is Verdict.RED
    ]


def _judge_one(kind: str, members: dict[str, bytes], policy: WeightsPolicy = ALLOWED) -> tuple[Verdict, list[str]]:
    path, pack = CONTAINERS[kind]
    data = pack(members)
    if path.startswith("blobs/"):
        path = "blobs/sha256/" + hashlib.sha256(data).hexdigest()
    return judge({path: data}, policy)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_sound_files_in_an_allowed_archive_pass_and_are_the_weights(kind: str) -> None:
    assert _judge_one(kind, SOUND) == (Verdict.GREEN, [])
    assert _judge_one(kind, SOUND, WeightsPolicy())[0] is Verdict.RED


@pytest.mark.parametrize("case", MALICE)
@pytest.mark.parametrize("kind", CONTAINERS)
def test_what_is_red_beside_the_model_is_red_inside_every_archive(kind: str, case: str) -> None:
    name, data = MALICE[case]
    verdict, said = _judge_one(kind, SOUND | {f"deep/{name}": data})
    assert verdict is Verdict.RED
    assert said


@pytest.mark.parametrize("case", MALICE)
def test_what_is_said_of_a_file_is_the_same_in_a_zip_and_in_a_tar(case: str) -> None:
    name, data = MALICE[case]
    zipped, tarry = seen(archive({name: data}), "a.zip"), seen(tar((name, data)), "a.tar")

    def parts(content: Content) -> tuple[object, ...]:
        return (content.imports, content.problems, content.code, content.holds, content.notes, content.belongs)

    assert parts(zipped) == parts(tarry)


def test_formats_inside_an_archive_must_be_allowed_like_those_beside_it() -> None:
    inside = {**SOUND, "m.pt": archive({"a/data.pkl": b"\x80\x02}q\x00.", "a/version": b"3\n"})}
    assert judge({"a.tar": tarred(inside)})[0] is Verdict.RED
    with_torch = WeightsPolicy(formats=(*ALLOWED.formats, "torch-zip"))
    assert judge({"a.tar": tarred(inside)}, with_torch) == (Verdict.GREEN, [])


def test_the_shards_in_an_archive_are_held_together() -> None:
    first, second = tensors({"a": one()}, bytes(16)), tensors({"b": one()}, bytes(16))
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = json.dumps({"weight_map": {"a": names[0], "b": names[1]}}).encode()
    good = {names[0]: first, names[1]: second, "model.safetensors.index.json": index}
    assert judge({"a.tar": tarred(good)}) == (Verdict.GREEN, [])
    for changed in ({names[1]: first}, {"model.safetensors.index.json": index.replace(b'"b"', b'"c"')}):
        assert judge({"a.tar": tarred(good | changed)})[0] is Verdict.RED


@pytest.mark.parametrize("folder", ["archive/extra/notes.bin", "archive/.data/other"])
def test_what_torch_only_carries_is_described_too(folder: str) -> None:
    content = seen(archive({"archive/data.pkl": b"\x80\x02}q\x00.", folder: b"\x7fELF" + bytes(60)}), "m.pt")
    assert content.code
    assert "elf" in content.holds


def test_the_assets_of_keras_are_described_too() -> None:
    members = {"config.json": b"{}", "metadata.json": b"{}", "assets/_layer/vocabulary.txt": b"a\nb\n"}
    assert seen(archive(members), "m.keras").problems == ()
    assert seen(archive(members | {"assets/x": b"cos\nsystem\n(S'id'\ntR."}), "m.keras").imports == ("os.system",)


# Tar


def _added(**settings: str) -> bytes:
    """A tar as ``tarfile.add`` writes one: with extended headers for times in parts of a second."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("model.safetensors")
        info.size, info.mtime = len(TENSORS), 1.5
        info.pax_headers = settings
        file.addfile(info, io.BytesIO(TENSORS))
    return out.getvalue()


def test_headers_with_times_are_no_problem_but_those_that_change_a_file_are() -> None:
    assert judge({"a.tar": _added()}) == (Verdict.GREEN, [])
    assert judge({"a.tar": _added(comment="words")}) == (Verdict.GREEN, [])
    for name, value in (("path", "run.sh"), ("GNU.sparse.size", "9"), ("hdrcharset", "BINARY"), ("unknown", "1")):
        assert judge({"a.tar": _added(**{name: value})})[0] is Verdict.RED


def test_bytes_after_the_last_member_that_are_no_header_are_a_problem() -> None:
    assert seen(tar(("a.txt", b"1"))[:1024] + b"x" * 100, "a.tar").problems


def test_weights_that_are_also_a_tar_are_a_problem() -> None:
    header = bytearray(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'.ljust(504))
    data = bytearray((504).to_bytes(8, "little") + header)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o \x20" % sum(data[:512])
    data = bytearray((504).to_bytes(8, "little")) + data[8:]
    assert any("tar" in problem for problem in seen(bytes(data), "model.safetensors").problems)


# Packed files


def test_a_packed_file_is_described_by_what_is_in_it() -> None:
    content = seen(gzip.compress(b"cos\nsystem\n(S'id'\ntR."), "x.gz")
    assert (content.format, content.holds, content.imports) == ("gzip", ("pickle",), ("os.system",))
    assert seen(gzip.compress(TENSORS), "model.safetensors.gz").holds == ("safetensors",)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_a_packed_tar_that_is_cut_or_goes_on_is_a_problem(pack: Callable[[bytes], bytes]) -> None:
    data = pack(tarred(SOUND))
    assert any("packed as" in problem for problem in seen(data[:-9], "a.x").problems)
    assert seen(data + b"\x7fELF more", "a.x").problems
    assert seen(data + bytes(100), "a.x").problems == ()
    again = seen(pack(b"words\n") + pack(b"cos\nsystem\n"), "a.x")
    assert again.problems == () or again.imports  # two streams are one file


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_a_packed_bomb_is_given_up(monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]) -> None:
    monkeypatch.setattr(streams, "LIMIT", 100_000)
    content = seen(pack(bytes(10_000_000)), "a.tar.gz")
    assert any("unpacks to more than 100000 bytes" in problem for problem in content.problems)


def test_what_python_does_not_unpack_says_what_to_do() -> None:
    content = seen(b"\x28\xb5\x2f\xfd" + bytes(60), "a.tar.zst")
    assert any("unpack it and check the folder" in problem for problem in content.problems)


# OCI image layouts


def layout(*layers: bytes, **more: object) -> dict[str, bytes]:
    """The layout of a ModelKit with these layers."""
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": "application/vnd.kitops.modelkit.model.v1.tar", "digest": f"sha256:{digest}", "size": len(data)}

    config = blob(json.dumps({"manifestVersion": "1.0.0", "model": {"name": "m", "path": "."}, **more}).encode())
    manifest = {"schemaVersion": 2, "config": config, "layers": [blob(layer) for layer in layers]}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode())]}).encode()
    return files


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["tar", "tar+gzip"])
def test_the_layers_of_an_image_layout_are_looked_into(pack: Callable[[bytes], bytes]) -> None:
    assert judge(layout(pack(tarred(SOUND)))) == (Verdict.GREEN, [])
    for name, data in MALICE.values():
        assert judge(layout(pack(tarred(SOUND | {name: data}))))[0] is Verdict.RED


def test_a_layer_that_is_missing_or_changed_is_red() -> None:
    files = layout(tarred(SOUND))
    [layer] = [path for path, data in files.items() if path.startswith("blobs/") and not data.startswith(b"{")]
    lost = {path: data for path, data in files.items() if path != layer}
    assert any("refers to" in text for text in judge({**lost, "model.safetensors": TENSORS})[1])
    changed = judge({**files, layer: tarred(SOUND | {"m/more.md": b"more"})})
    assert any("named by a digest" in text for text in changed[1])


def test_an_image_that_starts_a_program_is_code() -> None:
    assert judge(layout(tarred(SOUND), config={"Entrypoint": ["/bin/sh"]}))[0] is Verdict.RED


CORPUS = (tarred(SOUND), gzip.compress(tarred(SOUND)), bz2.compress(tarred(SOUND)), lzma.compress(TENSORS), _added())


@given(st.sampled_from(CORPUS), st.data())
def test_no_damage_breaks_a_reader_of_archives(sample: bytes, draw: st.DataObject) -> None:
    data = bytearray(sample)
    for _ in range(draw.draw(st.integers(1, 5))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at : at + 1] = draw.draw(st.sampled_from([b"", b"\x00", b"\xff", b"7", b"\x80", b"\x01"]))
    content = seen(bytes(data), "a.tar")
    assert not any("reader failed" in problem for problem in content.problems)


def test_pickles_in_the_oldest_format_stay_as_they_are() -> None:
    data = tar(
        ("sys_info", pickle.dumps({}, 2)), ("pickle", pickle.dumps({}, 2)), ("storages", pickle.dumps(0, 2)), ("x", b"\x7fELF")
    )
    content = seen(data, "old.pt")
    assert (content.format, content.code) == ("torch-tar", True)
