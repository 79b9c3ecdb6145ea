"""Depth and numbers: our own bound is found before a library's, in every reader of YAML and JSON, and said in our own words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arcops.errors import Refused
from arcops.evidence import Missing
from artifacts.envelope import strict_json
from artifacts.nesting import DEEPEST, deep_line
from artifacts.wire import from_json
from foundation.strict_yaml import load_all
from tasks.kubernetes.manifests.nodes import documents
from tasks.model.card import _fields
from tasks.model.content.bounded_json import parse
from tasks.model.content.window import Malformed
from tasks.model.front_matter import parse_front
from tasks.model.sboms._document import decode

SAID = "nested more than 100 deep"

READERS: dict[str, tuple[Callable[[bytes], object], int, str]] = {
    "strict_json": (lambda data: strict_json(data, "it"), DEEPEST, SAID),
    "bounded_json": (parse, DEEPEST, SAID),
    "configuration": (lambda data: _fields(data.decode(), "config.json"), DEEPEST, SAID),
    "sbom": (lambda data: decode(b'{"a":\n' + data + b"}"), DEEPEST - 1, SAID),
    "strict_yaml": (lambda data: load_all(data, what="it"), DEEPEST, SAID),
    "manifest": (lambda data: list(documents(data)), DEEPEST, SAID),
    "front matter": (lambda data: parse_front(f"a:\n  {data.decode()}"), 23, "nested more than 24"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("more", [1, 50, 900, 1_000, 60_000])
@pytest.mark.parametrize(("opening", "inside", "closing"), [("[", "", "]"), ('{"a":', "1", "}"), ('[{"a":', "1", "}]")])
def test_our_own_bound_is_found_first(name: str, more: int, opening: str, inside: str, closing: str) -> None:
    """Mutation: PyYAML's bound of 1,000, or Python's own, with other words."""
    read, deepest, says = READERS[name]
    levels = opening.count("[") + opening.count("{")
    for closed in (True, False):
        depth = (deepest + more) // levels + 1
        data = (opening * depth + (inside + closing * depth if closed else "")).encode()
        with pytest.raises((Refused, Malformed), match=says) as refusal:
            read(data)
        line = getattr(refusal.value, "line", None)
        assert line in (None, 1), line
        assert line == 1 or "line" in str(refusal.value)


@pytest.mark.parametrize("name", READERS)
def test_what_is_just_as_deep_as_may_be_is_read(name: str) -> None:
    read, deepest, _ = READERS[name]
    if name == "configuration":  # which is an object, or nothing of it is read
        deepest -= 1
        read(b'{"a":' + b"[" * deepest + b"]" * deepest + b"}")
    else:
        read(b"[" * deepest + b"]" * deepest)


def test_a_deep_message_to_a_typed_reader_is_refused_in_our_words() -> None:
    with pytest.raises(Refused, match=SAID):
        from_json(Missing, b"[" * 300)


def test_brackets_in_strings_are_no_depth_and_the_line_is_said() -> None:
    inside = b'["' + b"[" * 200 + b'", "\\"' + b"{" * 200 + b'", "\\\\", "a\\\\\\"[[' + b"[" * 200 + b'"]'
    assert strict_json(inside, "it")
    assert deep_line(inside) is None
    assert deep_line(b'{"a": "x\\"]\\\\",\n"b":\n' + b"[" * 100) == 3
    assert deep_line(b'"[' + b"[" * 200) is None  # no JSON, which its parser says


@pytest.mark.parametrize(
    "text",
    [
        "a: [\n" + "[" * 2000,
        "- x\n- a: 'it''s'\n  b: " + "{a: " * 1200,
        '"a]": ' + "[" * 3000 + "]" * 3000,
        "a: # [[[\n  " + "[[" * 700,
        "- " * 5000 + "x",
        "".join(f"{' ' * one}a:\n" for one in range(3000)),
    ],
)
def test_manifests_say_the_line_where_the_parser_in_c_gave_up(text: str) -> None:
    with pytest.raises(Refused, match=SAID) as refusal:
        list(documents(text.encode()))
    line = refusal.value.line  # type: ignore[attr-defined]  # Unreadable has one
    opened = [at + 1 for at, one in enumerate(text.split("\n")) if len(one) > 90 or text.count("\n") > 1000]
    assert line in opened


def test_what_is_wrong_before_it_is_deep_keeps_its_own_words() -> None:
    with pytest.raises(Refused, match="it is not YAML"):
        list(documents(b"a: [" + b"[" * 50 + b"}"))


NUMBERS = {
    "010": 10,
    "0o10": 8,
    "0x1F": 31,
    "+5": 5,
    "-0.5e3": -500.0,
    "1.": 1.0,
    ".5": 0.5,
    "9" * 64: int("9" * 64),
    "1:20": "1:20",
    "1_000": "1_000",
    "0b1": "0b1",
    "1:20.5": "1:20.5",
    "2001-01-01": "2001-01-01",
    "0o9": "0o9",
    "1e": "1e",
    "+": "+",
    "true": True,
    "True": "True",
    "yes": "yes",
    "~": None,
    "null": None,
    "": None,
    "'5'": "5",
    "<<": "<<",
    "=": "=",
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_those_of_yaml_1_2(text: str) -> None:
    found = load_all(f"a: {text}".encode(), what="it")
    assert found == [{"a": NUMBERS[text]}]
    assert type(found[0]["a"]) is type(NUMBERS[text])  # type: ignore[index,call-overload]  # a mapping, as the line above says


WRONG = {
    "9" * 65: "more than 64 digits",
    ".inf": "infinite or not a number",
    "-.INF": "infinite",
    ".nan": "infinite or not a number",
    "1e999": "infinite",
    "!!int 1_0": "has the tag int, but is not one in YAML 1.2",
    "!!bool yes": "has the tag bool, but is not one",
    "!!timestamp x": "tags are not allowed",
    "!!binary aGk=": "tags are not allowed",
    "!!set {a}": "tags are not allowed",
    "!!str [a]": "a list cannot be a str",
    "!!map x": "cannot be a map",
    "! 12": "tags are not allowed",
    '"\\ud800"': "half of a character",
    '"\\UFFFFFFFF"': "cannot be read",
    "*x": "aliases are not allowed",
    "{1: a, '1': b}": "twice",
    "{[a]: b}": "not a plain value",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_such_value_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=WRONG[text]):
        load_all(f"a: {text}".encode(), what="it")


def test_json_numbers_that_no_reader_computes_with_are_refused() -> None:
    for data, says in (
        (b"1e999", "too large for a 64-bit float"),
        (b"-1e999", "too large for a 64-bit float"),
        (b"1" * 5000, "thousands of digits"),
    ):
        with pytest.raises(Refused, match=says):
            strict_json(data, "it")
    with pytest.raises(Malformed, match="thousands of digits"):
        parse(b"1" * 5000)
