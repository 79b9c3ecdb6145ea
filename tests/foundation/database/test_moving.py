"""From one database to another: everything or nothing, compared, and never onto what is there already."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from arcops.errors import Refused, Unavailable
from foundation.database import moving
from foundation.database.engine import Database
from foundation.database.lease import Leases
from foundation.database.migrating import ready, schema
from foundation.database.moving import Moved, counts, move
from foundation.identity.api_keys import ApiKeys
from tests.foundation.database.open_here import Open, at_server, hurried, pass_time

# The fixture `address` has a second database on a whole site: mark.site.

NOW = datetime(2026, 11, 29, tzinfo=UTC)
KEYS = 3


@pytest.fixture
def source(tmp_path: Path) -> Iterator[tuple[Database, str]]:
    """A file with keys, one of them revoked, and a lease that was held; and the secret of the last key."""
    with hurried(at_server(f"sqlite:///{tmp_path}/source.sqlite")) as database:
        keys = ApiKeys(ready(database))
        for number in range(KEYS):
            key, secret = keys.new(f"Schlüssel {number} 🔑", ["read"], timedelta(days=9), NOW)
            if number == 0:
                keys.revoke(key.id, NOW)
        assert Leases(database, "one").take("work", 60) is not None
        pass_time(database, "work")
        yield database, secret


def test_everything_is_there_afterwards(source: tuple[Database, str], open_: Open) -> None:
    database, secret = source
    target = open_()
    moved = move(database, target)
    assert set(moved) == set(counts(target)) == set(counts(database))
    assert Moved(table="arcops_api_key", rows=KEYS) in moved
    assert Moved(table="arcops_lease", rows=1) in moved
    assert ApiKeys(target).listed() == ApiKeys(database).listed()
    assert ApiKeys(target).caller(secret, NOW).scopes == {"read"}
    taken = Leases(target, "two").take("work", 60)
    assert taken is not None
    assert taken.epoch == 2, "the epoch goes on"
    with pytest.raises(Refused, match=r"is not empty: arcops_\w+ has \d rows; nothing was copied"):
        move(database, target)


def test_back_again(source: tuple[Database, str], open_: Open, tmp_path: Path) -> None:
    middle = open_()
    move(source[0], middle)
    with hurried(at_server(f"sqlite:///{tmp_path}/back.sqlite")) as back:
        move(middle, back)
        assert ApiKeys(back).listed() == ApiKeys(source[0]).listed()


def test_a_target_with_one_row_is_refused_and_stays(source: tuple[Database, str], open_: Open) -> None:
    target = ready(open_())
    ApiKeys(target).new("theirs", ["check"], timedelta(days=1), NOW)
    before = counts(target)
    with pytest.raises(Refused, match="not empty"):
        move(source[0], target)
    assert counts(target) == before


def test_no_database_is_moved_while_someone_works_with_it(source: tuple[Database, str], open_: Open) -> None:
    database, _ = source
    assert Leases(database, "host-7").take("serving", 600) is not None
    target = open_()
    with pytest.raises(Refused, match=r"host-7 holds the lease 'serving' for \d+ more seconds"):
        move(database, target)
    assert schema(target).found == "", "nothing was begun"


def test_onto_itself(source: tuple[Database, str], tmp_path: Path) -> None:
    with (
        hurried(at_server(f"sqlite:///{tmp_path}/source.sqlite")) as same,
        pytest.raises(Refused, match="is the database itself"),
    ):
        move(source[0], same)


def test_an_old_schema_is_migrated_first(tmp_path: Path, open_: Open) -> None:
    with (
        hurried(at_server(f"sqlite:///{tmp_path}/empty.sqlite")) as empty,
        pytest.raises(Refused, match="arcops database migrate"),
    ):
        move(empty, open_())


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM arcops_api_key WHERE revoked IS NOT NULL",
        "UPDATE arcops_api_key SET revoked = NULL",
        "UPDATE arcops_lease SET epoch = 0",
    ],
)
def test_a_copy_that_differs_is_not_kept(
    source: tuple[Database, str], open_: Open, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    copied = moving._copied

    def changed(reads: Any, writes: Any, table: Any) -> Moved:
        done = copied(reads, writes, table)
        if table.name in change:
            writes.execute(text(change))
        return done

    monkeypatch.setattr(moving, "_copied", changed)
    target = open_()
    with pytest.raises(Unavailable, match="differs from what was read"):
        move(source[0], target)
    assert all(one.rows == 0 for one in counts(target))
