"""Runs that are begun together: each answer is about its own run, and a run that cannot be begun or is lost keeps no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from arcops.errors import Unavailable
from flows.prefect import side_by_side
from flows.prefect.side_by_side import Asked, Ended, runs_of

pytestmark = pytest.mark.requirement("ARC-R1/one-signed-release-verdict")


class Prefect:
    """As much of Prefect's client as is asked. A run ends after as many questions as *lasting* says; ``None``: never."""

    def __init__(self, lasting: dict[str, int | None]) -> None:
        self.lasting = lasting
        self.begun: dict[UUID, str] = {}
        self.questions = 0
        self.largest = 0

    async def read_deployment_by_name(self, name: str) -> SimpleNamespace:
        if name not in self.lasting:
            raise Unavailable(f"there is no {name}")
        return SimpleNamespace(id=name)

    async def create_flow_run_from_deployment(self, name: str, **more: object) -> SimpleNamespace:
        run = uuid4()
        self.begun[run] = name
        return SimpleNamespace(id=run)

    async def read_flow_runs(self, flow_run_filter: Any, limit: int) -> list[SimpleNamespace]:
        self.questions += 1
        asked = flow_run_filter.id.any_
        self.largest = max(self.largest, len(asked))
        assert limit >= len(asked)
        return [self._shown(run) for run in asked if self.lasting[self.begun[run]] != -1]

    def _shown(self, run: UUID) -> SimpleNamespace:
        last = self.lasting[self.begun[run]]
        return SimpleNamespace(id=run, state=SimpleNamespace(is_final=lambda: last is not None and self.questions > last))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes when someone waits, and only then."""
    clock = [0.0]

    async def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(side_by_side, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(side_by_side.asyncio, "sleep", sleep)


def ran(prefect: Prefect, *names: str, monkeypatch: pytest.MonkeyPatch, minutes: int = 1) -> tuple[Ended, ...]:
    @asynccontextmanager
    async def client(what: str) -> AsyncIterator[Prefect]:
        yield prefect

    monkeypatch.setattr(side_by_side, "asked", client)
    return asyncio.run(runs_of([Asked(deployment=name, parameters={}) for name in names], minutes=minutes))


@pytest.mark.usefixtures("quick")
class TestRuns:
    def test_each_answer_is_about_its_own_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        prefect = Prefect({"a": 3, "b": 0, "c": 1})
        found = ran(prefect, "a", "b", "c", monkeypatch=monkeypatch)
        assert [prefect.begun[UUID(one.run)] for one in found] == ["a", "b", "c"]
        assert not any(one.problem for one in found)
        assert prefect.questions == 4, "one question for all of them"

    def test_one_that_cannot_be_begun_keeps_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gone, well = ran(Prefect({"a": 0}), "gone", "a", monkeypatch=monkeypatch)
        assert (gone.run, gone.problem) == ("", "there is no gone")
        assert (bool(well.run), well.problem) == (True, "")

    def test_one_that_does_not_end_or_is_deleted_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        never, deleted, well = ran(Prefect({"a": None, "b": -1, "c": 0}), "a", "b", "c", monkeypatch=monkeypatch)
        assert never.problem == f"its run {never.run} did not end within 1 minutes"
        assert deleted.problem == f"Prefect does not know its run {deleted.run} any more"
        assert well.problem == ""

    def test_nothing_is_asked_of_more_runs_than_an_answer_holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        prefect = Prefect({"a": 1})
        found = ran(prefect, *["a"] * 450, monkeypatch=monkeypatch)
        assert len({one.run for one in found if not one.problem}) == 450
        assert prefect.largest == 200

    def test_prefect_that_ends_in_the_middle_is_a_problem_of_what_has_not_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        prefect = Prefect({"a": 0, "b": None})
        answers = prefect.read_flow_runs

        async def read(*given: Any, **more: Any) -> list[SimpleNamespace]:
            if prefect.questions:
                raise Unavailable("Prefect's API does not answer")
            return await answers(*given, **more)

        monkeypatch.setattr(prefect, "read_flow_runs", read)
        well, lost = ran(prefect, "a", "b", monkeypatch=monkeypatch)
        assert well.problem == ""
        assert lost.problem == f"its run {lost.run} could not be followed: Prefect's API does not answer"

    def test_no_prefect_at_all_is_a_problem_of_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        @asynccontextmanager
        async def client(what: str) -> AsyncIterator[Prefect]:
            raise Unavailable("Prefect's API does not answer")
            yield

        monkeypatch.setattr(side_by_side, "asked", client)
        found = asyncio.run(runs_of([Asked(deployment="a", parameters={})] * 2, minutes=1))
        assert found == (Ended(problem="Prefect's API does not answer"),) * 2
