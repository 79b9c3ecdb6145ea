"""Rows of hosted servers: versions with their authors, what may run, and what hosts say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.migrating import ready
from services.host.lock import Lock
from services.host.row import Version, counted_before
from services.host.rows import Rows, Said
from services.host.spec import Spec
from tests.foundation.database.open_here import at_server, hurried

pytestmark = pytest.mark.requirement("HOST-015/onboarding-by-a-row", "HOST-001-004/rows-have-versions")

SPEC = Spec(package="pypi:mcp-server-time==2026.10.10")
LOCK = Lock(package=SPEC.package, runtime="here", text="mcp-server-time==2026.10.10 --hash=sha256:0\n")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as found:
        yield ready(found)


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


def test_a_new_row_may_not_run(rows: Rows) -> None:
    row = rows.put("time", SPEC, author="ann")
    assert (row.current.number, row.owner, row.enabled, row.allowed) == (1, "ann", True, False)
    assert rows.one("time") == row
    assert rows.all() == (row,)
    assert rows.one("other") is None


def test_what_is_the_same_is_no_new_version(rows: Rows) -> None:
    first = rows.put("time", SPEC, author="ann")
    assert rows.put("time", SPEC, author="bob").current == first.current
    second = rows.put("time", replace(SPEC, stateless=True), author="bob", owner="team")
    assert (second.current.number, second.current.author, second.owner) == (2, "bob", "team")
    assert [one.number for one in rows.versions("time")] == [2, 1]


def test_only_the_exact_lock_is_allowed_and_only_while_it_counts(rows: Rows) -> None:
    rows.put("time", SPEC, author="ann")
    with pytest.raises(Refused, match="is not the digest of what time resolves to now"):
        rows.allow("time", LOCK.digest, author="ann")
    rows.lock("time", 1, LOCK)
    with pytest.raises(Refused, match="is not the digest"):
        rows.allow("time", f"sha256:{'0' * 64}", author="ann")
    assert rows.allow("time", LOCK.digest, author="ann").allowed
    other = replace(LOCK, text=LOCK.text.replace("sha256:0", "sha256:1"))
    rows.lock("time", 1, other)  # the first word counts
    found = rows.one("time")
    assert found is not None
    assert found.current.lock == LOCK
    new = rows.put("time", replace(SPEC, package="pypi:mcp-server-time==2026.10.19"), author="ann")
    assert not new.allowed
    rows.lock("time", 2, replace(other, package=new.current.spec.package))
    found = rows.one("time")
    assert found is not None
    assert not found.allowed
    back = rows.back("time", 1, author="bob")
    assert (back.current.number, back.current.author, back.current.lock, back.allowed) == (3, "bob", LOCK, True)
    assert not rows.deny("time").allowed


def test_no_version_no_way_back(rows: Rows) -> None:
    rows.put("time", SPEC, author="ann")
    for number in (0, 2, -1):
        with pytest.raises(Refused, match="has no version"):
            rows.back("time", number, author="ann")


def counted(rows: Rows) -> list[int]:
    """The versions that counted, the last one first."""
    return [one.number for one in sorted(rows.versions("time"), key=lambda one: -one.served) if one.served]


def test_what_counted_last_is_known_whatever_the_numbers_and_the_clock_say(rows: Rows, database: Database) -> None:
    rows.put("time", SPEC, author="ann")
    rows.put("time", replace(SPEC, stateless=True), author="ann")
    rows.propose("time", replace(SPEC, most=2), author="ann")
    assert counted(rows) == [2, 1]
    rows.switch("time", 1, author="bob")
    assert counted(rows) == [1, 2]
    with database.writing() as connection:  # the clock was set back meanwhile
        connection.execute(text("UPDATE arcops_hosted_served SET made = made + 86400000"))
    rows.switch("time", 3, author="bob")
    assert counted(rows) == [3, 1, 2]


@pytest.mark.parametrize(
    ("served", "number", "before"),
    [
        ({1: 10, 2: 20}, 2, 1),
        ({1: 10, 2: 20}, 1, 0),
        ({1: 30, 2: 20}, 1, 2),  # switched back to
        ({1: 10, 2: 0, 3: 0}, 3, 1),  # of two that are only proposed
        ({1: 10, 2: 20, 3: 0}, 3, 2),
        ({1: 10}, 1, 0),
        ({}, 1, 0),
    ],
)
def test_which_one_counted_before(served: dict[int, int], number: int, before: int) -> None:
    versions = [Version(number=one, spec=SPEC, lock=None, author="ann", made=0, served=at) for one, at in served.items()]
    assert counted_before(versions, number) == before


def test_a_removed_server_leaves_its_history_and_no_allowance(rows: Rows) -> None:
    rows.put("time", SPEC, author="ann")
    rows.lock("time", 1, LOCK)
    rows.allow("time", LOCK.digest, author="ann")
    rows.remove("time")
    assert rows.one("time") is None
    assert [one.number for one in rows.versions("time")] == [1]
    again = rows.put("time", SPEC, author="bob")
    assert (again.current.number, again.allowed) == (2, False)
    rows.lock("time", 2, LOCK)
    found = rows.one("time")
    assert found is not None
    assert not found.allowed


@pytest.mark.parametrize("change", ["enable", "restart", "deny", "remove", "back", "allow", "lock"])
def test_every_change_can_be_seen_and_needs_the_server(rows: Rows, database: Database, change: str) -> None:
    steps = {
        "enable": lambda: rows.enable("time", False),
        "restart": lambda: rows.restart("time"),
        "deny": lambda: rows.deny("time"),
        "remove": lambda: rows.remove("time"),
        "back": lambda: rows.back("time", 1, author="ann"),
        "allow": lambda: rows.allow("time", LOCK.digest, author="ann"),
        "lock": lambda: rows.lock("time", 2, LOCK),
    }
    if change != "lock":
        with pytest.raises(Refused, match="there is no hosted server 'time'"):
            steps[change]()
    rows.put("time", SPEC, author="ann")
    rows.lock("time", 1, LOCK)
    if change == "deny":
        rows.allow("time", LOCK.digest, author="ann")
    with database.writing() as connection:  # what was done before is long ago
        connection.execute(text("UPDATE arcops_hosted SET changed = 1"))
    before = rows.changed()
    assert rows.changed() == before
    steps[change]()
    assert rows.changed() != before


def test_what_a_host_says_counts_for_a_while(rows: Rows, database: Database) -> None:
    said = Said(name="time", host="one", state="Running", reason="it runs", pids=(1, 2), since=7)
    rows.say([said, replace(said, host="two", state="Error", pids=())])
    rows.say([replace(said, state="Starting")])
    assert [(one.host, one.state) for one in rows.said("time")] == [("one", "Starting"), ("two", "Error")]
    rows.forget("one")
    assert [one.host for one in rows.said()] == ["two"]
    with database.writing() as connection:
        connection.execute(text(f"UPDATE arcops_hosted_state SET until = {database.clock} - 1"))  # noqa: S608  # SQL of ours
    assert rows.said("time") == ()
