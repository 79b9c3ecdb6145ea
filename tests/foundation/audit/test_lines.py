"""Records as lines on a stream: nothing is done that would need a record for which there is no place."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from arcops.errors import Unavailable
from foundation.audit.lines import LinesAudit
from foundation.audit.record import Actor, Outcome, Record

pytestmark = pytest.mark.requirement("OPER-9/metrics-and-audit")

ADA = Actor(issuer="https://login.example", tenant="", id="ada")


def record(tool: str = "echo", outcome: Outcome = Outcome.DONE) -> Record:
    return Record(
        at=datetime(2027, 1, 15, tzinfo=UTC), action="tools/call", outcome=outcome, actor=ADA, door="relay", tool=tool
    )


class Stuck(io.BytesIO):
    """A stream that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Event(), threading.Event()

    def write(self, data: Any) -> int:
        self.asked.set()
        self.go.wait(60)
        return super().write(data)


@contextmanager
def lines(stream: io.BytesIO, most: int) -> Iterator[LinesAudit]:
    made = LinesAudit(stream, most=most)
    try:
        yield made
    finally:
        made.close()


def written(stream: io.BytesIO) -> list[str]:
    return [json.loads(line)["tool"] for line in stream.getvalue().splitlines()]


def test_what_is_recorded_has_its_place_before_it_is_done() -> None:
    stream = Stuck()
    with lines(stream, most=3) as audit, ExitStack() as under_way:
        tells = [under_way.enter_context(audit.recording()) for _ in range(3)]
        done = []
        with pytest.raises(Unavailable, match="cannot be recorded, so it is not done"), audit.recording():
            done.append("a fourth call")
        assert not done
        for number, tell in enumerate(tells):
            tell(record(f"call-{number}"))
        stream.go.set()
    assert written(stream) == ["call-0", "call-1", "call-2"]


def test_a_place_that_no_record_took_is_free_again() -> None:
    stream = io.BytesIO()
    with lines(stream, most=1) as audit:
        for _ in range(3):
            with pytest.raises(RuntimeError), audit.recording():
                raise RuntimeError("it ended without a record")
        with audit.recording() as tell:
            tell(record())
    assert written(stream) == ["echo"]


def test_it_is_healthy_while_records_are_taken() -> None:
    stream = Stuck()
    with lines(stream, most=2) as audit:
        assert audit.healthy() == ""
        audit.tell(record("one"))
        assert stream.asked.wait(60), "the first is being written, and waits"
        audit.tell(record("two"))
        assert "2 records of calls wait" in audit.healthy()
        with pytest.raises(Unavailable, match="no one takes the records"):
            audit.tell(record("three"))
        stream.go.set()
    assert written(stream) == ["one", "two"]
    assert audit.counts == {("done", ""): 2}


def test_a_stream_that_is_gone_is_said_and_no_call_is_done() -> None:
    class Gone(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError("the pipe is broken")

    with lines(Gone(), most=2) as audit:
        audit.tell(record())
        audit._thread.join(60)
        assert "cannot be written" in audit.healthy()
        with pytest.raises(Unavailable), audit.recording():
            raise AssertionError("this must not be done")
