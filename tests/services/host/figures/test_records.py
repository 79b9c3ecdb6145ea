"""Records of what was done: each is kept as it was told, in order, and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.migrating import ready
from services.host.figures.records import Ending, Kind, attempted, record, recorded
from tests.foundation.database.open_here import at_server, hurried

T0 = datetime(2026, 11, 30, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as found:
        yield ready(found)


def test_a_record_is_kept_as_it_was_told(database: Database) -> None:
    record(database, Kind.ROLLBACK, "time", T0, T0 + 3 * SECOND, Ending.DONE)
    record(database, Kind.BURST, "ann", T0, T0 + SECOND, Ending.DONE, value=2)
    first, second = recorded(database, [Kind.ROLLBACK, Kind.BURST])[::-1]
    assert (first.kind, first.subject, first.seconds, first.outcome, first.value) == (
        Kind.ROLLBACK,
        "time",
        3.0,
        Ending.DONE,
        None,
    )
    assert (second.kind, second.value) == (Kind.BURST, 2.0)


def test_of_two_that_ended_at_once_the_later_one_is_the_newer(database: Database) -> None:
    for value in range(20):
        record(database, Kind.RECONCILIATION, "a", T0, T0, Ending.DONE, value=value)
    assert [one.value for one in recorded(database, [Kind.RECONCILIATION])] == list(range(20))


def test_an_attempt_is_recorded_however_it_ends(database: Database) -> None:
    with attempted(database, Kind.ROLLBACK, "time"):
        pass
    with pytest.raises(Refused), attempted(database, Kind.ROLLBACK, "time"):
        raise Refused("no")
    assert [one.outcome for one in recorded(database, [Kind.ROLLBACK])] == [Ending.DONE, Ending.FAILED]


def test_records_are_found_by_kind_subject_and_time(database: Database) -> None:
    for hours, subject in enumerate(("a", "b", "a")):
        record(database, Kind.RESTORE, subject, T0, T0 + timedelta(hours=hours), Ending.DONE)
    record(database, Kind.RUNBOOK, "a", T0, T0, Ending.DONE)
    assert [one.subject for one in recorded(database, [Kind.RESTORE])] == ["a", "b", "a"]
    assert len(recorded(database, [Kind.RESTORE], subject="a")) == 2
    assert len(recorded(database, [Kind.RESTORE], since=T0 + timedelta(hours=1))) == 2
    assert len(recorded(database)) == 4


def test_a_clock_that_was_set_back_gives_no_time(database: Database) -> None:
    record(database, Kind.RESTORE, "a", T0, T0 - SECOND, Ending.DONE)
    (found,) = recorded(database, [Kind.RESTORE])
    assert found.seconds is None


@pytest.mark.parametrize("subject", ["", "a" * 201])
def test_a_subject_that_is_none_is_refused(database: Database, subject: str) -> None:
    with pytest.raises(Refused, match="1 to 200 characters"):
        record(database, Kind.RESTORE, subject, T0, T0, Ending.DONE)


def test_a_time_without_its_zone_is_an_error(database: Database) -> None:
    with pytest.raises(ValueError, match="without its zone"):
        record(database, Kind.RESTORE, "a", T0.replace(tzinfo=None), T0, Ending.DONE)
