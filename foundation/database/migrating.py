"""Bring a database to this version's schema: forward only, once, whichever of several hosts comes first.

A database that a newer version made is refused, and so is a file or a set of tables that ArcOps did not make.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from arcops.errors import Refused, Unavailable
from foundation.database.address import SqliteFile
from foundation.database.engine import BUSY_SECONDS, Database
from foundation.database.faults import damaged
from foundation.database.tables import METADATA, PREFIX, VERSION_TABLE

_STEPS = Path(__file__).parent / "migrations"
_LOCK = 0x6172636F7073  # "arcops" in ASCII: the key of PostgreSQL's advisory lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The revision of a database's schema, empty if it has none yet, and the newest that this version knows."""

    found: str
    newest: str

    @property
    def current(self) -> bool:
        """Is it this version's schema?"""
        return self.found == self.newest


def newest(steps: Path = _STEPS) -> str:
    """The newest revision that this version knows."""
    return _newest(_script(steps))


def schema(database: Database, steps: Path = _STEPS) -> Schema:
    """The schema of *database*. Raises `Refused` if it is newer than this version, damaged, or not a database of ArcOps."""
    script = _script(steps)
    with database.reading() as connection:
        return _schema(database, connection, script)


def migrate(database: Database, steps: Path = _STEPS) -> Schema:
    """Bring *database* to the newest schema, and return what was found before. Two hosts that do so at once do it once.

    All steps are one transaction: after a crash the schema is the old one. Raises as `schema`, and `Unavailable` if another
    host holds the lock for too long.
    """
    script = _script(steps)
    with _alone(database), database.writing() as connection:
        if database.kind == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        found = _schema(database, connection, script)
        if not found.current:
            _climb(connection, script)
        _whole(database, connection)
    return found


def ready(database: Database, steps: Path = _STEPS) -> Database:
    """*database*, with the newest schema. Raises as `migrate`."""
    if not schema(database, steps).current:
        migrate(database, steps)
    return database


@cache
def _script(steps: Path) -> ScriptDirectory:
    """The steps in the folder *steps*, which are files of this version: they are read once."""
    config = Config()
    config.set_main_option("script_location", str(steps).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _newest(script: ScriptDirectory) -> str:
    found = script.get_current_head()
    if found is None:
        raise Refused("this installation of ArcOps has no schema of a database; install it again")
    return found


def _schema(database: Database, connection: Connection, script: ScriptDirectory) -> Schema:
    last = _newest(script)
    if database.kind == "postgresql":
        _refuse_elsewhere(database, connection)
    inspector = inspect(connection)
    tables = set(inspector.get_table_names())
    ours = {name for name in tables if name.startswith(PREFIX)}
    if VERSION_TABLE not in tables:
        if ours:
            raise damaged(database.shown, f"it has the table {min(ours)}, but no revision of its schema")
        if tables and isinstance(database.address, SqliteFile):
            raise Refused(f"{database.shown} is a database of another program; name another file in ARCOPS_DATABASE")
        return Schema(found="", newest=last)
    heads = _context(connection).get_current_heads()
    if len(heads) != 1:
        raise damaged(database.shown, f"it names {len(heads)} revisions of its schema")
    _refuse_unknown(script, heads[0], f"the database {database.shown}")
    if heads[0] == last:
        _whole(database, connection)
    return Schema(found=heads[0], newest=last)


def _refuse_elsewhere(database: Database, connection: Connection) -> None:
    """Raise `Refused` if the tables are in another schema than the one that this role makes tables in.

    Two roles with two search paths would otherwise have two sets of tables, and a key that one revoked would count for the
    other.
    """
    current = connection.execute(text("SELECT current_schema()")).scalar_one_or_none()
    query = (
        "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relname = :name AND c.relkind IN ('r', 'p')"
    )
    found = set(connection.execute(text(query), {"name": VERSION_TABLE}).scalars())
    if current is None or found - {current}:
        there = f"are in the schema {min(found - {current})}" if found - {current} else "have no schema to be in"
        raise Refused(
            f"the tables of the database {database.shown} {there}, but this role makes tables in {current or 'none'}; give "
            "each role the same one: ALTER ROLE … IN DATABASE … SET search_path = …"
        )


def _whole(database: Database, connection: Connection) -> None:
    """Raise `Refused` if a table or a column of this version's schema is missing."""
    there = _columns(connection)
    for table in METADATA.sorted_tables:
        if table.name not in there:
            raise damaged(database.shown, f"the table {table.name} is missing")
        if lacking := {one.name for one in table.columns} - there[table.name]:
            raise damaged(database.shown, f"the table {table.name} has no column {min(lacking)}")


def _columns(connection: Connection) -> Mapping[str, set[str]]:
    """The columns of each table. At SQLite it is one query, and not one of SQLAlchemy's for each table."""
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c "
            "WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'"
        )
        found: dict[str, set[str]] = {}
        for table, column in connection.execute(text(query)):
            found.setdefault(table, set()).add(column)
        return found
    many = inspect(connection).get_multi_columns()
    return {name: {one["name"] for one in columns} for (_, name), columns in many.items()}


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


def climb(connection: Connection, to: str = "head", steps: Path = _STEPS) -> None:
    """In the caller's transaction, bring the tables from the revision that they have, or from none, to the revision *to*."""
    _climb(connection, _script(steps), to)


def refuse_unknown(revision: str, what: str, steps: Path = _STEPS) -> None:
    """Raise `Refused` if *revision*, which *what* has, is not one that this version knows."""
    _refuse_unknown(_script(steps), revision, what)


def _refuse_unknown(script: ScriptDirectory, revision: str, what: str) -> None:
    if revision not in {one.revision for one in script.walk_revisions()}:
        raise Refused(
            f"{what} has the schema {revision[:50]!r}, which this version of ArcOps does not know (it knows up to "
            f"{_newest(script)!r}): a newer version made it; use that version"
        )


def _climb(connection: Connection, script: ScriptDirectory, to: str = "head") -> None:
    def steps(revision: Any, _: object) -> Any:
        return script._upgrade_revs(to, revision)

    environment = EnvironmentContext(Config(), script, fn=steps, destination_rev=to)
    with environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE, transactional_ddl=False)
        environment.run_migrations()


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Hold a lock beside a file of SQLite: its write-ahead log cannot be switched on in a transaction, or while others read."""
    if not isinstance(database.address, SqliteFile):
        yield
        return
    path = database.address.path
    try:
        descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Unavailable(f"the lock of the database {path} cannot be made: {error.strerror}") from error
    try:
        _lock(descriptor, database.shown)
        database.write_ahead()
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, shown: str) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"another process is preparing the database {shown} for too long; try again") from error
            time.sleep(0.05)
