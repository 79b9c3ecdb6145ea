"""The cache in memory: what it keeps, for how long, and how much."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.cache.memory import Memory

pytestmark = pytest.mark.requirement("BASE-9/caches-are-hints")


def test_a_value_counts_until_its_time() -> None:
    now = [0.0]
    memory = Memory(clock=lambda: now[0], most=100)
    memory.keep("a", b"one", 10)
    now[0] = 9.9
    assert memory.find("a") == b"one"
    now[0] = 10.0
    assert memory.find("a") is None
    assert memory.size == 0


def test_one_value_does_not_push_out_all_others() -> None:
    memory = Memory(clock=lambda: 0.0, most=100)
    memory.keep("a", b"one", 10)
    memory.keep("b", bytes(26), 10)
    assert (memory.find("a"), memory.find("b")) == (b"one", None)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(min_value=-1, max_value=30)), max_size=60))
def test_as_a_model_of_it_does(operations: list[tuple[str, int]]) -> None:
    memory, model, most = Memory(clock=lambda: 0.0, most=100), OrderedDict[str, bytes](), 100
    for name, size in operations:
        if size < 0:
            assert memory.find(name) == model.get(name)
            if name in model:
                model.move_to_end(name)
            continue
        memory.keep(name, bytes(size), 1)
        if size > most // 4:
            continue
        model.pop(name, None)
        model[name] = bytes(size)
        while sum(map(len, model.values())) > most:
            model.popitem(last=False)
        assert memory.size == sum(map(len, model.values())) <= most
