"""Crafted text takes time in proportion to its length: every reader of text, on input that makes bad patterns run for hours."""

from __future__ import annotations

import time

import pytest

from tasks.model.content import describe
from tasks.model.content.window import Window

pytestmark = pytest.mark.requirement("ARC-A5/reading-takes-bounded-time")

MIB = 1024 * 1024
CRAFTED: dict[str, tuple[str, bytes]] = {
    "marks of a version": ("a.txt", b"x" + b"!" * 5000 + b"("),
    "signs of a version": ("b.txt", b"x" + b"==," * 50_000),
    "bars in a cell": ("a.csv", b"=" + b"|" * MIB),
    "digits": ("config.yaml", b"a: " + b"1" * (MIB - 100) + b"x"),
    "quotes": ("Modelfile", b'TEMPLATE """\n' * 50_000),
    "braces": ("modelfile", b"TEMPLATE " + b"{{" * 100_000),
    "strings in an action": ("Modelfile", b"TEMPLATE {{" + b'"' * 100_000 + b"}}"),
    "names": ("a.pdf", b"%PDF-1.7\n" + b"/a" * MIB),
    "streams": ("b.pdf", b"%PDF-1.7\n" + b"stream endstream " * 100_000),
    "tables in TOML": ("config.toml", b"[a]\nb=1\n" + b"c.d=1\n" * 2),
    "keys in TOML": ("config.toml", b"a" + b".a" * 100_000 + b"=1"),
    "lists in TOML": ("config.toml", b"a=" + b"[" * 100_000),
    "lists in YAML": ("config.yaml", b"[" * 100_000),
    "aliases": ("config.yaml", b"a: &a [x,x]\nb: &b [*a,*a]\n" + b"".join(b"c%d: [*b,*b]\n" % at for at in range(20_000))),
    "elements": ("a.svg", b"<svg>" * 200_000),
    "attributes": ("b.svg", b"<svg " + b"".join(b"a%d='url(' " % at for at in range(50_000)) + b"/>"),
    "lists in JSON": ("config.json", b"[" * MIB),
    "values in JSON": ("vocab.json", b"[" + b"0," * 7_000_000 + b"0]"),
    "templates": ("config.json", b"[" + b",".join(b'"{{ a%d.b }}"' % at for at in range(60_000)) + b"]"),
    "words of Git": (".gitattributes", b"* " + b"text " * 150_000),
    "tokens": ("a.tiktoken", b"IQ== 0\n" * 100_000 + b"IQ"),
    "a camel": ("config.json", b'{"' + b"aA" * 100_000 + b'": "x.y"}'),
    "a path": ("config.json", b'{"a_fn": "torch.nn' + b".a" * 100_000 + b'!"}'),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_text_is_read_soon(case: str) -> None:
    name, data = CRAFTED[case]
    begun = time.process_time()
    content = describe(Window.over(data), name)
    assert time.process_time() - begun < 20
    assert not any("reader failed" in problem for problem in content.problems)
