"""Pickle, walked and never run: every way to import or call is named, and every way to hide it is a problem."""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.content import Content
from tasks.model.content import describe, pickles
from tasks.model.content.draft import Draft
from tasks.model.content.opcodes import CANNOT_BEGIN, OPCODES
from tasks.model.content.window import Window

pytestmark = pytest.mark.requirement("ARC-A5/pickles-that-execute-are-red")


def seen(data: bytes, name: str = "model.pkl") -> Content:
    return describe(Window.over(data), name)


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


class Runs:
    def __init__(self, call: object, *given: object) -> None:
        self.call = (call, given)

    def __reduce__(self) -> object:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("value", "imports"),
    [
        ({"a": [1, 2.5, -(2**80), "text", None, True], "b": (1, (2, (3, 4, 5), 6)), 3: []}, ()),
        (collections.OrderedDict(a=1), ("collections.OrderedDict",)),
        (Runs(eval, "1"), ("builtins.eval", "__builtin__.eval")),
    ],
)
def test_what_python_pickles_is_named_and_has_no_problem(value: object, imports: tuple[str, ...], protocol: int) -> None:
    content = seen(pickle.dumps(value, protocol))
    assert content.format == "pickle"
    assert content.problems == ()
    assert set(content.imports) <= set(imports)
    assert bool(content.imports) == bool(imports)


MALICIOUS = {
    "global": (b"cos\nsystem\n(S'id'\ntR.", "os.system"),
    "inst": (b"(S'id'\nios\nsystem\n.", "os.system"),
    "obj": (b"(cos\nsystem\nS'id'\no.", "os.system"),
    "newobj": (b"\x80\x02cos\nsystem\nU\x02id\x85\x81.", "os.system"),
    "newobj_ex": (b"\x80\x04" + short("os") + short("system") + b"\x93" + short("id") + b"\x85}\x92.", "os.system"),
    "stack_global": (b"\x80\x04" + short("os") + short("system") + b"\x93" + short("id") + b"\x85R.", "os.system"),
    "stack_global through the memo": (
        b"\x80\x04" + short("os") + b"\x940" + short("system") + b"\x940h\x00h\x01\x93" + short("id") + b"\x85R.",
        "os.system",
    ),
    "stack_global through memo numbers out of order": (
        b"\x80\x04" + short("system") + b"r\x40\x00\x00\x000" + short("os") + b"q\x070h\x07j\x40\x00\x00\x00\x93.",
        "os.system",
    ),
    "stack_global by DUP": (b"\x80\x04" + short("os") + b"2\x93.", "os.os"),
    "unicode escapes of protocol 0": (b"V\\u006fs\nV\\u0073ystem\n\x93(S'id'\ntR.", "os.system"),
    "string escapes of protocol 0": (b"S'\\x6fs'\nS'\\x73ystem'\n\x93(S'id'\ntR.", "os.system"),
    "binstring": (b"U\x02osU\x06system\x93(S'id'\ntR.", "os.system"),
    "old names": (b"c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval"),
    "imported, not called": (b"\x80\x04cantigravity\nfly\n.", "antigravity.fly"),
    "thrown away": (b"\x80\x02cos\nsystem\nU\x02id\x85R0N.", "os.system"),
    "behind a mark": (b"\x80\x02(cos\nsystem\nU\x02id\x85R1N.", "os.system"),
}


@pytest.mark.parametrize("case", MALICIOUS)
def test_every_way_to_import_is_named(case: str) -> None:
    data, name = MALICIOUS[case]
    assert name in seen(data).imports


HIDDEN = {
    "a computed name": b"\x80\x04N" + short("system") + b"\x93.",
    "a name out of a tuple": b"\x80\x04" + short("os") + b"\x85" + short("system") + b"\x93.",
    "an extension code": b"\x80\x02\x82\x01(S'id'\ntR.",
    "a wide extension code": b"\x80\x02\x84\x01\x02\x03\x00.",
    "a call of what a call gave": b"\x80\x02ccollections\nOrderedDict\n)R(S'id'\ntR.",
    "nested attributes": b"\x80\x04" + short("torch") + short("serialization.os.system") + b"\x93.",
    "a name that is not one": b"cos \nsystem\n.",
    "BUILD on a class": b"\x80\x02ccollections\nOrderedDict\n}b.",
    "SETITEM on a class": b"\x80\x02ccollections\nOrderedDict\nU\x01aU\x01bs.",
    "a persistent id": b"\x80\x02U\x01aQ.",
    "a persistent id of protocol 0": b"P1\n.",
    "an outside buffer": b"\x80\x05\x97.",
    "cut off after REDUCE": b"cos\nsystem\n(S'id'\ntR",
    "cut off in a string": b"\x80\x02X\xff\x00\x00\x00abc",
    "no opcode": b"\x80\x02\xff.",
    "an empty stack": b"\x80\x020.",
    "no mark": b"\x80\x02Nt.",
    "below a mark": b"\x80\x02N(\x85.",
    "an empty memo": b"\x80\x02h\x07.",
    "a memo of gigabytes": b"\x80\x02Nr\xff\xff\xff\xff.",
    "a negative memo": b"Np-1\n.",
    "a negative length": b"\x80\x02T\xff\xff\xff\xff.",
    "an unknown protocol": b"\x80\x06N.",
    "a second protocol": b"\x80\x02N\x80\x020N.",
    "a frame past the end": b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.",
    "a frame past STOP": b"\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00N.N",
    "an opcode across a frame": b"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00M\x01\x00.",
    "a frame in a frame": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x95\x01" + bytes(7) + b"N.",
    "two pickles": b"\x80\x02N.\x80\x02cos\nsystem\n(S'id'\ntR.",
    "trailing data": b"\x80\x02N.rest",
    "a pickle inside": b"\x80\x03C\x16\x80\x02cos\nsystem\nU\x02id\x85R..",
    "a pickle inside a string": pickle.dumps(pickle.dumps(Runs(eval, "1"), 2), 4),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_every_way_to_hide_is_a_problem(case: str) -> None:
    assert seen(HIDDEN[case]).problems


def test_the_second_pickle_and_the_one_inside_are_walked_too() -> None:
    assert "os.system" in seen(HIDDEN["two pickles"]).imports
    assert set(seen(HIDDEN["a pickle inside a string"]).imports) & {"builtins.eval", "__builtin__.eval"}


@pytest.mark.parametrize("name", ["notes.txt", "vocab.dat", "model.bin", "LICENSE", "config.json"])
@pytest.mark.parametrize("case", ["global", "stack_global", "inst", "unicode escapes of protocol 0"])
def test_a_harmless_name_hides_no_pickle(case: str, name: str) -> None:
    data, imported = MALICIOUS[case]
    content = seen(data, name)
    assert content.format == "pickle"
    assert imported in content.imports


@pytest.mark.parametrize(
    "text", ["cabbage\nbanana\ncherry\n", "I am\nnot a pickle.\n", "The quick brown fox.\n", "N. of nothing", "(c) 2026"]
)
def test_text_that_begins_like_opcodes_stays_text(text: str) -> None:
    content = seen(text.encode(), "vocab.txt")
    assert (content.format, content.problems) == ("text", ())


def test_the_table_of_opcodes_is_the_machine_s_own() -> None:
    assert {code.code.encode("latin-1")[0]: code.name for code in pickletools.opcodes} == {
        byte: name for byte, (name, _) in OPCODES.items()
    }


def test_a_pickle_of_opcodes_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MOST_OPCODES", 1000)
    assert any("more than 1000 opcodes" in problem for problem in seen(b"\x80\x02" + b"N0" * 600 + b"N.").problems)


def test_the_limit_on_opcodes_holds_for_all_pickles_of_a_file_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MOST_OPCODES", 1000)
    inner = b"\x80\x02" + b"N0" * 100 + b"N."
    assert any(
        "1000 opcodes" in problem
        for problem in seen(b"".join(b"B" + struct.pack("<I", len(inner)) + inner for _ in range(6)) + b".").problems
    )


def test_a_large_value_is_passed_over_and_not_read() -> None:
    asked: list[int] = []
    head, tail = b"\x80\x03B\x00\x00\x00\x40", b"."
    size = len(head) + 0x40000000 + len(tail)

    def pread(offset: int, length: int) -> bytes:
        asked.append(length)
        virtual = io.BytesIO()
        for at in range(offset, offset + length):
            virtual.write(head[at : at + 1] if at < len(head) else tail if at == size - 1 else b"\x00")
        return virtual.getvalue()

    draft = Draft("pickle")
    assert pickles.walk(Window(pread, size), draft).stopped
    assert draft.clean
    assert sum(asked) < 1024 * 1024


@given(st.binary(max_size=400))
def test_no_bytes_break_the_walk(data: bytes) -> None:
    seen(data)
    seen(b"\x80\x04" + data)


@given(st.lists(st.sampled_from(sorted(OPCODES)), max_size=60), st.binary(max_size=40))
def test_no_opcodes_break_the_walk(codes: list[int], data: bytes) -> None:
    content = seen(bytes(codes) + data)
    assert not any("reader failed" in problem for problem in content.problems)


@given(st.data())
def test_whatever_python_would_import_is_named_or_a_problem(data: st.DataObject) -> None:
    """The judge is Python's own unpickler, which may look nothing up but writes down what it was asked for."""
    start, _ = MALICIOUS[data.draw(st.sampled_from(sorted(MALICIOUS)))]
    mutated = bytearray(start)
    for _ in range(data.draw(st.integers(0, 3))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.sampled_from(sorted(OPCODES)))
    asked: list[str] = []

    class Witness(pickle._Unpickler):  # the one in Python: the other takes gigabytes for one great number of a memo
        def find_class(self, module: str, name: str) -> object:
            asked.append(f"{module}.{name}")
            return lambda *given: None

    try:
        Witness(io.BytesIO(bytes(mutated)), fix_imports=False).load()
    except Exception as error:  # a mutated pickle may do anything but import unnoticed
        del error
    content = seen(bytes(mutated))
    assert set(asked) <= set(content.imports) or content.problems


@given(first=st.sampled_from(sorted(CANNOT_BEGIN)), rest=st.binary(max_size=200))
def test_no_pickle_begins_with_what_takes_from_an_empty_stack(first: int, rest: bytes) -> None:
    """What is not walked because of its first byte would not have been a pickle, for ours and for Python's own reader."""
    data = bytes([first]) + rest
    draft = Draft("pickle")
    walked = pickles.walk(Window.over(data), draft)
    assert not walked.stopped
    assert not walked.called
    assert not draft.imports
    with pytest.raises((pickle.UnpicklingError, IndexError, EOFError, ValueError, KeyError, TypeError, AttributeError)):
        Refusing(io.BytesIO(data)).load()


class Refusing(pickle.Unpickler):
    """Imports nothing."""

    def find_class(self, module: str, name: str) -> object:
        raise AssertionError(f"{module}.{name} was imported")
