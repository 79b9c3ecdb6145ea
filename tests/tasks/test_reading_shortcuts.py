"""What readers leave out because it cannot matter: with and without it, the same is said of every file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arcops.seen.content import Content
from artifacts.nesting import DEEPEST
from tasks.model.content import base_keys, code_keys, code_names, describe, kinds, lines, naming, plain_text, signatures
from tasks.model.content.bounded_json import parse
from tasks.model.content.window import Malformed, Window

_NAMES = [
    "1.txt", "notes.md", "data.csv", "12345.json", "config.json", "a.jsonl", "a.yaml", "a.pkl", "a.pt", "a.onnx", "a.pb",
    "a.mlmodel", "a.safetensors", "x", "requirements.txt", "prompt.txt", "a.p", "a.spm", "a.tiktoken", ".gitattributes",
]  # fmt: skip
_PIECES = [
    *signatures.TEXTUAL, *(start for start, _ in signatures._STARTS), b"MZ", b"RIFF", b"WEBP", b"TFL3", b"outs:\n- md5: 1\n",
    b"version https://git-lfs.github.com/spec/v1\n", b"/annex/objects/a", b"# xet version 1\n", b"\xef\xbb\xbf", b"PK\x05\x06",
    b"PK\x03\x04", b"\x80\x04.", b"cos\nsystem\n(S'a'\ntR.", b"(lp0\n.", b"x^", b"\x78\x9c", b"\x5d\x00\x00\x80\x00",
    b"{", b"[", b'{"a": 1}', b"torch==2.0\n", b"a photograph of rain\n", b"=cmd|' /C calc'!A0,", b"-r x.txt\n",
    b"\n", b" ", b",", b"7",
    "grüße".encode(), "猫".encode(), b"\x00", b"\x1a", b"\xff", b"\x08", b"a" * 148 + b"0012345\0",
]  # fmt: skip


def _texts() -> st.SearchStrategy[bytes]:
    text = st.text(max_size=30).map(str.encode)
    return st.lists(st.one_of(st.sampled_from(_PIECES), text, st.binary(max_size=8)), max_size=8).map(b"".join)


def _tar(text: bytes) -> bytes:
    """*text* with a true checksum of a tar header among its letters."""
    header = bytearray(text.ljust(512, b"a")[:512])
    header[148:156] = b" " * 8
    header[148:156] = b"%07o " % sum(header)
    return bytes(header)


class _Everything:
    def isdisjoint(self, _: object) -> bool:
        return False


@contextmanager
def _without_shortcuts() -> Iterator[None]:
    with (
        patch.object(plain_text, "is_certain", lambda data: False),
        patch.object(lines, "_SENTENCE", re.compile(rb"(?!)")),
        patch.object(lines, "_CALL", re.compile(rb"")),
        patch.object(code_names, "like", str.lower),
        patch.object(kinds, "like", str.lower),
        patch.object(naming, "like", str.lower),
        patch.object(code_keys, "_tells", lambda key: True),
        patch.object(code_keys, "_matters", lambda said: True),
        patch.object(code_keys, "_TOGETHER", _Everything()),
        patch.object(base_keys, "_tells", lambda key: "." not in key),
    ):
        yield


def _both(data: bytes, path: str) -> tuple[Content, Content]:
    with _without_shortcuts():
        slowly = describe(Window.over(data), path)
    return describe(Window.over(data), path), slowly


@example(data=_tar(b"a tar header of letters "), name="1.txt")
@example(data=b"RIFFaaaaWEBPVP8 ", name="1.txt")
@example(data=b"0000TFL3", name="1.csv")
@example(data=b"outs:\n- md5: 1\n", name="1.txt")
@example(data=b"\xef\xbb\xbf# xet version 1\n", name="1.txt")
@example(data=b"hsqs", name="1.txt")
@example(data=b"a,=cmd|'/c calc'!A0\n", name="1.csv")
@example(data=b"a" * 5000, name="1.txt")
@example(data=b"numpy ", name="1.txt")
@example(data=b"numpy >=1", name="1.txt")
@given(data=_texts(), name=st.sampled_from(_NAMES))
def test_plain_text_is_described_as_by_every_reader(data: bytes, name: str) -> None:
    quickly, slowly = _both(data, f"folder/{name}")
    assert quickly == slowly


_WORDS = sorted(
    {word for pattern in [*(text for _, _, text in code_names._NAMES), kinds._WORDS.pattern, kinds._LISTS.pattern,
                          kinds._SETTINGS_JSON.pattern, kinds._KNOWN_SETTINGS.pattern, kinds._LICENCE_ENDINGS.pattern]
     for word in re.findall(r"[a-z0-9]+", str(pattern))}
    | {ending for _, _, endings in code_names._ENDINGS for ending in endings.split()}
    | set(kinds._BY_SUFFIX) | kinds.WORD_SUFFIXES | kinds._STATEMENT_SUFFIXES
)  # fmt: skip
_PARTS = st.one_of(st.sampled_from(_WORDS), st.from_regex(r"[0-9]{1,9}", fullmatch=True), st.sampled_from(["-", "_", ".", "."]))


@example(["sha512", "0000", ".", "md"])
@example(["md5sums"])
@example(["llama", "20240101", ".", "licence"])
@given(st.lists(_PARTS, min_size=1, max_size=6))
def test_a_long_number_in_a_name_does_not_change_its_kind(parts: list[str]) -> None:
    name = "".join(parts)
    with _without_shortcuts():
        slowly = kinds.kind_of(name), code_names.code_kind(name)
    assert (kinds.kind_of(name), code_names.code_kind(name)) == slowly
    assert naming.named(f"folder/{name}").kind == naming.named(name).kind == slowly[0]


def test_a_name_is_that_of_a_part_of_an_image_only_in_its_folder() -> None:
    assert naming.named(f"blobs/sha256/{'a' * 64}").kind.reader == "blob"
    assert naming.named("a" * 64).kind.reader == ""


_KEYS = sorted(
    code_keys.CODE_KEYS | code_keys.NAMING_KEYS | code_keys._COMMANDS | base_keys._PARTS_BY_ID | base_keys._TOGETHER
    | base_keys._ADAPTER | {"autoMap", "handlerFn", "_x_", "my_module", "module", "shell_x", "vision_tower", "base-model-name",
       "tokenizer_name", "class_name", "type", "chat_template", "repo", "a.b", "entrypoint", "postInstall", "library"}
)  # fmt: skip
_VALUES = st.recursive(
    st.sampled_from(["os.system", "a/b", "torch.nn.Linear", "{{ x }}", "a word", "", "huggingface", True, False, None, 1, 0.5]),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)),
    max_leaves=12,
)
_FILES = ["config.json", "123456.json", "vocab.json", "adapter_config.json", "modular_model_index.json", "train_config.json",
          "model_index.json", "modules.json", "tokenizer.json", "manifest.json", "gliner_config.json"]  # fmt: skip


@example(value={"a": ["{{ ''.__class__.__mro__ }}"], "b": "{{ ''.__class__ }}"}, name="123456.json")
@example(value={"use_pretrained_backbone": True, "backbone": "a/b"}, name="config.json")
@example(value={"a": [{"type": "constructor", "lc": 1, "id": ["x"]}]}, name="123456.json")
@given(value=st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=5), name=st.sampled_from(_FILES))
def test_a_key_that_tells_nothing_is_left_out_and_no_other_one(value: dict[str, object], name: str) -> None:
    quickly, slowly = _both(json.dumps(value).encode(), name)
    assert quickly == slowly


@pytest.mark.parametrize("key", [*sorted(code_keys.CODE_KEYS | code_keys.NAMING_KEYS | code_keys._COMMANDS), "callback", "_x_"])
def test_a_key_that_makes_a_loader_run_code_tells_something(key: str) -> None:
    assert code_keys._tells(key)


def test_json_is_nested_as_deep_as_before() -> None:
    assert parse(b"[" * DEEPEST + b"]" * DEEPEST)
    with pytest.raises(Malformed, match="nested more than"):
        parse(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf{}", b"\xef\xbb\xbf\xef\xbb\xbf{}"])
def test_a_mark_of_byte_order_is_no_part_of_strict_json(data: bytes) -> None:
    with pytest.raises(Malformed, match="BOM"):
        parse(data)
    assert parse(b"\xef\xbb\xbf{}", constants=True) == {}
