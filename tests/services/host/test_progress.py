"""How far a version is that is made ready: each step with its time, and a process that was killed is not under way for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import update

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.migrating import ready
from foundation.database.tables import HOSTED_PROGRESS
from services.host.updating.progress import Outcome, Progress, Step, steps_of
from tests.foundation.database.open_here import at_server, hurried

pytestmark = pytest.mark.requirement("HOST-001-004/progress-is-shown")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as opened:
        yield ready(opened)


def test_each_step_has_its_time_and_the_last_one_is_under_way(database: Database) -> None:
    assert steps_of(database, "echo") == ()
    progress = Progress(database, "echo")
    with progress.towards(4):
        progress.begin(Step.RESOLVE)
        progress.begin(Step.GATE)
        found = steps_of(database, "echo")
        assert [(one.step, one.outcome, one.version) for one in found] == [
            (Step.RESOLVE, Outcome.DONE, 4),
            (Step.GATE, Outcome.UNDER_WAY, 4),
        ]
        assert all(one.ended >= one.began > 0 for one in found)
    assert [one.outcome for one in steps_of(database, "echo")] == [Outcome.DONE, Outcome.DONE]
    with Progress(database, "echo").towards(5):
        assert steps_of(database, "echo") == (), "another version begins at its first step"
    assert steps_of(database, "other") == ()


def test_what_failed_says_why(database: Database) -> None:
    progress = Progress(database, "echo")
    with suppress(Refused), progress.towards(2):
        progress.begin(Step.START)
        raise Refused("it did not answer")
    (found,) = steps_of(database, "echo")
    assert (found.outcome, found.said) == (Outcome.FAILED, "it did not answer")


def test_a_process_that_is_gone_is_not_under_way_for_ever(database: Database) -> None:
    progress = Progress(database, "echo")
    with progress.towards(2):
        progress.begin(Step.GATE)
        with database.writing() as connection:
            connection.execute(update(HOSTED_PROGRESS).values(began=1, until=5000))
        (found,) = steps_of(database, "echo")
        assert (found.outcome, found.ended) == (Outcome.LOST, 5000)


def test_a_database_that_is_away_stops_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Refused("the database does not answer")

    progress = Progress(database, "echo")
    monkeypatch.setattr(type(database), "writing", away)
    with progress.towards(2):
        progress.begin(Step.GATE)
