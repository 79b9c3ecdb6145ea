"""The wire: what it takes, what it refuses and how it says so, and that nothing heavy stands behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from arcops.errors import Broken, Refused
from artifacts.durations import duration
from artifacts.typed import dump, load
from artifacts.wire import from_json, name_on_the_wire, to_json

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.requirement("ARC-1/signed-json")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    title: str
    colour: Colour = Colour.RED
    parts: tuple[Part, ...] = ()
    one: Part | None = None
    at: datetime | None = None
    lasts: timedelta = timedelta(0)
    file: Path | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    count: int | Part = 0
    sure: bool = False


FULL = Whole(
    title="t",
    colour=Colour.BLUE,
    parts=(Part(name="a"), Part(name="b", size=2)),
    one=Part(name="c"),
    at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    lasts=timedelta(days=400, seconds=1),
    file=Path("a/b"),
    labels=MappingProxyType({"k": "v"}),
    count=Part(name="d"),
    sure=True,
)


def test_a_value_is_written_in_full_and_read_back() -> None:
    written = to_json(FULL)
    assert written == {
        "title": "t",
        "colour": "blue",
        "parts": [{"name": "a", "size": 0}, {"name": "b", "size": 2}],
        "one": {"name": "c", "size": 0},
        "at": "2026-01-02T03:04:05.000006Z",
        "lasts": "P1Y35DT1S",
        "file": "a/b",
        "labels": {"k": "v"},
        "count": {"name": "d", "size": 0},
        "sure": True,
    }
    assert from_json(Whole, json.dumps(written)) == FULL
    assert from_json(Whole, json.dumps(written).encode()) == FULL
    assert from_json(Whole, '{"title": "t"}') == Whole(title="t")
    assert to_json((FULL,), tuple[Whole, ...]) == [written]


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "a field in the depth": (
        '{"title": "t", "parts": [{"name": "a"}, {"name": 7}]}',
        r"Whole: parts\[1\]\.name: a string is expected, not a whole number$",
    ),
    "an unknown field": ('{"title": "t", "tilte": 1}', "Whole: the document: 'tilte' is not a known field$"),
    "an unknown field in the depth": ('{"title": "t", "one": {"name": "a", "x": 1}}', "Whole: one: 'x' is not a known field$"),
    "a field by its name in Python": ('{"title": "t", "Title": "t"}', "'Title' is not a known field$"),
    "an absent field": ('{"title": "t", "parts": [{"size": 1}]}', r"Whole: parts\[0\]: the field 'name' is missing$"),
    "an object for a list": ('{"title": "t", "parts": {}}', "Whole: parts: a list is expected, not an object$"),
    "a list for an object": ("[]", "Whole: the document: an object is expected, not a list$"),
    "nothing": ("null", "Whole: the document: an object is expected, not null$"),
    "a number for a truth": ('{"title": "t", "sure": 1}', "Whole: sure: true or false is expected, not a whole number$"),
    "a truth for a number": ('{"title": "t", "one": {"name": "a", "size": true}}', "one.size: a whole number is expected"),
    "a float for a number": (
        '{"title": "t", "count": 1.0}',
        "count: a whole number or an object is expected, not a number with",
    ),
    "an unknown word": ('{"title": "t", "colour": "green"}', "colour: one of 'red', 'blue' is expected, not 'green'$"),
    "a number for a word": ('{"title": "t", "colour": 1}', "colour: one of 'red', 'blue' is expected, not a whole number$"),
    "a label": ('{"title": "t", "labels": {"a": 1}}', r"labels\['a'\]: a string is expected, not a whole number$"),
    "a moment": ('{"title": "t", "at": "soon"}', "at: a moment such as 2026-11-21T12:00:00Z is expected, not 'soon'$"),
    "no such day": ('{"title": "t", "at": "2026-02-30T00:00:00Z"}', "at: 2026-02-30T00:00:00Z is not a moment"),
    "a duration": ('{"title": "t", "lasts": "a week"}', "lasts: a duration such as P7D or PT2M is expected, not 'a week'$"),
    "for ever": ('{"title": "t", "lasts": "P999999999999D"}', "lasts: .* is longer than the longest duration"),
    "no JSON": ('{"title": ', "Whole: it is not JSON: .*line 1 column 11"),
    "nothing at all": ("", "Whole: it is not JSON"),
    "more behind": ('{"title": "t"} {}', "Whole: it is not JSON: Extra data"),
    "NaN": ('{"title": "t", "count": NaN}', "Whole: it is not JSON: it has NaN, which JSON does not allow$"),
    "an infinity": ('{"title": "t", "count": -Infinity}', "it has -Infinity"),
    "larger than any": ('{"title": "t", "count": 1e999}', "a whole number or an object is expected"),
    "thousands of digits": (f'{{"title": "t", "count": {"1" * 5000}}}', "a whole number has thousands of digits"),
    "half a character": ('{"title": "\\ud800"}', "half of a surrogate pair"),
    "half a character in a key": ('{"title": "t", "labels": {"\\udc00": ""}}', "half of a surrogate pair"),
    "half a character as it is": ('{"title": "\ud800"}', "it is not text in UTF-8"),
    "no UTF-8": (b'{"title": "\xff"}', "it is not text in UTF-8"),
    "UTF-16": ('{"title": "t"}'.encode("utf-16"), "it is not text in UTF-8"),
    "a byte order mark": (b'\xef\xbb\xbf{"title": "t"}', "it is not JSON"),
    "a byte order mark as it is": ('\ufeff{"title": "t"}', "it is not JSON"),
    "too deep": (
        '{"title": "t",\n "x": ' + "[" * 100 + "]" * 100 + "}",
        "Whole: values are nested more than 100 deep on line 2",
    ),
    "very deep": ("[" * 100_000, "Whole: values are nested more than 100 deep on line 1$"),
    "a control character": ('{"title": "\n"}', "it is not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_and_named(name: str) -> None:
    text, says = REFUSED[name]
    with pytest.raises(Refused, match=says):
        from_json(Whole, text)
    with pytest.raises(ValidationError):
        peer(Whole).validate_json(text)


def test_a_secret_is_not_said() -> None:
    for name in ("sure", "parts", "count", "one", "labels"):
        with pytest.raises(Refused) as refused:
            from_json(Whole, json.dumps({"title": "t", name: "hunter2"}))
        assert "hunter2" not in str(refused.value)


def test_of_two_members_of_one_name_the_last_counts() -> None:
    for text in ('{"title": 1, "title": "b"}', '{"title": "a", "title": "b", "labels": {"x": "1", "y": "2", "x": "3"}}'):
        assert from_json(Whole, text) == peer(Whole).validate_json(text)
    with pytest.raises(Refused, match="title: a string"):
        from_json(Whole, '{"title": "b", "title": 1}')


def test_whole_characters_written_in_halves_are_read() -> None:
    assert from_json(Whole, '{"title": "\\ud83d\\ude00\\\\ud800"}').title == "😀\\ud800"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise Refused("it ends before it starts")
        if self.end == self.start:
            raise ValueError("no time")


def test_what_a_type_itself_refuses_is_refused() -> None:
    day, next_day = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    for start, end, says in (
        (next_day, day, "^it ends before it starts$"),
        (day, day, "^Span: the document: it is not valid: no time$"),
        (day, next_day.removesuffix("Z"), "^Span: the document: it is not valid: can't compare"),
    ):
        with pytest.raises(Refused, match=says):
            from_json(Span, json.dumps({"start": start, "end": end}))


def changed(**values: Any) -> Whole:
    """A value that a type checker would not let through."""
    one = object.__new__(Whole)
    for name in Whole.__slots__:
        object.__setattr__(one, name, values.get(name, getattr(FULL, name)))
    return one


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"title": 1}, "Whole: title: a string is expected, not a whole number$"),
        ({"title": None}, "title: a string is expected, not null"),
        ({"sure": 1}, "sure: true or false is expected"),
        ({"colour": "red"}, "colour: Colour is expected, not a string"),
        ({"parts": [Part(name="a")]}, "parts: a tuple is expected, not a list"),
        ({"parts": (Part(name="a"), "b")}, r"parts\[1\]: Part is expected, not a string"),
        ({"one": {"name": "a"}}, "one: Part or NoneType is expected"),
        ({"at": "2026-01-01T00:00:00Z"}, "at: datetime or NoneType is expected"),
        ({"lasts": 5}, "lasts: a duration such as"),
        ({"labels": {1: "a"}}, "labels: a string is expected"),
        ({"count": 1.5}, "count: int or Part is expected"),
    ],
)
def test_a_value_of_another_type_is_our_bug_before_a_digest_stands_on_it(values: dict[str, Any], says: str) -> None:
    with pytest.raises(Broken, match=says):
        to_json(changed(**values))


def test_a_value_of_a_class_below_is_written_as_what_it_is_declared() -> None:
    class Text(str):
        __slots__ = ()

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Longer(Part):
        more: int = 1

    value = changed(title=Text("t"), one=Longer(name="a"), count=True, labels={Text("k"): "v"})
    assert to_json(value) == peer(Whole).dump_python(value, mode="json", by_alias=True)
    assert type(to_json(value)["title"]) is str  # type: ignore[index,call-overload]  # an object, as the line above says


@dataclass(frozen=True, slots=True, kw_only=True)
class Octets:
    x: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floats:
    x: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    x: int = 1
    y: int = field(default=2, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTexts:
    x: str | Colour = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    x: timedelta = timedelta(1)


def test_a_type_that_would_not_read_back_surely_has_no_place() -> None:
    for one, says in ((Octets(), "bytes"), (Kept(), "Kept.y"), (TwoTexts(), "look the same")):
        with pytest.raises(Broken, match=says):
            from_json(type(one), "{}")
    for value, says in ((Octets(), "part of a message"), (Kept(), "Kept.y")):
        with pytest.raises(Broken, match=says):
            to_json(value)
    with pytest.raises(Broken, match="part of what is signed"):
        dump(Signed())
    with pytest.raises(Broken, match="part of what is signed"):
        dump(Floats())
    with pytest.raises(Broken, match="part of what is signed"):
        load(Signed, {"x": "P1D"})
    assert to_json(Signed()) == {"x": "P1D"}


def test_what_is_signed_says_every_field() -> None:
    assert load(Part, {"name": "a", "size": 0}) == Part(name="a")
    with pytest.raises(Refused, match="the document: the field 'size' is missing"):
        load(Part, {"name": "a"})


def peer(kind: Any) -> TypeAdapter[Any]:
    from tests.house.test_wire_types import peer as adapter

    return adapter(kind)


@given(st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True))
def test_a_name_is_what_it_was(name: str) -> None:
    assert name_on_the_wire(name) == to_camel(name)


@given(st.timedeltas())
def test_a_duration_is_written_and_read_as_it_was(span: timedelta) -> None:
    assert to_json(span, timedelta) == duration(span) == peer(timedelta).dump_python(span, mode="json")
    assert from_json(timedelta, json.dumps(duration(span))) == span


NUMBER = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,6})?", fullmatch=True)


@given(
    st.sampled_from(["", "", "-", "+"]),
    st.dictionaries(st.sampled_from("YMWD"), NUMBER),
    st.dictionaries(st.sampled_from("HMS"), NUMBER),
)
def test_a_duration_as_people_spell_it_is_read_as_it_was(sign: str, date: dict[str, str], time: dict[str, str]) -> None:
    text = f"{sign}P" + "".join(f"{date[unit]}{unit}" for unit in "YMWD" if unit in date)
    text = json.dumps(text + ("T" + "".join(f"{time[unit]}{unit}" for unit in "HMS" if unit in time) if time else ""))
    same(timedelta, text)


@given(
    st.from_regex(
        r"(00|19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,12})?)?"
        r"([Zz]|[+-][0-2][0-9]:?[0-9]{2})?",
        fullmatch=True,
    )
)
def test_a_moment_is_read_as_it_was(text: str) -> None:
    same(datetime, json.dumps(text))


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_a_moment_is_written_as_it_was(at: datetime) -> None:
    found, zone = to_json(at, datetime), at.utcoffset()
    if zone is not None and zone % timedelta(minutes=1):  # of local mean times; the peer leaves the seconds out
        assert datetime.fromisoformat(found) == at.replace(tzinfo=timezone(zone))
    else:
        assert found == peer(datetime).dump_python(at, mode="json")


def test_a_moment_stays_one_in_a_zone_of_seconds() -> None:
    """Accra's mean time was 52 seconds behind Greenwich's (IANA, tzdata)."""
    assert to_json(datetime(1915, 1, 1, tzinfo=ZoneInfo("Africa/Accra")), datetime) == "1915-01-01T00:00:52Z"
    assert to_json(datetime(1915, 1, 1, tzinfo=timezone(timedelta(seconds=-3652))), datetime) == "1915-01-01T00:00:52-01:00"


@given(st.text(alphabet="PTYMWDHS0123456789.,+-:ZTtz _d", max_size=24))
def test_nothing_is_taken_that_was_refused(text: str) -> None:
    for kind in (datetime, timedelta):
        with suppress(Refused):
            assert from_json(kind, json.dumps(text)) == peer(kind).validate_json(json.dumps(text))  # which raises what fails


@given(st.text(alphabet='{}[]":,tilezcoun019.-+eE \n\t\\ud8c/NaInfy', max_size=40) | st.binary(max_size=24))
def test_text_that_is_no_json_is_refused_by_both(text: str | bytes) -> None:
    same(Whole, text)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["title", "name", "size", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Whole.__slots__, "x", "Title"]), JSON_VALUES, max_size=4), st.booleans())
def test_any_json_is_read_as_it_was(document: dict[str, Any], ascii_only: bool) -> None:
    document = {key: value for key, value in document.items() if key not in ("at", "lasts") or not isinstance(value, str)}
    same(Whole, json.dumps({"title": "t", **document}, ensure_ascii=ascii_only))


def same(kind: Any, text: str | bytes) -> None:
    try:
        wanted = peer(kind).validate_json(text)
    except ValidationError:
        with pytest.raises(Refused):
            from_json(kind, text)
    else:
        assert from_json(kind, text) == wanted


def test_neither_the_wire_nor_a_policy_waits_for_pydantic() -> None:
    """Mutation: an import of pydantic anywhere on the way, which costs as much as the rest of a small check."""
    script = (
        f"import sys; sys.path.insert(0, {str(HOUSE)!r})\n"
        "import artifacts.wire, flows.policies.reading\n"
        "assert flows.policies.reading.load_policy('pilot').name == 'pilot'\n"
        "print('gates.model.weights.gate' in sys.modules, *(one for one in sys.modules if one.startswith('pydantic')))\n"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split() == ["True"], ran.stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What others ask with may hold any number; nothing of ours does."""

    seconds: float


class TestNumbers:
    @given(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False))
    def test_one_is_read_as_it_was_written(self, number: float) -> None:
        read = from_json(Timed, json.dumps({"seconds": number}))
        assert read == Timed(seconds=float(number))
        assert to_json(read) == {"seconds": float(number)}

    @pytest.mark.parametrize("text", ["true", '"1"', "null", "1e999", f"1{'0' * 400}", "[1]"])
    def test_what_is_no_number_is_refused(self, text: str) -> None:
        with pytest.raises(Refused, match="number"):
            from_json(Timed, f'{{"seconds": {text}}}')
