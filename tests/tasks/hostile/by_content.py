"""Files of inert kinds whose content names code, and files whose bytes are not what their names say."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
import zlib
from dataclasses import replace

from tests.tasks.hostile.case import Case, against, converted, named

_PLAIN = '{"model_type": "tiny"}'


def _json(path: str, bad: object, good: object = None, *, rule: str = "weights/code") -> Case:
    twin = _PLAIN if good is None else json.dumps(good)
    return against("json", path, json.dumps(bad), twin, rule=rule)


def _zip(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def _tar(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:  # type: ignore[call-overload]  # a mode by name
        info = tarfile.TarInfo("run.sh")
        info.size = 2
        file.addfile(info, io.BytesIO(b"id"))
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


PNG = (
    b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes((0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0)))
    + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
)  # fmt: skip
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00\x3b"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>x</title><path d="M0 0" style="fill:red"/></svg>\n'


def pdf(*objects: bytes) -> bytes:
    """A PDF of *objects*, without the table of places that only a viewer needs."""
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, data) for number, data in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF\n"


CATALOG = b"<< /Type /Catalog /OpenAction [2 0 R /Fit] /Pages 2 0 R >>"
PDF = pdf(CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>", b"<< /A << /S /URI /URI (https://a.example) >> >>")


def packed(data: bytes, filters: bytes = b"/FlateDecode") -> bytes:
    inner = zlib.compress(data)
    return b"<< /Type /ObjStm /N 1 /First 4 /Filter %b /Length %d >>\nstream\n%b\nendstream" % (filters, len(inner), inner)


_SAFE_NAME = "weights/formats"
_READ = "weights/readable"

CASES: tuple[Case, ...] = (
    _json("config.json", {"auto_map": {"AutoModel": "modeling.Model"}}),
    _json("a/tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tok.Tok", None]}}),
    replace(
        _json("adapter/adapter_config.json", {"auto_mapping": {"base_model_class": "X", "parent_library": "evil"}}),
        twin=("adapter/notes.json", b"{}"),  # whatever a file of that name says, it is an adapter and needs a base
    ),
    _json("adapter/config.json", {"trust_remote_code": True}, {"trust_remote_code": False}),
    _json("special_tokens_map.json", {"auto_map": {"x": "y.z"}}),
    _json("params.json", {"_target_": "os.system", "_args_": ["id"]}, rule="weights/imports"),
    _json("b/config.json", {"optimizer": {"class_path": "os.system", "init_args": {}}}, rule="weights/imports"),
    _json("c/config.json", {"target": "os.system", "params": {}}, rule="weights/imports"),
    _json("d/config.json", {"__class__": "os.system"}, rule="weights/imports"),
    _json("e/config.json", {"py/reduce": [{"py/type": "os.system"}]}),
    _json("f/config.json", {"_component_": "os.system"}, rule="weights/imports"),
    _json("g/config.json", {"activation_function": "os.system"}, {"activation_function": "torch.nn.modules.activation.Tanh"},
          rule="weights/imports"),
    _json("h/config.json", {"class_name": "Lambda", "config": {}}, {"class_name": "Dense", "config": {}}),
    _json("i/config.json", {"class_name": "system", "module": "os", "config": {}}, rule="weights/imports"),
    _json("j/config.json", {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}}),
    _json("model_index.json", {"_class_name": "P", "unet": ["my_unet", "UNet"]}, {"unet": ["diffusers", "UNet"]},
          rule="weights/imports"),
    _json("a/model_index.json", {"_class_name": ["pipeline", "P"]}, {"_class_name": "P"}),
    _json("modules.json", [{"type": "evil.Module"}], [{"type": "sentence_transformers.models.Pooling"}],
          rule="weights/imports"),
    _json("a/modules.json", [{"type": "sentence_transformers.util.http_get"}], [], rule="weights/imports"),
    _json("configuration.json", {"allow_remote": True}, {"framework": "pytorch", "task": "chat"}),
    _json("a/configuration.json", {"plugins": ["evil"]}),
    _json("k/config.json", {"custom_generate": "x"}),
    _json("scores.json", {"hooks": {"start": "id"}}, {"scores": {"mmlu": 0.5, "name": "tiny"}}, rule=_SAFE_NAME),
    _json("tokenizer.json", {"model": {"type": "BPE"}, "pre_tokenizer": {"type": "Custom"}},
          {"model": {"type": "BPE", "vocab": {"__class__": 1}, "merges": ["a b"]}, "pre_tokenizer": {"type": "ByteLevel"}},
          rule=_READ),
    against("json", "deep.json", "[" * 100_000, "[[[[]]]]", rule=_READ),
    against("json", "twice.json", '{"a": 1, "a": {"_target_": "os.system"}}', '{"a": 1}', rule=_READ),
    against("json", "comment.json", '{"a": 1} // x', '{"a": 1}', rule=_READ),
    against("yaml", "config.yaml", "a: !!python/object/apply:os.system [id]\n", "a: !!str b\n", rule=_READ),
    against("yaml", "a/config.yaml", "a: !py 'id'\n", "a: 1\n", rule=_READ),
    against("yaml", "b/config.yml", "a: !include x.yaml\n", "a: [b, 2.0, null]\n", rule=_READ),
    against("yaml", "c/config.yaml", "%TAG !e! tag:yaml.org,2002:python/\n---\na: !e!name:os.system\n",
            "---\na: 1\n---\nb: 2\n", rule=_READ),
    against("yaml", "d/config.yaml", "a: {_target_: os.system}\n", "a: {size: 2}\n", rule="weights/imports"),
    against("yaml", "e/config.yaml", "a: &x {_target_: os.system}\nb: {<<: *x}\n", "a: &x {size: 1}\nb: {<<: *x}\n",
            rule="weights/imports"),
    against("yaml", "hparams.yaml", "model: {class_path: os.system}\n", "model: {width: 1}\n", rule="weights/imports"),
    against("yaml", "f/config.yaml", "entrypoint: id\n", "start: id\n", rule="weights/code"),
    against("yaml", "_config.yml", "plugins: [evil]\n", "title: x\n", rule="weights/code"),
    against("yaml", "g/config.yaml", "a: [\n", "a: []\n", rule=_READ),
    against("yaml", "README.md", "---\nlicense: !!python/name:os.system\n---\n# x\n", "---\nlicense: mit\n---\n# x\n",
            rule=_READ),
    against("toml", "config.toml", "[a]\n_target_ = 'os.system'\n", "[a]\nsize = 1\n", rule="weights/imports"),
    against("ini", "config.cfg", '[model]\n@architectures = "evil.Model.v1"\n', '[model]\nsize = 1\n', rule="weights/imports"),
    against("git", ".gitattributes", "*.bin filter=evil\n", "*.bin filter=lfs diff=lfs merge=lfs -text\n", rule=_READ),
    against("git", "a/.gitattributes", "*.bin diff=evil -text\n", "# x\n*.txt text eol=lf\n", rule=_READ),
    against("svg", "logo.svg", SVG.replace("</svg>", "<script>1</script></svg>"), SVG, rule=_READ),
    against("svg", "a/logo.svg", SVG.replace("<path", '<path onload="1"'), SVG, rule=_READ),
    against("svg", "b/logo.svg", SVG.replace("<path", '<a href="javascript:1"/><path'), SVG, rule=_READ),
    against("svg", "c/logo.svg", SVG.replace("<path", "<foreignObject/><path"), SVG, rule=_READ),
    against("svg", "d/logo.svg", "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + SVG, SVG, rule=_READ),
    against("svg", "e/logo.svg", SVG.replace("fill:red", "fill:url(http://evil.example)"), SVG, rule=_READ),
    against("svg", "f/logo.svg", "<?xml-stylesheet href='x'?>" + SVG, SVG, rule=_READ),
    against("xml", "bom.xml", "<!DOCTYPE bom [<!ENTITY x SYSTEM 'x'>]><bom xmlns='http://cyclonedx.org/schema/bom/1.5'/>",
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.5'/>", rule=_READ),
    against("csv", "table.csv", "a,b\n=cmd|' /C calc'!A0,1\n", "a,b\n=_=,+_+\n", rule=_READ),
    against("csv", "a/table.tsv", "a\tb\n=HYPERLINK(1)\t1\n", "a\tb\n-1\t@_@\n", rule=_READ),
    against("pdf", "paper.pdf", PDF.replace(b"/URI /URI", b"/JavaScript /JS"), PDF, rule=_READ),
    against("pdf", "a/paper.pdf", PDF.replace(b"/URI /URI", b"/J#61vaScript /J#53"), PDF, rule=_READ),
    against("pdf", "b/paper.pdf", PDF.replace(b"/URI /URI", b"/Launch /F"), PDF, rule=_READ),
    against("pdf", "c/paper.pdf", pdf(CATALOG, packed(b"1 0 << /S /JavaScript >>")),
            pdf(CATALOG, packed(b"1 0 << /S /GoTo >>")), rule=_READ),
    against("pdf", "d/paper.pdf", pdf(CATALOG, packed(b"1 0 <<>>", b"[/ASCIIHexDecode /FlateDecode]")), PDF, rule=_READ),
    against("pdf", "f/paper.pdf", PDF.replace(b"<< /A", b"% >>\nstream\n << /S /JavaScript /A") + b"endstream", PDF,
            rule=_READ),
    against("pdf", "g/paper.pdf", pdf(CATALOG, packed(b"1 0 << /S /GoTo >>").replace(b"\nendstream", b"")[:-4] + b"endstream"),
            pdf(CATALOG, packed(b"1 0 << /S /GoTo >>")), rule=_READ),
    against("pdf", "h/paper.pdf", PDF + b"% /ObjStm\n", PDF, rule=_READ),
    against("pdf", "e/paper.pdf", PDF.replace(b"/Root", b"/Encrypt 9 0 R /Root"), PDF, rule=_READ),
    against("image", "logo.png", PNG + b"<script>1</script>", PNG, rule=_READ),
    against("image", "a/logo.png", PNG + _zip(a=b"1"), PNG, rule=_READ),
    against("image", "logo.gif", GIF + b"x", GIF, rule=_READ),
    Case(family="image", path="build.js", data=b"GIF89a=1;", rule="weights/code", twin=("logo.gif", GIF)),
    Case(family="image", path="tool.thing", data=b"GIF89a=1;\n", rule=_SAFE_NAME, twin=("b/logo.gif", GIF)),
    against("safetensors", "x.safetensors", b"\x02" + bytes(7) + b"{}" + _zip(a=b"1"), b"\x02" + bytes(7) + b"{}", rule=_READ),
    against("programs", "notes.txt", "#!/bin/sh\nid\n", "# words\n", rule="weights/code"),
    against("programs", "NOTICE", b"\x7fELF" + bytes(60), "words\n", rule="weights/code"),
    converted("programs", "libx.so", b"\x7fELF" + bytes(60), rule="weights/code"),
    converted("programs", "x.exe", b"MZ" + bytes(100), rule="weights/code"),
    converted("programs", "x.dylib", b"\xcf\xfa\xed\xfe" + bytes(60), rule="weights/code"),
    converted("programs", "x.wasm", b"\0asm\1\0\0\0", rule="weights/code"),
    converted("programs", "X.class", b"\xca\xfe\xba\xbe\0\0\0\x37" + bytes(60), rule="weights/code"),
    converted("programs", "x.pyc", b"\xa7\r\r\n" + bytes(20), rule="weights/code"),
    converted("programs", "x.luac", b"\x1bLua\x54" + bytes(20), rule="weights/code"),
    converted("archives", "x.zip", _zip(a=b"1"), rule=_SAFE_NAME),
    converted("archives", "x.whl", _zip(a__py=b"1"), rule=_SAFE_NAME),
    converted("archives", "x.jar", _zip(META=b"1"), rule=_SAFE_NAME),
    converted("archives", "x.mar", _zip(MAR__handler=b"1"), rule=_SAFE_NAME),
    converted("archives", "x.docm", _zip(word__vbaProject=b"1"), rule=_SAFE_NAME),
    converted("archives", "x.nemo", _tar("w"), rule=_SAFE_NAME),
    converted("archives", "x.tar.gz", _tar("w:gz"), rule=_SAFE_NAME),
    converted("archives", "x.7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), rule=_SAFE_NAME),
    converted("pickles", "training_args.bin", pickle.dumps({"a": 1}), rule=_SAFE_NAME),
    converted("pickles", "x.pt", _zip(a__data=b"x"), rule=_READ),
    converted("pickles", "x.joblib", b"cos\nsystem\n(S'id'\ntR.", rule="weights/imports"),
    converted("pickles", "x.dill", b"\x80\x04cos\nsystem\n.", rule="weights/imports"),
    converted("pickles", "x.pth", b"import os; os.system('id')\n", rule=_READ),
    converted("pickles", "x.marshal", b"\xe3\0\0\0\0" + bytes(30), rule=_SAFE_NAME),
    converted("data", "x.rds", b"X\n\0\0\0\3" + bytes(30), rule="weights/code"),
    converted("data", "x.RData", b"RDX3\nX\n\0\0\0\3" + bytes(30), rule="weights/code"),
    converted("data", "a/x.RData", b"RDA3\nA\n3\n", rule="weights/code"),
    converted("data", "x.mat", b"MATLAB 5.0 MAT-file" + bytes(200), rule=_SAFE_NAME),
    converted("data", "x.sqlite", b"SQLite format 3\0" + bytes(100), rule=_SAFE_NAME),
    converted("data", "x.parquet", b"PAR1" + bytes(20) + b"PAR1", rule=_SAFE_NAME),
    converted("data", "x.arrow", b"ARROW1\0\0" + bytes(20), rule=_SAFE_NAME),
    converted("data", "x.plan", b"ftrt" + bytes(30), rule=_SAFE_NAME),
    converted("data", "x.engine", b"ftrt" + bytes(30), rule=_SAFE_NAME),
    converted("data", "x.tflite", bytes(4) + b"TFL3" + bytes(30), rule=_SAFE_NAME),
    converted("data", "x.mlmodel", b"\x08\x01\x12\x02\x0a\x00\xff", rule=_SAFE_NAME),
    converted("data", "x.lnk", b"L\0\0\0\x01\x14\x02\0" + bytes(60), rule=_SAFE_NAME),
    converted("data", "x.plist", b"bplist00" + bytes(30), rule=_SAFE_NAME),
    converted("data", "x.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60), rule=_SAFE_NAME),
    converted("data", "x.h5", b"\x89HDF\r\n\x1a\n" + b"model_config" + bytes(60), rule="weights/code"),
    converted("data", "x.npy", b"\x93NUMPY\x01\x00\x3e\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }       \n"
            + pickle.dumps([1]), rule=_READ),
    converted("data", "saved_model.pb", b"\x08\x01\x12\x02\x0a\x00", rule="weights/code"),
    named("unknown", "x.unheard", "words\n"),
    named("unknown", "UNHEARD", "words\n"),
    named("unknown", ".unheard/notes.txt", "words\n"),
    named("unknown", "x.yaml", "words: 1\n"),
    named("unknown", "x.toml", "words = 1\n"),
    named("unknown", "x.ini", "[words]\n"),
    named("unknown", "words.model", "words\n"),
)  # fmt: skip
