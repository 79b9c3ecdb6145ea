"""Every reader except pickle's: good files pass without a problem, and the smallest error in each is a problem."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.content import Content
from tasks.model import content
from tasks.model.content import describe, zips
from tasks.model.content.window import Window

pytestmark = pytest.mark.requirement("ARC-A5/headers-that-lie-are-red")


def seen(data: bytes, name: str) -> Content:
    return describe(Window.over(data), name)


def test_a_reader_that_is_not_there_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(content._READERS, "gguf", "lost")
    with pytest.raises(ImportError, match="lost"):
        seen(b"GGUF" + bytes(64), "model.gguf")


# safetensors


def tensors(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def one(kind: str = "F32", shape: object = (2, 2), offsets: object = (0, 16)) -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": offsets}


def test_good_safetensors_has_no_problem() -> None:
    header = {"__metadata__": {"format": "pt"}, "b": one(offsets=(16, 32)), "a": one(), "c": one("F4", (3, 2), (32, 35))}
    content = seen(tensors(header, bytes(35)), "model.safetensors")
    assert (content.format, content.problems, content.code) == ("safetensors", (), False)


BAD_SAFETENSORS = {
    "a key twice": tensors(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"
    ),
    "an inner key twice": tensors(b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"),
    "an overlap": tensors({"a": one(), "b": one(offsets=(8, 24))}, bytes(24)),
    "a hole": tensors({"a": one(), "b": one(offsets=(20, 36))}, bytes(36)),
    "a hole at the start": tensors({"a": one(offsets=(4, 20))}, bytes(20)),
    "bytes after the end": tensors({"a": one()}, bytes(17)),
    "too few bytes": tensors({"a": one()}, bytes(15)),
    "a shape too large": tensors({"a": one(shape=(2, 3))}, bytes(16)),
    "another dtype": tensors({"a": one("F64")}, bytes(16)),
    "an unknown dtype": tensors({"a": one("F99")}, bytes(16)),
    "a shape of fractions": tensors({"a": one(shape=(2.0, 2))}, bytes(16)),
    "a negative shape": tensors({"a": one(shape=(-2, -2))}, bytes(16)),
    "a shape that overflows": tensors({"a": one(shape=(2**62, 2**62, 0))}, bytes(16)),
    "offsets that fall": tensors({"a": one(shape=(0,), offsets=(16, 0))}, bytes(16)),
    "one more key": tensors({"a": one() | {"x": 1}}, bytes(16)),
    "metadata that is no map of strings": tensors({"__metadata__": {"a": 1}, "a": one()}, bytes(16)),
    "a header past the end": tensors({"a": one()}, bytes(16), length=5000),
    "a huge header": tensors({"a": one()}, bytes(16), length=2**39),
    "no JSON": tensors(b"{nothing}"),
    "NaN": tensors(b'{"a":NaN}'),
    "depth": tensors(b'{"a":' + b"[" * 100_000),
    "UTF-16": tensors(b'{"\xff\xfe":1}'),
}


@pytest.mark.parametrize("case", BAD_SAFETENSORS)
def test_every_lie_of_safetensors_is_a_problem(case: str) -> None:
    assert seen(BAD_SAFETENSORS[case], "model.safetensors").problems


# GGUF


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(
    pairs: tuple[bytes, ...] = (),
    infos: tuple[bytes, ...] = (),
    data: int = 0,
    *,
    counts: tuple[int, int] | None = None,
    version: int = 3,
) -> bytes:
    tensor_count, pair_count = counts or (len(infos), len(pairs))
    head = b"GGUF" + struct.pack("<IQQ", version, tensor_count, pair_count) + b"".join(pairs) + b"".join(infos)
    return head + bytes(-len(head) % 32) + bytes(data)


PAIRS = (
    pair("general.architecture", 8, text("llama")),
    pair("general.alignment", 4, struct.pack("<I", 32)),
    pair("tokens", 9, struct.pack("<IQ", 8, 3) + text("a") + text("") + text("ccc")),
    pair("scores", 9, struct.pack("<IQ", 6, 3) + bytes(12)),
    pair("tokenizer.chat_template", 8, text("{% for m in messages %}{{ m.content }}{% endfor %}")),
)
INFOS = (tensor("a", (4, 2), 0, 0), tensor("b", (32,), 8, 32))


def test_good_gguf_has_no_problem() -> None:
    content = seen(gguf(PAIRS, INFOS, 64 + 2), "model.gguf")
    assert (content.format, content.problems, content.code) == ("gguf", (), False)
    assert content.notes == ("carries a chat template (tokenizer.chat_template)",)


HUGE = 2**63 - 1
BAD_GGUF = {
    "a huge list": gguf((pair("x", 9, struct.pack("<IQ", 8, HUGE)),)),
    "a huge list of numbers": gguf((pair("x", 9, struct.pack("<IQ", 0, HUGE)),)),
    "a huge string": gguf((text("x") + struct.pack("<IQ", 8, HUGE),)),
    "a huge key": gguf((struct.pack("<Q", HUGE),)),
    "a list of lists": gguf((pair("x", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 0, 0)),)),
    "an unknown type": gguf((pair("x", 77, b""),)),
    "a key twice": gguf((*PAIRS, PAIRS[0]), INFOS, 66),
    "huge counts": gguf(counts=(HUGE, HUGE)),
    "more tensors than bytes": gguf(counts=(900_000, 0)),
    "an unknown version": gguf(PAIRS, INFOS, 66, version=4),
    "a strange alignment": gguf((pair("general.alignment", 4, struct.pack("<I", 3)),), INFOS, 66),
    "an unaligned tensor": gguf((), (tensor("a", (4,), 0, 8),), 64),
    "an overlap": gguf((), (tensor("a", (16,), 0, 0), tensor("b", (16,), 0, 32)), 128),
    "a hole": gguf((), (tensor("a", (4,), 0, 0), tensor("b", (4,), 0, 512)), 528),
    "a tensor past the end": gguf(PAIRS, INFOS, 65),
    "bytes after the end": gguf(PAIRS, INFOS, 66 + 64),
    "a tensor twice": gguf((), (tensor("a", (4,), 0, 0), tensor("a", (4,), 0, 32)), 48),
    "an unknown tensor type": gguf((), (tensor("a", (4,), 99, 0),), 64),
    "a shape that overflows": gguf((), (tensor("a", (2**62, 2**62), 0, 0),), 64),
    "half a block": gguf((), (tensor("a", (33,), 8, 0),), 64),
    "many dimensions": gguf((), (tensor("a", (1,) * 9, 0, 0),), 64),
    "a template that escapes": gguf((pair("tokenizer.chat_template", 8, text("{{ ''.__class__.__mro__ }}")),), INFOS, 66),
    "the end": gguf(PAIRS, INFOS, 66)[:40],
}


@pytest.mark.parametrize("case", BAD_GGUF)
def test_every_lie_of_gguf_is_a_problem_and_soon(case: str) -> None:
    begun = time.process_time()
    assert seen(BAD_GGUF[case], "model.gguf").problems
    assert time.process_time() - begun < 1


# zip and what lies in it


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


STATE = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01."
TORCH = {"archive/data.pkl": STATE, "archive/byteorder": b"little", "archive/data/0": bytes(64), "archive/version": b"3\n",
         "archive/.data/serialization_id": b"1"}  # fmt: skip


def test_a_torch_zip_says_what_it_imports() -> None:
    content = seen(archive(TORCH), "pytorch_model.bin")
    assert (content.format, content.imports, content.problems) == ("torch-zip", ("collections.OrderedDict",), ())


def test_a_torch_zip_with_persistent_storages_is_no_problem() -> None:
    data = b"\x80\x02U\x07storageQ."
    assert seen(archive(TORCH | {"archive/data.pkl": data}), "m.pt").problems == ()


def test_torchscript_is_code() -> None:
    content = seen(archive(TORCH | {"archive/code/__torch__.py": b"def forward(): pass"}), "m.pt")
    assert (content.format, content.code) == ("torch-script", True)


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def central(data: bytes) -> int:
    return data.index(b"PK\x01\x02")


GOOD_ZIP = archive(TORCH)
BAD_ZIPS: dict[str, bytes] = {
    "malice in the pickle": archive(TORCH | {"archive/data.pkl": b"\x80\x02\x82\x01."}),
    "trailing data in the pickle": archive(TORCH | {"archive/data.pkl": STATE + b"x"}),
    "a member that is no pickle": archive(TORCH | {"archive/more": b"\xffnothing"}),
    "two folders": archive(TORCH | {"other/data.pkl": STATE}),
    "an encrypted flag": changed(changed(GOOD_ZIP, 6, b"\x01"), central(GOOD_ZIP) + 8, b"\x01"),
    "an encrypted flag at its place alone": changed(GOOD_ZIP, 6, b"\x01"),
    "another name at its place": changed(GOOD_ZIP, 30, b"brchive"),
    "another size at its place": changed(GOOD_ZIP, 22, b"\x01"),
    "another method at its place": changed(GOOD_ZIP, 8, b"\x08"),
    "data before": b"PK\x03\x04" + GOOD_ZIP,
    "data after": GOOD_ZIP + b"x",
    "a comment that lies": changed(GOOD_ZIP, len(GOOD_ZIP) - 2, b"\x01"),
    "a path that climbs": archive({"archive/../../x.pkl": STATE} | TORCH),
    "an absolute path": archive({"/archive/x.pkl": STATE} | TORCH),
    "a backslash": archive({"archive\\x.pkl": STATE} | TORCH),
    "a bomb": archive({"archive/data.pkl": b"\x80\x02" + bytes(30 << 20)}, zipfile.ZIP_DEFLATED),
    "an unknown method": changed(changed(GOOD_ZIP, 8, b"\x0e"), central(GOOD_ZIP) + 10, b"\x0e"),
    "an archive inside": archive({"a.zip": archive({"b": b"1"})}),
    "a gzip inside": archive({"a.gz": b"\x1f\x8b\x08\x00" + bytes(20)}),
    "a cut directory": GOOD_ZIP[: central(GOOD_ZIP) + 20] + GOOD_ZIP[-22:],
    "one member fewer counted": changed(changed(GOOD_ZIP, len(GOOD_ZIP) - 14, b"\x04"), len(GOOD_ZIP) - 12, b"\x04"),
    "two volumes": changed(GOOD_ZIP, len(GOOD_ZIP) - 18, b"\x01"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ZIPS)
def test_every_lie_of_a_zip_is_a_problem(case: str) -> None:
    assert seen(BAD_ZIPS[case], "model.bin").problems


def test_a_link_in_a_zip_is_a_problem() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        link = zipfile.ZipInfo("archive/link")
        link.external_attr = 0o120777 << 16
        link.create_system = 3
        file.writestr(link, "/etc/passwd")
    assert any("is a link" in problem for problem in seen(out.getvalue(), "model.bin").problems)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_a_problem() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("archive/data.pkl", STATE)
        file.writestr("archive/data.pkl", STATE)
    assert any("appears twice" in problem for problem in seen(out.getvalue(), "model.bin").problems)


def test_a_streamed_zip_is_read_like_any_other() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *given: int) -> int:
            raise OSError("a pipe")

        def tell(self) -> int:
            raise OSError("a pipe")

    out = Pipe()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in TORCH.items():
            file.writestr(name, data)
    assert seen(out.getvalue(), "model.bin").problems == ()


def test_a_64_bit_zip_is_read_like_any_other() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in TORCH.items():
            with file.open(name, "w", force_zip64=True) as member:
                member.write(data)
    assert seen(out.getvalue(), "model.bin").problems == ()


def test_a_zip_of_unknown_purpose_tells_what_its_members_would_do() -> None:
    members = {"a/readme.txt": b"hello", "a/x.dat": b"cos\nsystem\n(S'id'\ntR.", "a/run": b"\x7fELF" + bytes(60)}
    content = seen(archive(members, zipfile.ZIP_DEFLATED), "assets.zip")
    assert (content.format, content.imports, content.code) == ("zip", ("os.system",), True)


# NumPy


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    body = header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(body).to_bytes(2 if version == 1 else 4, "little") + body + data


SIMPLE = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"


@pytest.mark.parametrize(
    "data",
    [
        npy(SIMPLE, bytes(24)),
        npy(SIMPLE, bytes(24), version=2),
        npy("{'descr': '<f8', 'fortran_order': True, 'shape': (), }", bytes(8)),
        npy("{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }", bytes(24)),
        npy("{'descr': [('a', '<i4'), ('b', '|u1', (2, 2))], 'fortran_order': False, 'shape': (2,), }", bytes(16)),
    ],
)
def test_good_arrays_have_no_problem(data: bytes) -> None:
    assert (seen(data, "a.npy").format, seen(data, "a.npy").problems) == ("numpy", ())
    packed = seen(archive({"a.npy": data, "b.npy": data}, zipfile.ZIP_DEFLATED), "a.npz")
    assert (packed.format, packed.problems) == ("npz", ())


BAD_ARRAYS = {
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1])),
    "objects in a field": npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1])),
    "too few bytes": npy(SIMPLE, bytes(23)),
    "too many bytes": npy(SIMPLE, bytes(25)),
    "a call": npy("{'descr': str('<f4'), 'fortran_order': False, 'shape': (2, 3), }", bytes(24)),
    "a key twice": npy("{'descr': '<f4', 'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", bytes(24)),
    "one more key": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1, }", bytes(24)),
    "an unknown type": npy("{'descr': '<q4', 'fortran_order': False, 'shape': (2, 3), }", bytes(24)),
    "a strange shape": npy("{'descr': '<f4', 'fortran_order': False, 'shape': ('2', 3), }", bytes(24)),
    "depth": npy("{'descr': " + "(" * 20_000 + ", 'fortran_order': False, 'shape': (), }"),
    "a header past the end": npy(SIMPLE, bytes(24))[:20],
    "an unknown version": npy(SIMPLE, bytes(24), version=7),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_every_lie_of_an_array_is_a_problem(case: str) -> None:
    assert seen(BAD_ARRAYS[case], "a.npy").problems
    assert seen(archive({"a.npy": BAD_ARRAYS[case]}, zipfile.ZIP_DEFLATED), "a.npz").problems


def test_an_object_array_says_what_it_imports() -> None:
    data = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n(S'id'\ntR.")
    assert "os.system" in seen(data, "a.npy").imports


# ONNX


def field(number: int, value: int | bytes) -> bytes:
    def varint(rest: int) -> bytes:
        out = bytearray()
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        return bytes((*out, rest))

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def external(location: str | None) -> bytes:
    entry = b"" if location is None else field(13, field(1, b"location") + field(2, location.encode()))
    return field(8, b"w") + entry + field(14, 1)


def onnx(*graph: bytes, domain: bytes = b"") -> bytes:
    node = field(4, b"Add") + field(7, domain)
    return (
        field(1, 8)
        + field(2, b"pytorch")
        + field(7, field(1, node) + b"".join(graph))
        + field(8, field(1, domain) + field(2, 17))
    )


def test_good_onnx_names_its_files_and_operators() -> None:
    content = seen(onnx(field(5, external("model.onnx_data")), domain=b"com.acme"), "model.onnx")
    assert (content.format, content.problems) == ("onnx", ())
    assert (content.refers, content.operators) == (("model.onnx_data",), ("com.acme",))
    assert seen(onnx(), "renamed.dat").format == "onnx"


def nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return field(1, 8) + field(7, graph)


BAD_ONNX = {
    "a location that climbs": onnx(field(5, external("../../etc/passwd"))),
    "an absolute location": onnx(field(5, external("/etc/passwd"))),
    "a drive": onnx(field(5, external("C:\\x"))),
    "no location": onnx(field(5, external(None))),
    "a location in a constant of a node": onnx(field(1, field(5, field(5, external("../x"))))),
    "a location in a graph of a node": onnx(field(1, field(5, field(6, field(5, external("../x")))))),
    "a location in a function": onnx() + field(25, field(7, field(5, field(5, external("../x"))))),
    "two graphs": onnx() + field(7, b""),
    "no graph": field(1, 8) + field(8, b""),
    "depth": nested(60),
    "a length past the end": onnx() + b"\x3a\xff\xff\xff\x0f",
    "a number without end": onnx() + b"\x08" + b"\xff" * 11,
    "a group": onnx() + b"\x0b\x0c",
}


@pytest.mark.parametrize("case", BAD_ONNX)
def test_every_lie_of_onnx_is_a_problem(case: str) -> None:
    assert seen(BAD_ONNX[case], "model.onnx").problems


# Keras, HDF5, TensorFlow, tar


def keras(config: object) -> bytes:
    weights = b"\x89HDF\r\n\x1a\n" + bytes(64)
    return archive({"metadata.json": b"{}", "config.json": json.dumps(config).encode(), "model.weights.h5": weights})


def layer(name: str, module: str = "keras.layers", registered: str | None = None, **config: object) -> dict[str, object]:
    return {"class_name": name, "module": module, "registered_name": registered, "config": config}


def test_a_keras_model_of_plain_layers_has_no_problem() -> None:
    content = seen(keras(layer("Functional", "keras", layers=[layer("Dense"), layer("ReLU")])), "m.keras")
    assert (content.format, content.imports, content.problems, content.code) == ("keras", (), (), False)


@pytest.mark.parametrize(
    "inner",
    [layer("Lambda"), layer("Dense", function={"class_name": "__lambda__", "config": {"code": "4w=="}})],
)
def test_a_lambda_is_code_and_a_problem(inner: object) -> None:
    content = seen(keras(layer("Functional", "keras", layers=[inner])), "m.keras")
    assert content.code
    assert content.problems


@pytest.mark.parametrize(
    ("inner", "name"),
    [
        (layer("system", "os"), "os.system"),
        (layer("get_file", "keras.utils"), "keras.utils.get_file"),
        (layer("function", "builtins") | {"config": "eval"}, "builtins.eval"),
        (layer("Mine", None, "acme>Mine"), "registered.acme>Mine"),  # type: ignore[arg-type]  # Keras writes null there
    ],
)
def test_what_keras_would_load_by_name_is_an_import(inner: object, name: str) -> None:
    assert name in seen(keras(layer("Functional", "keras", layers=[inner])), "m.keras").imports


def test_an_hdf5_file_with_a_model_is_code_and_one_without_is_not() -> None:
    head = b"\x89HDF\r\n\x1a\n" + bytes(5 << 20)
    assert (seen(head, "w.h5").format, seen(head, "w.h5").code) == ("hdf5", False)
    whole = seen(head + b"model_config" + bytes(100), "w.h5")
    assert (whole.format, whole.code) == ("keras-h5", True)


def test_a_mark_across_two_readings_is_found() -> None:
    data = b"\x89HDF\r\n\x1a\n" + bytes((4 << 20) - 8 - 5) + b"model_config" + bytes(100)
    assert seen(data, "w.h5").format == "keras-h5"


def test_a_saved_model_is_code() -> None:
    content = seen(field(1, 1) + field(2, field(1, b"")), "saved_model.pb")
    assert (content.format, content.code) == ("saved-model", True)


def tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as file:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_the_oldest_torch_format_says_what_it_imports() -> None:
    data = tar(("sys_info", pickle.dumps({}, 2)), ("pickle", b"cos\nsystem\n(S'id'\ntR."), ("storages", pickle.dumps(0, 2)))
    content = seen(data, "old.pt")
    assert (content.format, content.imports, content.problems) == ("torch-tar", ("os.system",), ())


BAD_TARS = {
    "a link": tar(("a", b""), kind=tarfile.SYMTYPE),
    "a path that climbs": tar(("../a", b"1")),
    "an absolute path": tar(("/a", b"1")),
    "a member twice": tar(("a", b"1"), ("a", b"2")),
    "a size past the end": tar(("a", b"1" * 2000))[:1024],
    "data after the end": tar(("a", b"1")) + b"x",
    "a renaming header": tar(("é" * 100, b"1"), form=tarfile.PAX_FORMAT),
    "a wrong checksum": changed(tar(("a", b"1"), ("b", b"2")), 1024 + 10, b"x"),
}


@pytest.mark.parametrize("case", BAD_TARS)
def test_every_lie_of_a_tar_is_a_problem(case: str) -> None:
    assert seen(BAD_TARS[case], "a.tar").problems


def legacy(*, tail: bytes = b"") -> bytes:
    state = b"\x80\x02ccollections\nOrderedDict\n)R."
    return (
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
        + state + pickle.dumps(["0"], 2) + tail
    )  # fmt: skip


def test_legacy_torch_is_five_pickles_and_raw_data() -> None:
    content = seen(legacy(tail=bytes(range(256))), "old.pt")
    assert (content.format, content.imports, content.problems) == ("torch-legacy", ("collections.OrderedDict",), ())
    assert seen(legacy()[:-3], "old.pt").problems


# Names, signatures, text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.safetensors", pickle.dumps({})),
        ("model.safetensors", GOOD_ZIP),
        ("model.safetensors", b"hello"),
        ("model.safetensors", b""),
        ("model.gguf", tensors({"a": one()}, bytes(16))),
        ("model.npy", pickle.dumps({})),
        ("model.json", b"\x7fELF" + bytes(60)),
        ("weights.h5", GOOD_ZIP),
        ("picture.png", b"MZ" + bytes(100)),
    ],
)
def test_a_name_that_disagrees_with_the_bytes_is_a_problem(name: str, data: bytes) -> None:
    assert any("is named as" in problem for problem in seen(data, name).problems)


@pytest.mark.parametrize(("name", "data"), [("model.onnx", b"hello"), ("model.pt", b"plain words")])
def test_a_name_makes_bytes_be_read_by_its_rules(name: str, data: bytes) -> None:
    assert seen(data, name).problems


@pytest.mark.parametrize("good", [tensors({"a": one()}, bytes(16)), gguf(PAIRS, INFOS, 66), b"\x89PNG\r\n\x1a\n" + bytes(60)])
def test_an_archive_at_the_end_of_another_file_is_a_problem(good: bytes) -> None:
    assert any("ends like a zip" in problem for problem in seen(good + archive({"a": b"1"}), "x").problems)


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"\x7fELF" + bytes(60), "elf"),
        (b"MZ" + bytes(58) + b"\x40\x00\x00\x00PE\x00\x00", "pe"),
        (b"MZ" + bytes(100), "dos-executable"),
        (b"\xcf\xfa\xed\xfe" + bytes(60), "mach-o"),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x02" + bytes(60), "mach-o"),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x37" + bytes(60), "java-class"),
        (b"\x00asm\x01\x00\x00\x00", "wasm"),
        (b"#!/bin/sh\nid\n", "script"),
    ],
)
def test_programs_are_known_by_their_bytes(data: bytes, form: str) -> None:
    content = seen(data, "weights.dat")
    assert (content.format, content.code) == (form, True)


PACKED = {
    "gzip": b"\x1f\x8b\x08\x00",
    "bzip2": b"BZh9",
    "xz": b"\xfd7zXZ\x00",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!\x1a\x07",
    "zlib": b"\x78\x9c\x00\xff\x80",
    "zstd": b"\x28\xb5\x2f\xfd",
    "lz4": b"\x04\x22\x4d\x18",
}


@pytest.mark.parametrize("form", PACKED)
def test_what_is_packed_is_a_problem(form: str) -> None:
    content = seen(PACKED[form] + bytes(60), "model.joblib")
    assert content.format == form
    assert any("is packed as" in problem for problem in content.problems)


@pytest.mark.parametrize("key", ["auto_map", "custom_pipelines"])
def test_a_configuration_that_imports_code_is_code(key: str) -> None:
    assert seen(json.dumps({key: {"AutoModel": "modeling.Model"}}).encode(), "config.json").code
    assert seen(json.dumps({"deep": [{key: "x"}]}).replace("_", "\\u005f").encode(), "a/tokenizer_config.json").code
    assert not seen(b'{"model_type": "bert"}', "config.json").code


def test_a_configuration_that_is_odd_is_a_problem() -> None:
    assert seen(b'{"a": 1, "a": 2}', "config.json").problems
    assert seen(b'{"a": 1', "config.json").problems
    assert seen(json.dumps({"chat_template": "{{ x.__globals__ }}"}).encode(), "tokenizer_config.json").problems


def test_the_list_of_shards_names_its_files() -> None:
    def index(shard: object) -> Content:
        return seen(json.dumps({"weight_map": {"a": shard}}).encode(), "model.safetensors.index.json")

    assert (index("model-1.safetensors").refers, index("model-1.safetensors").problems) == (("model-1.safetensors",), ())
    assert index("../x").problems
    assert index(1).problems


def test_text_that_ends_as_something_else_is_other() -> None:
    assert seen(b"words\n" * 2000 + bytes(range(256)), "README.dat").format == "other"
    assert seen(("é" * 3000).encode(), "README.md").format == "text"
    assert seen(("x" + "é" * 3000).encode(), "README.md").format == "text"


def test_packed_arrays_are_checked_by_their_headers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "INFLATE_LIMIT", 1024)
    array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (500,), }", bytes(range(250)) * 8)
    assert seen(archive({"a.npy": array}, zipfile.ZIP_DEFLATED), "a.npz").problems == ()


def test_all_that_is_unpacked_is_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "INFLATE_TOTAL", 1000)
    data = archive({f"archive/{number}/data.pkl": pickle.dumps("x" * 300, 2) for number in range(5)}, zipfile.ZIP_DEFLATED)
    assert any("unpack to more than 1000" in problem for problem in seen(data, "m.pt").problems)


def test_modules_of_others_are_code() -> None:
    ours = [{"idx": 0, "type": "sentence_transformers.models.Transformer"}]
    assert not seen(json.dumps(ours).encode(), "modules.json").code
    assert seen(json.dumps([*ours, {"idx": 1, "type": "evil.Module"}]).encode(), "modules.json").imports == ("evil.Module",)


def test_python_is_code_and_bytes_without_form_are_other() -> None:
    assert seen(b"import os\n", "modeling.py").code
    assert seen(b"\x01\x02\x03\xff" * 40, "model.onnx_data").format == "other"
    assert seen("words, and Ünïcödé\n".encode(), "README.md").format == "text"
    assert seen(("a" * 4095 + "é" * 9).encode(), "README.md").format == "text"


CORPUS: tuple[tuple[str, Callable[[], bytes]], ...] = (
    ("m.safetensors", lambda: tensors({"a": one()}, bytes(16))),
    ("m.gguf", lambda: gguf(PAIRS, INFOS, 66)),
    ("m.pt", lambda: GOOD_ZIP),
    ("m.npy", lambda: npy(SIMPLE, bytes(24))),
    ("m.onnx", lambda: onnx(field(5, external("model.onnx_data")))),
    ("m.keras", lambda: keras(layer("Functional", "keras", layers=[layer("Dense")]))),
    ("m.tar", lambda: tar(("a", b"1"))),
    ("old.pt", legacy),
    ("config.json", lambda: b'{"a": [1, {"b": null}]}'),
)


@given(st.sampled_from(CORPUS), st.data())
def test_no_damage_breaks_a_reader(sample: tuple[str, Callable[[], bytes]], draw: st.DataObject) -> None:
    name, make = sample
    data = bytearray(make())
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at : at + 1] = draw.draw(st.sampled_from([b"", b"\x00", b"\xff", b"\x7f", b"\x80", b"\x01", b"\xff\xff\xff\xff"]))
    begun = time.process_time()
    content = seen(bytes(data), name)
    assert time.process_time() - begun < 2
    assert not any("reader failed" in problem for problem in content.problems)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"GGUF\x03\x00\x00\x00", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\x08\x08", b"\x80\x04"]),
)
def test_no_bytes_break_a_reader(data: bytes, start: bytes) -> None:
    for name in ("m.bin", "m.onnx", "config.json", "m.safetensors"):
        assert not any("reader failed" in problem for problem in seen(start + data, name).problems)
