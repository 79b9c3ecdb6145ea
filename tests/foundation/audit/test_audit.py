"""The audit log of a process: what was told is on the disk soon, whatever happens to the process and to the disk."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from arcops.errors import Broken, Refused, Unavailable
from artifacts.log import lines as log_lines
from foundation.audit import audit as module
from foundation.audit import writing
from foundation.audit.audit import Audit
from foundation.audit.record import Outcome, Record, read_record
from foundation.audit.seals import BEGINNING
from tests.foundation.audit.home import CALL, calls, opened, problems_in, read_in, settings_in
from tests.waiting import until

pytestmark = pytest.mark.requirement("BASE-4/audit-log")

WAIT = 60.0


def records_in(folder: Path) -> list[Record]:
    return [read_record(line) for log in read_in(folder) for line in log.lines if not line.startswith(BEGINNING)]


def told_in(folder: Path) -> list[Record]:
    return [one for one in records_in(folder) if one.door != "audit"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers try again at once."""
    monkeypatch.setattr(Audit.__init__, "__kwdefaults__", Audit.__init__.__kwdefaults__ | {"again": 0.01})


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No log can be written: a half of each write succeeds, the rest does not."""
    real = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        real(descriptor, data[: len(data) // 2], offset)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(log_lines.os, "pwrite", half)
        yield


def test_what_was_told_is_written_in_its_order(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    for one in calls(1500):
        audit.tell(one)
    assert audit.flush(WAIT)
    assert told_in(tmp_path) == calls(1500)
    assert audit.healthy() == ""
    audit.close()
    assert [one.action for one in records_in(tmp_path) if one.door == "audit"] == ["audit/begun", "audit/ended"]
    assert problems_in(tmp_path) == []


def test_what_is_told_while_a_batch_is_written_waits_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch costs as much with one record as with a hundred: a slow disk must not make one of each record."""
    later = deque(calls(6))
    began: list[float] = []
    append = writing.LogWriter.append

    def slow(self: writing.LogWriter, lines: Sequence[bytes], *, newest: datetime) -> None:
        began.append(time.monotonic())
        append(self, lines, newest=newest)
        if later and len(began) > 1:
            audit.tell(later.popleft())

    monkeypatch.setattr(writing.LogWriter, "append", slow)
    audit = opened(tmp_path)
    assert audit.flush(WAIT)
    audit.tell(later.popleft())
    until(lambda: not later and len(told_in(tmp_path)) == 6, "all is written")
    audit.close()
    assert told_in(tmp_path) == calls(6)
    rests = [second - first for first, second in itertools.pairwise(began[1:7])]
    assert min(rests) > module.EVERY_SECONDS / 2


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    audit = opened(tmp_path)

    def tell(number: int) -> None:
        for one in calls(200):
            audit.reserve()
            audit.tell(replace(one, request=f"{number}-{one.request}"), reserved=True)

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    audit.close()
    assert len({one.request for one in told_in(tmp_path)}) == 1600


def test_each_process_has_a_log_and_the_next_one_goes_on_in_it(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    first.tell(CALL)
    second.tell(CALL)
    second.close()
    third = opened(tmp_path)
    third.close()
    first.close()
    logs = read_in(tmp_path)
    assert [log.records for log in logs] == [3, 5]
    assert problems_in(tmp_path) == []


def test_a_full_log_is_followed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "FULL", 2000)
    audit = opened(tmp_path)
    for one in calls(12):
        audit.tell(one)
        assert audit.flush(WAIT)
    audit.close()
    logs = read_in(tmp_path)
    assert len(logs) > 2
    assert told_in(tmp_path) == calls(12)
    assert problems_in(tmp_path) == []


@pytest.mark.usefixtures("quick")
def test_a_full_disk_loses_nothing_and_stops_calls_when_the_queue_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Audit.__init__, "__kwdefaults__", Audit.__init__.__kwdefaults__ | {"most": 5})
    audit = opened(tmp_path)
    assert audit.flush(WAIT)
    with full_disk(monkeypatch):
        for one in calls(3):
            audit.tell(one)
        assert not audit.flush(0.3)
        assert "cannot be written" in audit.healthy()
        audit.reserve()
        audit.reserve()
        with pytest.raises(Unavailable, match="so it is not done"):
            audit.reserve()
        audit.tell(replace(CALL, request="kept-1"), reserved=True)  # what was reserved is taken, always
        audit.tell(replace(CALL, request="kept-2"), reserved=True)
        with pytest.raises(Unavailable, match="cannot be recorded"):
            audit.tell(CALL)
    assert audit.flush(WAIT)
    assert audit.healthy() == ""
    audit.close()
    assert [one.request for one in told_in(tmp_path)] == ["req-0", "req-1", "req-2", "kept-1", "kept-2"]
    assert problems_in(tmp_path) == []


@pytest.mark.usefixtures("quick")
def test_by_best_effort_calls_go_on_and_what_is_lost_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Audit.__init__, "__kwdefaults__", Audit.__init__.__kwdefaults__ | {"most": 5})
    audit = opened(tmp_path, ARCOPS_AUDIT="best-effort")
    assert audit.flush(WAIT)
    with full_disk(monkeypatch):
        for one in calls(9):
            audit.reserve()
            audit.tell(one, reserved=True)
        assert not audit.flush(0.3)
        assert "4 were dropped" in audit.healthy()
    assert audit.flush(WAIT)
    audit.close()
    assert told_in(tmp_path) == calls(5)
    (lost,) = [one for one in records_in(tmp_path) if one.action == "audit/lost"]
    assert (lost.reason, lost.outcome) == ("4-records", Outcome.FAILED)


@pytest.mark.usefixtures("quick")
def test_a_log_that_another_one_changes_meanwhile_gets_no_more_records(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    audit.tell(CALL)
    assert audit.flush(WAIT)
    (path,) = (tmp_path / "audit").glob("*/log")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    audit.tell(CALL)
    assert not audit.flush(0.3)
    assert "cannot be written" in audit.healthy()
    assert path.read_bytes() == whole[:-10]
    path.write_bytes(whole)
    assert audit.flush(WAIT)
    audit.close()


@pytest.mark.usefixtures("quick")
def test_the_memory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    assert audit.flush(WAIT)
    outside = tmp_path / "remembered" / "audit"
    kept = {one: one.read_bytes() for one in outside.glob("*.json")}
    for one in kept:
        one.unlink()
        one.mkdir()
    audit.tell(CALL)
    assert audit.flush(WAIT)
    assert "memory" in audit.healthy()
    for one, data in kept.items():
        one.rmdir()
        one.write_bytes(data)
    audit.tell(CALL)
    assert audit.flush(WAIT)
    assert audit.healthy() == ""
    audit.close()


def test_what_cannot_be_made_a_line_does_not_end_the_writer(tmp_path: Path) -> None:
    """Mutation: an exception in the writer's thread, and everything that is told later waits for ever."""
    audit = opened(tmp_path)
    audit.tell(replace(CALL, tool="\ud800", object="a b", request="é"))
    audit.tell(CALL)
    assert audit.flush(WAIT)
    audit.close()
    masked, whole = told_in(tmp_path)
    assert (masked.tool, masked.object, masked.request) == ("(masked)", "(masked)", "")
    assert whole == CALL


def test_a_closed_log_takes_no_record(tmp_path: Path) -> None:
    audit = opened(tmp_path)
    audit.reserve()
    audit.close()
    audit.close()
    audit.tell(CALL, reserved=True)  # what was reserved is never refused; it can only be said that it is lost
    assert audit.healthy() == "the audit log is closed"
    with pytest.raises(Unavailable, match="closed"):
        audit.tell(CALL)


def test_another_process_opens_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = opened(tmp_path)
    with monkeypatch.context() as forked:
        forked.setattr(module.os, "getpid", lambda: -1)
        with pytest.raises(Broken, match="each process opens its own"):
            audit.tell(CALL)
    audit.close()


def test_a_policy_that_is_not_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ARCOPS_AUDIT is 'off'"):
        settings_in(tmp_path, ARCOPS_AUDIT="off")
    with pytest.raises(Refused, match="is inside the audit log"):
        settings_in(tmp_path, ARCOPS_AUDIT_LOG=str(tmp_path / "a"), ARCOPS_REMEMBERED=str(tmp_path / "a" / "b"))


def test_a_place_that_is_not_used_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutation: a call that ended without a record holds its place for ever, and in the end no call is served."""
    monkeypatch.setattr(Audit.__init__, "__kwdefaults__", Audit.__init__.__kwdefaults__ | {"most": 3})
    audit = opened(tmp_path)
    for _ in range(10):
        assert audit.flush(WAIT)
        with audit.recording():
            pass
        with suppress(ZeroDivisionError), audit.recording() as tell:
            tell(CALL)
            raise ZeroDivisionError
    audit.close()
    assert told_in(tmp_path) == [CALL] * 10


@pytest.mark.usefixtures("quick")
def test_a_log_that_cannot_be_opened_stops_the_start_only_if_it_is_required(tmp_path: Path) -> None:
    taken = tmp_path / "audit"
    taken.touch()
    with pytest.raises(Unavailable, match="audit"):
        opened(tmp_path)
    audit = opened(tmp_path, ARCOPS_AUDIT="best-effort")
    audit.tell(CALL)
    assert not audit.flush(0.3)
    assert "cannot be written" in audit.healthy()
    taken.unlink()
    assert audit.flush(WAIT)
    audit.close()
    assert told_in(tmp_path) == [CALL]


CHILD = """
import sys
from tests.foundation.audit.home import calls, opened
from pathlib import Path
audit = opened(Path(sys.argv[1]))
number = 0
while True:
    for one in calls(50):
        audit.tell(one)
        number += 1
    assert audit.flush(60)
    print(number, flush=True)
"""


def test_a_killed_process_loses_only_what_was_not_on_the_disk(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert child.stdout is not None
    with child:
        sure = [int(child.stdout.readline()) for _ in range(3)][-1]
        child.kill()
        rest = [int(one) for one in child.stdout]
    sure = max([sure, *rest])
    assert problems_in(tmp_path) == []
    assert sure <= len(told_in(tmp_path)) <= sure + 50
    after = opened(tmp_path)
    after.close()
    assert problems_in(tmp_path) == []
    assert [one.action for one in records_in(tmp_path) if one.door == "audit"] == ["audit/begun", "audit/begun", "audit/ended"]


ENDING = """
import signal, sys
from tests.foundation.audit.home import CALL, opened
from pathlib import Path
audit = opened(Path(sys.argv[1]))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
audit.tell(CALL)
print("told", flush=True)
signal.pause()
"""


def test_a_process_that_ends_by_a_signal_writes_what_it_was_told(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", ENDING, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "told\n"
        child.terminate()
    assert child.returncode == 0
    assert [one.action for one in records_in(tmp_path)] == ["audit/begun", "tools/call", "audit/ended"]
