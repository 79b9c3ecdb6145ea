"""The frozen dataclass that is made at its first use does what that of the standard library does."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.late_dataclass import dataclass as late

T = TypeVar("T")
_Declare = Callable[..., Any]


def _declared(declare: _Declare) -> Any:
    @declare(frozen=True, slots=True, kw_only=True)
    class Thing:
        """A thing."""

        KIND: ClassVar[str] = "thing"
        name: str
        size: int = 3
        parts: tuple[str, ...] = ()
        held: list[int] = dataclasses.field(default_factory=list)
        seen: int = dataclasses.field(default=0, compare=False)
        hidden: int = dataclasses.field(default=0, repr=False)
        unhashed: int = dataclasses.field(default=0, hash=False)

        @property
        def twice(self) -> str:
            return self.name * 2

    return Thing


def _checked(declare: _Declare) -> Any:
    @declare(frozen=True, slots=True, kw_only=True)
    class Checked:
        """It has a limit."""

        size: int

        def __post_init__(self) -> None:
            if self.size > 9:
                raise ValueError("too large")

    return Checked


Late, Usual = _declared(late), _declared(dataclasses.dataclass)


@late(frozen=True, slots=True, kw_only=True)
class Kept:
    """Here, because `pickle` finds a class by its module."""

    name: str
    of: tuple[int, ...] = ()


_GIVEN = st.fixed_dictionaries(
    {"name": st.text(max_size=3)},
    optional={
        "size": st.integers(0, 2), "parts": st.tuples(st.text(max_size=2)), "held": st.lists(st.integers(), max_size=2),
        "seen": st.integers(0, 2), "hidden": st.integers(0, 2), "unhashed": st.integers(0, 2),
    },
)  # fmt: skip


@given(_GIVEN, _GIVEN)
def test_values_are_equal_shown_and_replaced_alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (Late(**one) == Late(**other)) == (Usual(**one) == Usual(**other))
    assert repr(Late(**one)) == repr(Usual(**one))
    assert dataclasses.asdict(Late(**one)) == dataclasses.asdict(Usual(**one))
    assert dataclasses.asdict(dataclasses.replace(Late(**one), **other)) == {**dataclasses.asdict(Usual(**one)), **other}
    assert Late(**one) != Usual(**one)
    assert Late(**one).twice == Usual(**one).twice


def test_equal_values_have_one_hash_which_leaves_out_what_is_not_compared() -> None:
    @late(frozen=True, slots=True, kw_only=True)
    class Pair:
        """Two numbers."""

        one: int
        two: int = dataclasses.field(default=0, compare=False)

    assert len({Pair(one=1), Pair(one=1, two=5), Pair(one=2)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Late(name="a"))


@pytest.mark.parametrize("declare", [late, dataclasses.dataclass])
def test_what_is_wrong_is_told_alike(declare: _Declare) -> None:
    thing = _declared(declare)
    with pytest.raises(TypeError, match=r"Thing.__init__\(\) missing 1 required keyword-only argument: 'name'"):
        thing()
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        thing(name="a", nothing=1)
    with pytest.raises(TypeError, match="positional"):
        thing("a")
    made = thing(name="a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        made.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del made.name
    with pytest.raises(ValueError, match="too large"):
        _checked(declare)(size=10)
    assert made.name == "a"


def test_two_values_share_no_default_that_can_change() -> None:
    first = Late(name="a")
    first.held.append(1)
    assert Late(name="b").held == []


@pytest.mark.parametrize("declare", [late, dataclasses.dataclass])
def test_values_by_their_places_are_taken_alike(declare: _Declare) -> None:
    @declare(frozen=True, slots=True)
    class Pair:
        """Two things."""

        one: int
        two: tuple[int, ...] = ()

    first = Pair(1, two=(2,))
    assert (first.one, first.two, repr(first)) == (1, (2,), f"{Pair.__qualname__}(one=1, two=(2,))")
    assert first == Pair(1, (2,))
    assert hash(first) == hash(Pair(1, (2,)))
    assert (Pair.__match_args__, Pair(1).two) == (("one", "two"), ())
    with pytest.raises(TypeError, match=r"from 2 to 3 positional arguments but 4 were given"):
        Pair(1, (), 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.one = 2


def test_it_is_declared_alike() -> None:
    for said in ("init", "repr", "eq", "frozen", "order", "unsafe_hash"):
        assert getattr(Late.__dataclass_params__, said) == getattr(Usual.__dataclass_params__, said)
    assert [field.name for field in dataclasses.fields(Late)] == [field.name for field in dataclasses.fields(Usual)]
    assert all(field.kw_only for field in dataclasses.fields(Late))
    assert Late.__slots__ == Usual.__slots__
    assert Late.__match_args__ == Usual.__match_args__
    assert (Late.__doc__, Late.KIND, Late.__qualname__) == (Usual.__doc__, Usual.KIND, Usual.__qualname__)
    assert not hasattr(Late(name="a"), "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Late(name="a").other = 1


def _pickled(one: Kept) -> object:
    return pickle.loads(pickle.dumps(one))  # noqa: S301  # its own


@pytest.mark.parametrize("same", [copy.copy, copy.deepcopy, _pickled])
def test_a_copy_is_equal(same: Callable[[Kept], object]) -> None:
    assert same(Kept(name="a", of=(1, 2))) == Kept(name="a", of=(1, 2))


def test_it_may_be_generic_and_have_a_class_below_it() -> None:
    @late(frozen=True, slots=True, kw_only=True)
    class Box(Generic[T]):
        """Holds one."""

        held: T

    class Below(Box[int]):
        pass

    below = Below(held=1)
    below.more = 2  # type: ignore[attr-defined]  # a class without slots
    assert (Box[int](held=1).held, below.held, repr(below)) == (1, 1, f"{Below.__qualname__}(held=1)")
    with pytest.raises(dataclasses.FrozenInstanceError):
        below.held = 2  # type: ignore[misc]  # that is what is tried
    with pytest.raises(AttributeError):
        del below.nothing  # type: ignore[attr-defined]  # that, too


def test_a_class_of_another_kind_is_left_to_the_standard_library() -> None:
    @late(frozen=True, slots=True, kw_only=True)
    class Own:
        """It is equal to everything."""

        size: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    @late(frozen=True, slots=True, kw_only=True, order=True)
    class Ordered:
        """It can be sorted."""

        size: int

    @late(slots=True, kw_only=True)
    class Open:
        """It can be changed."""

        size: int

    @late(frozen=True, slots=True, kw_only=True)
    class Below(Kept):
        """It has one field more."""

        more: int

    changed = Open(size=1)
    changed.size = 2
    assert (Own(size=1) == "x", hash(Own(size=1)), Ordered(size=1) < Ordered(size=2), changed.size) == (True, 7, True, 2)
    assert Below(name="a", more=1) == Below(name="a", more=1)


def test_threads_may_make_the_first_value_at_once() -> None:
    for _ in range(20):
        made, found = _checked(late), []
        threads = [threading.Thread(target=lambda: found.append(made(size=1))) for _ in range(4)]  # noqa: B023  # joined below
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [made(size=1)] * 4
