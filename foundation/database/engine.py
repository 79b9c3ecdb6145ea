"""An open database: transactions that read or write, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from arcops.errors import Refused, Unavailable
from arcops.extras import refuse_without
from arcops.tier import Tier
from artifacts.private_folder import make_private, refuse_if_open
from foundation.database.address import Address, PostgresServer, SqliteFile
from foundation.database.faults import said
from foundation.egress import postgresql
from foundation.secrets import with_secret

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

BUSY_SECONDS = 30.0
"""How long a transaction waits for another one."""
IDLE_SECONDS = 10.0
"""A PostgreSQL server ends a transaction that writes nothing for so long: its holder may be stopped, and others wait for it."""
_WRITES = "arcops_writes"
_NUMBER = "arcops_file"
_CLOCKS = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}


class Database:
    """An open database. Every method raises `Unavailable` if it does not answer, and `Refused` if it is damaged."""

    def __init__(self, address: Address, engine: Engine) -> None:
        self.address = address
        self._engine = engine
        self._writes = engine.execution_options(**{_WRITES: True})
        self._reads = engine if self.kind == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")

    @property
    def kind(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def shown(self) -> str:
        """Its name in sentences."""
        return self.address.shown

    @property
    def clock(self) -> str:
        """The database's own clock in milliseconds since 1970, as SQL: the same for all hosts."""
        return _CLOCKS[self.kind]

    def insert(self, table: Table) -> PostgresInsert | SqliteInsert:
        """An INSERT into *table* that may say what happens if the row is there (``on_conflict_do_…``)."""
        from sqlalchemy.dialects import postgresql as by_postgresql
        from sqlalchemy.dialects import sqlite as by_sqlite

        return by_postgresql.insert(table) if self.kind == "postgresql" else by_sqlite.insert(table)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with said(self.shown), self._reads.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is kept whole, or not at all if the code inside raises. SQLite lets one in at a time."""
        with said(self.shown), self._writes.begin() as connection:
            if self.kind == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = {int(BUSY_SECONDS * 1000)}"))
                connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {int(IDLE_SECONDS * 1000)}"))
            yield connection

    def write_ahead(self) -> None:
        """Switch on the write-ahead log of a file of SQLite, for good: readers then do not wait for a writer."""
        with said(self.shown):
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
            finally:
                raw.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connected(address: Address, tier: Tier, password: str = "", environment: Mapping[str, str] = os.environ) -> Database:
    """The database at *address*, as it is: its schema is not looked at. *password* is a reference to its password, or empty.

    A missing file of SQLite is made, private to this user. Raises `Refused` for a server that *tier* does not reach.
    """
    if isinstance(address, SqliteFile):
        return Database(address, _file(address.path))
    refuse_without(("postgresql",))
    return Database(address, _server(address, tier, password, environment))


def _server(address: PostgresServer, tier: Tier, password: str, environment: Mapping[str, str]) -> Engine:
    postgresql.refuse_unreached(tier, address.to, environment)
    session = partial(
        postgresql.session, tier, address.to, user=address.user, name=address.name, socket=address.socket, tls=address.tls
    )

    def creator() -> Any:
        """The password is looked up for each connection, so that one that was replaced counts without a restart."""
        if not password:
            return session(password="")
        return with_secret(
            environment,
            password,
            "password of the database",
            lambda secret: session(password=secret),
            refused=postgresql.password_refused,
            tier=tier,
        )

    return create_engine(
        URL.create("postgresql+psycopg"),
        creator=creator,
        pool_pre_ping=True,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )


def _file(path: Path) -> Engine:
    _make(path)
    same_file = {"mode": "rw", "uri": "true"}  # a file that is gone is not made again, with the umask's mode and no tables
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=f"file:{quote(str(path))}", query=same_file),
        connect_args={"timeout": BUSY_SECONDS},
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_NUMBER] = _number(path)
        connection.isolation_level = None  # the driver would begin transactions by itself, and none that writes
        for pragma in ("foreign_keys = ON", "synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "checkout")
    def still_there(_: Any, record: ConnectionPoolEntry, __: object) -> None:
        """A file that was restored from a copy counts at once; else a key that was revoked in it would go on counting."""
        if record.info.get(_NUMBER) != _number(path):
            raise DisconnectionError("the file was replaced")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine


def _number(path: Path) -> tuple[int, int] | None:
    """What tells the file from another one of its name; ``None`` if it is gone."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make(path: Path) -> None:
    """Make the file if it is missing, for this user alone: SQLite would make it by the umask, and its other files like it."""
    try:
        make_private(path.parent)
        refuse_if_open(path.parent, "the database")
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        status = path.lstat()
    except OSError as error:
        raise Unavailable(f"the database {path} cannot be made: {error.strerror}") from error
    if not path.is_file() or path.is_symlink():
        raise Refused(f"the database {path} is not a regular file; name another one in ARCOPS_DATABASE")
    if status.st_mode & 0o007:
        raise Refused(f"other users can read or write the database {path}; check it, and run 'chmod o-rwx {path}*'")
