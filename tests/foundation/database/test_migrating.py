"""The schema: made once, by whichever host is first; forward from every release; never from what is damaged or newer."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from arcops.errors import ArcOpsError, Refused, Unavailable
from foundation.database.engine import Database
from foundation.database.lease import Leases
from foundation.database.migrating import migrate, newest, ready, schema
from foundation.database.opening import opened
from foundation.database.tables import METADATA, VERSION_TABLE
from foundation.identity.api_keys import ApiKeys
from foundation.settings import read_settings
from tests.foundation.database.open_here import Open, at_server, hurried

RELEASED = Path(__file__).parent / "released"
STEPS = Path(__file__).resolve().parents[3] / "foundation" / "database" / "migrations"

ONE_MORE = """
import sqlalchemy as sa
from alembic import op

# The fixture `address` has a second database on a whole site: mark.site.
revision = "9999"
down_revision = {before!r}
def upgrade() -> None:
    op.create_table("arcops_more", sa.Column("id", sa.BigInteger, primary_key=True))
    op.execute("INSERT INTO arcops_more VALUES (1)")
    {more}
"""


def one_more(folder: Path, more: str = "") -> Path:
    """The steps of this version, and one that a later version adds."""
    steps = folder / "steps"
    shutil.copytree(STEPS, steps, ignore=shutil.ignore_patterns("__pycache__"))
    (steps / "versions" / "9999_more.py").write_text(ONE_MORE.format(before=newest(), more=more))
    return steps


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def not_an_index_of_words(_: object, name: str | None, *__: object) -> bool:
    """That of the catalog is derived, and of each kind of database its own (`foundation.database.catalog_words`)."""
    return not str(name).startswith("arcops_catalog_words")


def test_a_new_database_gets_the_newest_schema(open_: Open) -> None:
    database = open_()
    assert schema(database).found == ""
    assert migrate(database).found == ""
    assert schema(database).found == newest()
    assert migrate(database).current
    with database.reading() as connection:
        opts = {"version_table": VERSION_TABLE, "include_object": not_an_index_of_words}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == [], "the steps lead to other tables than tables.py says"


def test_hosts_that_start_at_once_migrate_once(open_: Open, tmp_path: Path) -> None:
    """The step would fail if it ran twice."""
    steps = one_more(tmp_path)
    count = 4
    start = threading.Barrier(count)
    found: list[str] = []

    def begin() -> None:
        database = open_()
        start.wait()
        found.append(migrate(database, steps).found)

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["", *["9999"] * (count - 1)]
    assert rows(open_(), "SELECT * FROM arcops_version") == [("9999",)]
    assert rows(open_(), "SELECT id FROM arcops_more") == [(1,)]


def test_a_step_that_fails_leaves_the_schema_as_it_was(open_: Open, tmp_path: Path) -> None:
    database = ready(open_())
    steps = one_more(tmp_path, 'op.execute("INSERT INTO arcops_lost VALUES (1)")')
    with pytest.raises(ArcOpsError):
        migrate(database, steps)
    assert schema(database).found == newest()
    assert Leases(database, "one").take("work", 60) is not None
    with pytest.raises(Refused):
        rows(database, "SELECT id FROM arcops_more")


def test_a_newer_schema_is_refused_and_stays(open_: Open, tmp_path: Path) -> None:
    database = open_()
    migrate(database, one_more(tmp_path))
    for use in (schema, migrate, ready):
        with pytest.raises(Refused, match="a newer version made it; use that version"):
            use(database)
    assert rows(database, "SELECT * FROM arcops_version") == [("9999",)]


@pytest.mark.parametrize("released", sorted(RELEASED.glob("*.sql")), ids=lambda path: path.stem)
def test_forward_from_every_released_schema(tmp_path: Path, released: Path) -> None:
    path = tmp_path / "arcops.sqlite"
    os.close(os.open(path, os.O_CREAT, 0o600))
    with sqlite3.connect(path) as old:
        old.executescript(released.read_text())
    old.close()
    with hurried(at_server(f"sqlite:///{path}")) as database:
        assert schema(database).found == released.stem
        ready(database)
        assert schema(database).current
        assert rows(database, "SELECT id, name, scopes FROM arcops_api_key") == [("abcdefghijklmnop", "old", "read")]
        assert rows(database, "SELECT name, epoch FROM arcops_lease") == [("work", 41)]
        taken = Leases(database, "new").take("work", 60)
        assert taken is not None
        assert taken.epoch == 42


def test_every_released_schema_has_its_file() -> None:
    """A step that is released gets a dump of a database that it made: this fails for a step without one."""
    steps = {path.name.partition("_")[0] for path in (STEPS / "versions").glob("[0-9]*.py")}
    assert {path.stem for path in RELEASED.glob("*.sql")} == steps


DAMAGE: dict[str, tuple[str, str]] = {
    "no revision": ("DELETE FROM arcops_version", "names 0 revisions"),
    "two revisions": ("INSERT INTO arcops_version VALUES ('0000')", "names 2 revisions"),
    "no table of revisions": (f"DROP TABLE {VERSION_TABLE}", "but no revision of its schema"),
    "a table less": ("DROP TABLE arcops_api_key", "the table arcops_api_key is missing"),
    "a column less": ("ALTER TABLE arcops_api_key DROP COLUMN revoked", "arcops_api_key has no column revoked"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_one_clear_refusal(open_: Open, what: str) -> None:
    database = ready(open_())
    statement, said = DAMAGE[what]
    with database.writing() as connection:
        connection.execute(text(statement))
    for use in (schema, migrate, ready):
        with pytest.raises(Refused, match=said) as refused:
            use(database)
        assert "is damaged" in str(refused.value)
        assert "restore it from a copy" in str(refused.value)


def _text(path: Path) -> None:
    path.write_text("this is a text\n" * 500)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _noise(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes(255 - one for one in data[100:]))


def _no_text(path: Path) -> None:
    """The name of a table is no text, so the driver fails while it says what is wrong."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (name,) = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone()
    database.close()
    data, odd = path.read_bytes(), b"\xff" * len(name)
    at = data.index(b"table" + name.encode() * 2)
    path.write_bytes(data[:at] + b"table" + odd * 2 + data[at + 5 + 2 * len(name) :].replace(b"CREATE", b"CREATX", 1))


@pytest.mark.parametrize("damage", [_text, _cut, _noise, _no_text])
def test_a_file_that_is_no_database_any_more_is_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    environment = {"ARCOPS_HOME": str(tmp_path)}
    opened(read_settings(environment)).close()
    path = tmp_path / "database" / "arcops.sqlite"
    damage(path)
    before = path.read_bytes()
    with pytest.raises(Refused, match=r"the database .*arcops\.sqlite is damaged: .*; stop ArcOps, restore it"):
        opened(read_settings(environment))
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE alembic_version (version_num TEXT)")
    theirs.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(Refused, match="of another program"):
        opened(read_settings({"ARCOPS_HOME": str(tmp_path), "ARCOPS_DATABASE": f"sqlite:///{path}"}))
    assert path.read_bytes()[100:] == before[100:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "arcops.sqlite"
    with hurried(at_server(f"sqlite:///{path}")) as database:
        ready(database)
        assert Leases(database, "one").take("work", 60) is not None
    return path


@settings(max_examples=30)
@given(at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_no_flipped_byte_is_a_fault_of_ours(
    tmp_path_factory: pytest.TempPathFactory, whole: Path, at: float, flip: int, cut: bool
) -> None:
    data = whole.read_bytes()
    place = int(at * len(data))
    data = data[:place] + bytes([data[place] ^ flip]) + (b"" if cut else data[place + 1 :])
    path = tmp_path_factory.mktemp("flipped") / "arcops.sqlite"
    path.touch(mode=0o600)
    path.write_bytes(data)
    with suppress(Refused, Unavailable), hurried(at_server(f"sqlite:///{path}")) as database:
        ready(database)
        Leases(database, "two").take("other", 60)
        Leases(database, "two").held()
        ApiKeys(database).listed()


class TestItsFile:
    @pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
    def test_is_private_whatever_the_umask(self, tmp_path: Path, mask: int) -> None:
        before = os.umask(mask)
        try:
            with opened(read_settings({"ARCOPS_HOME": str(tmp_path / "home")})) as database:
                assert Leases(database, "one").take("work", 60) is not None
                seen = [tmp_path / "home", *(tmp_path / "home").rglob("*")]
                assert {path.name for path in seen} >= {"database", "arcops.sqlite", "arcops.sqlite-wal"}
                assert [str(path) for path in seen if path.stat().st_mode & 0o077] == []
        finally:
            os.umask(before)

    def test_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
        opened(settings).close()
        path = tmp_path / "database" / "arcops.sqlite"
        for mode in (0o604, 0o602, 0o666):
            path.chmod(mode)
            with pytest.raises(Refused, match="chmod o-rwx"):
                opened(settings)
        path.chmod(0o660)
        opened(settings).close()
        path.parent.chmod(0o777)
        with pytest.raises(Refused, match="every user of this machine can write"):
            opened(settings)

    def test_is_never_a_link_or_a_folder(self, tmp_path: Path) -> None:
        settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
        opened(settings).close()
        path = tmp_path / "database" / "arcops.sqlite"
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(Refused, match="not a regular file"):
            opened(settings)
        path.unlink()
        path.symlink_to(tmp_path / "nothing")
        with pytest.raises(Refused, match="not a regular file"):
            opened(settings)
        assert not (tmp_path / "nothing").exists()
        path.unlink()
        path.mkdir()
        with pytest.raises(Refused, match="not a regular file"):
            opened(settings)

    def test_that_cannot_be_made_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "database").write_text("a file")
        with pytest.raises(Unavailable, match="cannot be made"):
            opened(read_settings({"ARCOPS_HOME": str(tmp_path)}))

    def test_of_one_who_writes_is_waited_for_and_then_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from foundation.database import engine

        monkeypatch.setattr(engine, "BUSY_SECONDS", 0.05)
        settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
        with opened(settings) as first, opened(settings) as second, first.writing():
            assert Leases(second, "two").held() == ()
            with pytest.raises(Unavailable, match="locked"):
                Leases(second, "two").take("work", 60)
