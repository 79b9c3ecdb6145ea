"""Which call a task belongs to: whatever a server answers, and for so many tasks as are remembered."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from adapters.relay.task_calls import TaskCalls
from arcops.identity import Identity
from services.host.costs.meter import Meter, Metered

pytestmark = pytest.mark.requirement("HOST-026-028/cost-events")
ANN = Identity(issuer="https://login.example.org", tenant="acme", id="ann")


def call(tool: str, who: Identity = ANN, trace: str = "") -> Metered:
    return Metered(
        meter=cast(Meter, None), caller=who, server="s", tool=tool, arguments=None, trace=trace, audited=True, at=0, began=0.0
    )


def raw(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))


def begun(tasks: TaskCalls, id: str, tool: str = "work", trace: str = "t1") -> None:
    tasks.began(ANN, "s", tool, trace, raw({"resultType": "task", "taskId": id}))


DONE = {"taskId": "a", "status": "completed", "result": {"content": []}}


def test_a_result_is_told_once_with_the_name_of_its_call() -> None:
    tasks = TaskCalls()
    begun(tasks, "a")
    for told in (False, True, False):
        asks = call("tasks/get")
        tasks.asks(asks, raw("a"))
        assert (asks.tool, asks.trace) == ("work", "t1")
        state = DONE if told else {"taskId": "a", "status": "working"}
        found = tasks.polled(asks, raw("a"), raw(state))
        assert (found is not None) == told
    assert tasks.polled(call("tasks/get"), raw("a"), raw(DONE)) is None, "it was told"
    failed = tasks.polled(call("tasks/get"), raw("b"), raw({"status": "failed", "error": {"code": 1}}))
    assert failed is not None
    assert bytes(failed) == b'{"code":1}'


def test_a_task_of_another_caller_is_another_one() -> None:
    tasks = TaskCalls()
    begun(tasks, "a")
    asks = call("tasks/get", Identity(issuer=ANN.issuer, tenant=ANN.tenant, id="eve"))
    tasks.asks(asks, raw("a"))
    assert asks.tool == "tasks/get"


def test_the_oldest_are_forgotten() -> None:
    tasks = TaskCalls(most=3)
    for number in range(50):
        begun(tasks, f"task-{number}")
        tasks.polled(call("tasks/get"), raw(f"unknown-{number}"), raw(DONE))
    assert len(tasks._begun) == 3


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: (
            st.lists(one) | st.dictionaries(st.sampled_from(["task", "taskId", "resultType", "result", "error", "x"]), one)
        ),
    )
)
def test_no_answer_of_a_server_breaks_it(value: Any) -> None:
    tasks = TaskCalls()
    said = raw(value)
    tasks.began(ANN, "s", "work", "", said)
    tasks.asks(call("tasks/get"), said)
    tasks.polled(call("tasks/get"), said, said)


@pytest.mark.parametrize("broken", [b"", b"{", b'{"taskId":"\\ud83d"}', b"null", b'"taskId"'])
def test_broken_bytes_are_no_task(broken: bytes) -> None:
    tasks = TaskCalls()
    tasks.began(ANN, "s", "work", "", Raw(broken))
    assert not tasks.is_of(ANN, "s", Raw(broken))
    tasks.asks(call("tasks/get"), Raw(broken))
    assert tasks.polled(call("tasks/get"), Raw(broken), Raw(broken)) is None
