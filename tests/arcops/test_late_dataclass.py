"""A class that gets its code at its first use is a dataclass like any other."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import Any, ClassVar

import pytest

from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A value with everything that ours have."""

    KIND: ClassVar[str] = "late"

    name: str
    missing: tuple[str, ...] = ()
    held: list[str] = field(default_factory=list, compare=False)
    hidden: int = field(default=0, repr=False)


@dataclass(frozen=True, slots=True)
class Below(Late):
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("it is negative")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """As `Late`, by the standard library."""

    KIND: ClassVar[str] = "late"

    name: str
    missing: tuple[str, ...] = ()
    held: list[str] = field(default_factory=list, compare=False)
    hidden: int = field(default=0, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """It has a method of its own, so the library makes it."""

    name: str

    def __hash__(self) -> int:
        return 7


def test_values_are_made_compared_and_shown_as_the_library_does() -> None:
    one, other = Late(name="a", missing=("b",)), Library(name="a", missing=("b",))
    assert repr(one) == repr(other).replace("Library", "Late")
    assert one == Late(name="a", missing=("b",), held=["is not compared"])
    assert one != Late(name="a")
    assert one != other
    assert hash(one) == hash(Late(name="a", missing=("b",))) == hash(other)
    assert Late(name="a").held is not Late(name="a").held
    assert str(inspect.signature(Below)).startswith("(number: 'int', *, name: 'str', missing:")
    assert [one.name for one in fields(Below)] == ["name", "missing", "held", "hidden", "number"]
    assert Below(3, name="a").number == Below(number=3, name="a").number == 3


@pytest.mark.parametrize("given", [{}, {"name": "a", "other": 1}])
def test_what_the_constructor_does_not_take_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Late(**given)
    with pytest.raises(TypeError):
        Late("positional")  # type: ignore[misc]  # wrong on purpose


def test_a_value_checks_itself_and_does_not_change() -> None:
    with pytest.raises(ValueError, match="negative"):
        Below(-1, name="a")
    one = Below(1, name="a")
    with pytest.raises(FrozenInstanceError, match="name"):
        one.name = "b"  # type: ignore[misc]  # wrong on purpose
    with pytest.raises(FrozenInstanceError, match="name"):
        del one.name
    with pytest.raises(FrozenInstanceError):
        one.more = 1  # type: ignore[attr-defined]  # wrong on purpose
    assert not hasattr(one, "__dict__")


def test_a_value_is_copied_sent_and_changed_like_any_other() -> None:
    one = Below(1, name="a", held=["x"])
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301  # our own
    assert copy.deepcopy(one).held == ["x"]
    assert replace(one, number=2) == Below(2, name="a")
    with pytest.raises(ValueError, match="negative"):
        replace(one, number=-1)


def test_classes_of_both_kinds_stand_below_one_another() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Mixed(Late):
        more: int = 1

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Again(Mixed):
        last: int = 2

    assert Again(name="a") == Again(name="a", last=2)
    assert dataclasses.asdict(Again(name="a")) == {
        "name": "a", "missing": (), "held": [], "hidden": 0, "more": 1, "last": 2
    }  # fmt: skip


def test_a_method_of_ones_own_stays() -> None:
    assert hash(Own(name="a")) == 7


def test_no_code_is_made_before_the_first_value() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Unused:
        name: str

    before = Unused.__init__
    Unused(name="a")
    assert Unused.__init__ is not before
