"""Core ML, TFLite and pointers: sound files pass, custom operators and files elsewhere are named, every damage is a problem."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.verdict import Verdict
from gates.model.weights.gate import WeightsPolicy
from tests.gates.test_weights_sets import judge, shard
from tests.tasks.test_readers import archive, field, seen

pytestmark = pytest.mark.requirement("ARC-A5/headers-that-lie-are-red")


# TFLite

Value = int | bytes | str | list["Table"] | tuple[int, int]
Table = dict[int, Value]
"""The fields of a table by their places: a number of four bytes, (number, width), data, a text, or a list of tables."""


def flat(root: Table) -> bytes:
    """A FlatBuffer in which everything follows what points to it."""
    out = bytearray(struct.pack("<I4s", 0, b"TFL3"))

    def point(at: int) -> None:
        out.extend(bytes(-len(out) % 8))
        out[at : at + 4] = struct.pack("<I", len(out) - at)

    def put(table: Table, pointer: int) -> None:
        places, body = [0] * (max(table, default=-1) + 1), bytearray(4)
        for index, value in table.items():
            number, width = value if isinstance(value, tuple) else (value if isinstance(value, int) else 0, 4)
            places[index] = len(body)
            body += number.to_bytes(width, "little")
        out.extend(bytes(-len(out) % 8))
        layout = len(out)
        out.extend(struct.pack(f"<HH{len(places)}H", 4 + 2 * len(places), len(body), *places))
        point(pointer)
        start = len(out)
        out.extend(struct.pack("<i", start - layout) + body[4:])
        for index, value in table.items():
            if isinstance(value, (bytes, str)):
                data = value if isinstance(value, bytes) else value.encode()
                point(start + places[index])
                out.extend(struct.pack("<I", len(data)) + data + b"\0")
            elif isinstance(value, list):
                point(start + places[index])
                first = len(out) + 4
                out.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
                for number, one in enumerate(value):
                    put(one, first + 4 * number)

    put(root, 0)
    return bytes(out)


ADD, CUSTOM = {0: (0, 1)}, 32


def tflite(
    *codes: Table, operators: tuple[int, ...] = (0,), buffers: tuple[Table, ...] = ({0: b"12345678"},), version: int = 3
) -> bytes:
    graph: Table = {3: [{0: code} for code in operators]}
    return flat({0: version, 1: list(codes) or [ADD], 2: [graph], 4: list(buffers)})


def test_a_plain_tflite_passes() -> None:
    data = tflite({0: (3, 1)}, {3: 150}, operators=(0, 1, 1), buffers=({}, {0: b"1234"}))
    content = seen(data, "model.tflite")
    assert (content.format, content.problems, content.operators, content.code) == ("tflite", (), (), False)
    assert judge({"model.tflite": data})[0] is Verdict.GREEN


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ({0: (CUSTOM, 1), 1: "FlexReadFile"}, "FlexReadFile"),
        ({0: (CUSTOM, 1), 3: CUSTOM, 1: "TFLite_Detection_PostProcess"}, "TFLite_Detection_PostProcess"),
        ({3: CUSTOM}, "custom"),
        ({0: (3, 1), 1: "Hidden"}, "Hidden"),
    ],
)
def test_custom_operators_must_be_allowed_by_name(code: Table, name: str) -> None:
    data = tflite(ADD, code)
    assert seen(data, "m.tflite").operators == (name,)
    assert judge({"m.tflite": data})[1] == {"weights/operators"}
    assert judge({"m.tflite": data}, WeightsPolicy(operator_domains=(name,)))[0] is Verdict.GREEN


BAD_TFLITE = {
    "another version": tflite(version=4),
    "an operator without a code": tflite(operators=(7,)),
    "an impossible code": tflite({3: 2**31 - 1}),
    "no graph": flat({0: 3, 1: [ADD]}),
    "data past the end": tflite(buffers=({1: (100, 8), 2: (10**9, 8)},)),
    "a list past the end": tflite().replace(struct.pack("<I", 8) + b"12345678", struct.pack("<I", 80_000) + b"12345678"),
    "a table outside": struct.pack("<I4s", 2**31, b"TFL3") + bytes(64),
    "a pointer to itself": bytes(4) + b"TFL3" + bytes(64),
    "the end": tflite()[:40],
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TFLITE)
def test_every_lie_of_tflite_is_a_problem(case: str) -> None:
    assert seen(BAD_TFLITE[case], "m.tflite").problems


def test_files_that_tensorflow_appends_are_described() -> None:
    import io
    import zipfile

    def appended(name: str, data: bytes) -> bytes:
        out = io.BytesIO(tflite())
        with zipfile.ZipFile(out, "a") as file:
            file.writestr(name, data)
        return out.getvalue()

    assert judge({"m.tflite": appended("labels.txt", b"cat\ndog\n")})[0] is Verdict.GREEN
    assert judge({"m.tflite": appended("run", b"\x7fELF" + bytes(60))})[0] is Verdict.RED
    assert seen(tflite() + archive({"labels.txt": b"cat\n"}), "m.tflite").problems  # its offsets do not count the model


# Core ML


def entry(key: bytes, value: bytes) -> bytes:
    return field(1, key) + field(2, value)


def network(*layers: bytes) -> bytes:
    return field(500, b"".join(field(1, layer) for layer in layers))


def coreml(kind: bytes, version: int = 4) -> bytes:
    return field(1, version) + field(2, field(1, field(1, b"input"))) + kind


def program(*operations: bytes) -> bytes:
    block = b"".join(field(3, one) for one in operations)
    return field(502, field(1, 1) + field(2, entry(b"main", field(3, entry(b"CoreML5", block)))))


def operation(kind: bytes, *attributes: bytes) -> bytes:
    return field(1, kind) + b"".join(field(5, one) for one in attributes)


def constant(path: bytes) -> bytes:
    return operation(b"const", entry(b"val", field(5, field(1, path) + field(2, 64))))


def blobs(*parts: bytes) -> bytes:
    out = bytearray(struct.pack("<II", len(parts), 2) + bytes(56))
    for part in parts:
        out += bytes(-len(out) % 64)
        out += struct.pack("<IIQQ", 0xDEADBEEF, 1, len(part), len(out) + 64) + bytes(40) + part
    return bytes(out)


def words(text: bytes) -> bytes:
    """A value that is a text: immediate, a tensor, of strings."""
    return field(3, field(1, field(4, field(1, text))))


TREE = coreml(field(302, field(1, b"")))
FOLDER = "m.mlpackage/Data/com.apple.CoreML"
MANIFEST = {
    "fileFormatVersion": "1.0.0",
    "itemInfoEntries": {
        "1": {"author": "com.apple.CoreML", "description": "model", "path": "com.apple.CoreML/model.mlmodel"},
        "2": {"author": "com.apple.CoreML", "description": "weights", "path": "com.apple.CoreML/weights"},
    },
    "rootModelIdentifier": "1",
}
PACKAGE = {
    "m.mlpackage/Manifest.json": json.dumps(MANIFEST).encode(),
    f"{FOLDER}/model.mlmodel": coreml(program(constant(b"@model_path/weights/weight.bin"), operation(b"conv")), 8),
    f"{FOLDER}/weights/weight.bin": blobs(b"1" * 100, b"2" * 64),
}


@pytest.mark.parametrize("data", [TREE, coreml(network(field(1, b"conv"))), coreml(field(202, field(1, TREE)))])
def test_a_plain_core_ml_model_passes(data: bytes) -> None:
    content = seen(data, "model.mlmodel")
    assert (content.format, content.problems, content.operators) == ("coreml", (), ())
    assert judge({"model.mlmodel": data})[0] is Verdict.GREEN
    assert seen(data, "renamed").format == "coreml"


def test_a_package_passes_as_a_whole_and_not_without_a_part() -> None:
    assert judge(PACKAGE) == (Verdict.GREEN, set(), "")
    for path in PACKAGE:
        if not path.endswith("Manifest.json"):
            assert judge({one: data for one, data in PACKAGE.items() if one != path})[0] is Verdict.RED


CUSTOM_PARTS = {
    "a layer": (coreml(network(field(1, b"x") + field(500, field(10, b"MyLayer")))), "MyLayer"),
    "a layer in a branch": (
        coreml(network(field(605, field(1, field(1, field(500, field(10, b"MyLayer"))))))), "MyLayer",
    ),
    "a layer in a loop": (coreml(network(field(615, field(4, field(1, field(500, field(10, b"MyLayer"))))))), "MyLayer"),
    "a model": (coreml(field(555, field(10, b"MyModel"))), "MyModel"),
    "a model in a pipeline": (coreml(field(200, field(1, field(1, coreml(field(555, field(10, b"MyModel"))))))), "MyModel"),
    "a model without a name": (coreml(field(555, b"")), "custom"),
    "an operation": (coreml(program(operation(b"custom_layer", entry(b"class_name", words(b"MyOp"))))), "MyOp"),
    "an operation without a class": (coreml(program(operation(b"custom_layer"))), "custom_layer"),
    "a model of a framework": (coreml(field(3000, field(1, b"com.apple.x") + field(2, b"123"))), "serialized:com.apple.x"),
}  # fmt: skip


@pytest.mark.parametrize("case", CUSTOM_PARTS)
def test_custom_parts_must_be_allowed_by_name(case: str) -> None:
    data, name = CUSTOM_PARTS[case]
    assert seen(data, "m.mlmodel").operators == (name,)
    assert "weights/operators" in judge({"m.mlmodel": data})[1]
    assert judge({"m.mlmodel": data}, WeightsPolicy(operator_domains=(name,)))[0] is Verdict.GREEN


def deep(depth: int) -> bytes:
    model = TREE
    for _ in range(depth):
        model = coreml(field(202, field(1, model)))
    return model


BAD_COREML = {
    "two types": TREE + field(302, b""),
    "no type": field(1, 4) + field(2, b""),
    "an unknown type": coreml(field(799, b"")),
    "an impossible version": coreml(field(302, b""), 99),
    "a linked model": coreml(field(556, field(1, b""))),
    "weights outside": coreml(program(constant(b"@model_path/../../etc/passwd"))),
    "weights by an absolute path": coreml(program(constant(b"/etc/passwd"))),
    "depth": deep(60),
    "a cut end": TREE + b"\x0a\xff",
    "a number as a message": coreml(field(500, 7)),
}


@pytest.mark.parametrize("case", BAD_COREML)
def test_every_lie_of_core_ml_is_a_problem(case: str) -> None:
    assert seen(BAD_COREML[case], "m.mlmodel").problems


BAD_BLOBS = {
    "one part more": struct.pack("<I", 3) + blobs(b"1" * 100, b"2" * 64)[4:],
    "one part fewer": struct.pack("<I", 1) + blobs(b"1" * 100, b"2" * 64)[4:],
    "a huge count": struct.pack("<I", 2**31) + blobs(b"1" * 100)[4:],
    "cut": blobs(b"1" * 100)[:-1],
    "more at the end": blobs(b"1" * 64) + b"cos\nsystem\n",
    "another place": blobs(b"1" * 64)[:80] + struct.pack("<Q", 64) + blobs(b"1" * 64)[88:],
}


@pytest.mark.parametrize("case", BAD_BLOBS)
def test_every_lie_of_a_file_of_weights_is_a_problem(case: str) -> None:
    assert seen(BAD_BLOBS[case], "weights/weight.bin").problems


# Pointers

DIGEST = hashlib.sha256(b"").hexdigest()
LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 4976698672\n".encode()
POINTERS = {
    "Git LFS": (LFS, "git lfs pull"),
    "Git LFS with an extension": (LFS.replace(b"oid", b"ext-0-x sha256:" + b"0" * 64 + b"\noid"), "git lfs pull"),
    "Git LFS with lines of Windows": (LFS.replace(b"\n", b"\r\n"), "git lfs pull"),
    "Git LFS, cut": (LFS[:60], "git lfs pull"),
    "Git LFS by an old name": (LFS.replace(b"git-lfs.github.com", b"hawser.github.com"), "git lfs pull"),
    "git-annex": (b"/annex/objects/SHA256E-s1048576--" + DIGEST.encode() + b".bin\n", "git annex get"),
    "git-xet": (b"# xet version 0\nfilesize = 5\nhash = '" + DIGEST.encode() + b"'\n", "git xet"),
    "DVC": (b"outs:\n- md5: 0123\n  size: 5\n  path: model.bin\n", "dvc pull"),
}


@pytest.mark.parametrize("case", POINTERS)
@pytest.mark.parametrize(
    "name", ["model.safetensors", "pytorch_model.bin", "tokenizer.json", "m.gguf", "README.md", "m.onnx", "m.mlmodel"]
)
def test_a_pointer_is_named_as_such_with_the_command(case: str, name: str) -> None:
    data, command = POINTERS[case]
    content = seen(data, name)
    assert content.format == "pointer"
    [problem] = content.problems
    assert command in problem
    verdict, rules, said = judge({"a.safetensors": shard("a"), name: data})
    assert verdict is Verdict.RED
    assert rules == {"weights/readable", "weights/formats"}
    assert command in said


def test_a_pointer_tells_how_much_is_missing() -> None:
    assert "4976698672 bytes" in seen(LFS, "m.safetensors").problems[0]


def test_words_about_pointers_are_words() -> None:
    assert seen(b"# How to\n\n" + LFS, "README.md").format == "text"
    assert seen(LFS + b"words " * 300, "README.md").format == "text"


# TorchScript, and other files with much to say


def test_a_torch_script_is_one_finding_however_many_classes_it_has() -> None:
    names = b"".join(b"c__torch__.nn.m%d\nLayer\n0" % number for number in range(40))
    members = {"m/data.pkl": b"\x80\x02" + names + b"}.", "m/constants.pkl": b"\x80\x02).", "m/version": b"3\n"}
    members |= {f"m/code/__torch__/m{number}.py": b"def f(): pass" for number in range(40)}
    content = seen(archive(members), "m.pt")
    assert (content.format, content.imports, content.code) == ("torch-script", (), True)
    allowed = WeightsPolicy(formats=("torch-script",))
    verdict, rules, said = judge({"m.pt": archive(members)}, allowed)
    assert (verdict, rules, said.count("\n")) == (Verdict.RED, {"weights/code"}, 0)
    assert judge({"m.pt": archive(members)}, WeightsPolicy(formats=("torch-script",), code=True))[0] is Verdict.AMBER


def test_classes_of_torch_script_without_its_code_stay_imports() -> None:
    data = archive({"m/data.pkl": b"\x80\x02c__torch__.x\nLayer\n.", "m/version": b"3\n"})
    assert seen(data, "m.pt").imports == ("__torch__.x.Layer",)


def test_many_faults_or_imports_of_one_file_are_one_finding_that_counts_them() -> None:
    names = b"".join(b"cos\nf%d\n0" % number for number in range(30))
    _, _, said = judge({"m.pkl": b"\x80\x02" + names + b"N."}, WeightsPolicy(formats=("pickle",)))
    lines = [line for line in said.splitlines() if "imports" in line]
    assert len(lines) == 1
    assert "30 names" in lines[0]
    assert "os.f0" in lines[0]
    lying = archive({f"a/{number}": b"x" for number in range(20)} | {"a/data.pkl": b"N."})
    _, _, said = judge({"m.pt": lying}, WeightsPolicy(formats=("torch-zip",)))
    assert "20 faults, such as" in said
    assert len(said.splitlines()) == 1


CORPUS = (tflite(), tflite({0: (32, 1), 1: "Flex"}), *PACKAGE.values(), TREE, CUSTOM_PARTS["an operation"][0])


@given(st.sampled_from(CORPUS), st.sampled_from(["m.tflite", "m.mlmodel", "x.bin"]), st.data())
def test_no_damage_breaks_a_reader(sample: bytes, name: str, draw: st.DataObject) -> None:
    data = bytearray(sample)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at : at + 1] = draw.draw(st.sampled_from([b"", b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff"]))
    content = seen(bytes(data), name)
    assert not any("reader failed" in problem for problem in content.problems)
