"""What a host records of starts: the first request's, one after a crash, and never one that may not be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from services.host.figures.records import Ending, Kind
from services.host.figures.starts import Starts
from services.host.hosted import NotYet, State
from services.host.serving import Serving
from tests.services.host.hosts import Site

Told = list[tuple[Kind, Ending]]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    return Serving(row=Site(tmp_path).allowed())


def start(at: Starts, serving: Serving, error: Exception | None = None) -> None:
    """One start, which ends so."""
    try:
        with at.one(serving):
            if error is not None:
                raise error
    except (Refused, Unavailable):
        assert error is not None


def test_starts_are_told_by_how_they_ended(serving: Serving) -> None:
    told: Told = []
    at = Starts(lambda kind, subject, began, ending: told.append((kind, ending)))
    start(at, serving)
    start(at, serving, Refused("its verdict is RED"))
    start(at, serving, NotYet("another host runs it", state=State.RUNNING, retry=1))
    assert told == [(Kind.JIT, Ending.DONE)], "what may not run here was not attempted"
    start(at, serving, NotYet("it ends at once", state=State.ERROR, retry=1))
    serving.say(State.INSTALLING, "installing")
    start(at, serving, Refused("it cannot be installed"))
    assert told[1:] == [(Kind.JIT, Ending.FAILED)] * 2


def test_a_start_after_a_crash_is_a_recovery_until_one_succeeds(serving: Serving) -> None:
    told: Told = []
    at = Starts(lambda kind, subject, began, ending: told.append((kind, ending)))
    at.crashed(serving.row.name)
    start(at, serving, Unavailable("no"))
    start(at, serving)
    start(at, serving)
    assert told == [(Kind.RECOVERY, Ending.FAILED), (Kind.RECOVERY, Ending.DONE), (Kind.JIT, Ending.DONE)]


def test_only_the_first_of_several_children_is_a_start_of_the_server(serving: Serving) -> None:
    async def work() -> Told:
        told: Told = []
        at = Starts(lambda kind, subject, began, ending: told.append((kind, ending)))
        task = asyncio.get_running_loop().create_task(asyncio.sleep(0))
        serving.starting = {1: task, 2: task}  # type: ignore[dict-item]  # only how many there are counts
        start(at, serving)
        await task
        return told

    assert asyncio.run(work()) == []
