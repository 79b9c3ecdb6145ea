"""The database: what is in it, bring it to this version's schema, copy it to another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, always, tool
from flows.place import Place
from foundation.database.address import Address, SqliteFile, read_address

if TYPE_CHECKING:
    from foundation.database.engine import Database

_TO = "--to"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDatabase:
    """Asks for the state of the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsCounted:
    """How many rows a table has."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHeld:
    """A lease that is held now, and for how much longer."""

    name: str
    holder: str
    epoch: int
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseShown:
    """The state of the database.

    ``kind`` is sqlite or postgresql; ``at`` is its address. ``schema`` is the revision found, empty if there is no database
    yet, and ``newest`` the one of this version. The tables and leases are empty unless the two are the same.
    """

    kind: str
    at: str
    schema: str
    newest: str
    tables: tuple[RowsCounted, ...]
    leases: tuple[LeaseHeld, ...]


@tool(title="Show the database", scope=Scope.TRUST, reads_only=True)
def show_database(ask: ShowDatabase, at: Place) -> DatabaseShown:
    """Show the database: its address, schema, number of rows in each table, and who holds which lease. It changes nothing."""
    address = read_address(at.settings.database)
    from foundation.database.migrating import newest, schema

    if isinstance(address, SqliteFile) and not address.path.exists():
        return DatabaseShown(kind="sqlite", at=str(address.path), schema="", newest=newest(), tables=(), leases=())
    from foundation.database.lease import Leases
    from foundation.database.moving import counts

    with _database(at, address) as database:
        found = schema(database)
        tables = counts(database) if found.current else ()
        leases = Leases(database, "status").held() if found.current else ()
        return DatabaseShown(
            kind=database.kind,
            at=database.shown,
            schema=found.found,
            newest=found.newest,
            tables=tuple(RowsCounted(table=one.table, rows=one.rows) for one in tables),
            leases=tuple(
                LeaseHeld(name=one.name, holder=one.holder, epoch=one.epoch, seconds=round(one.seconds)) for one in leases
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateDatabase:
    """Asks to bring the database to this version's schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseMigrated:
    """The revision before, empty for a new database, and now."""

    at: str
    before: str
    now: str


@tool(title="Migrate the database", scope=Scope.TRUST, idempotent=True)
def migrate_database(ask: MigrateDatabase, at: Place) -> DatabaseMigrated:
    """Bring the database to this version's schema, all steps or none. A database of a newer version is refused.

    Every start does this by itself if its role may; with PostgreSQL, the role that owns the tables may do it before.
    """
    from foundation.database.migrating import migrate

    with _database(at, read_address(at.settings.database)) as database:
        before = migrate(database)
        return DatabaseMigrated(at=database.shown, before=before.found, now=before.newest)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveDatabase:
    """Where to copy the database to."""

    to: str = field(metadata=shaped(title="URL", least=1, most=2048))
    """The other database, like postgresql+psycopg://me@db/arcops; it must be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseMoved:
    """What was copied from one database to the other."""

    source: str
    target: str
    tables: tuple[RowsCounted, ...]


@tool(title="Copy the database to another one", scope=Scope.TRUST, connects=always)
def move_database(ask: MoveDatabase, at: Place) -> DatabaseMoved:
    """Copy everything in the database to an empty one, compare the two, and leave the first as it is.

    Every host is stopped before, and gets the new address after. Refused over the network: the caller names the address.
    """
    if at.remote:
        raise Refused("a database is only moved on the machine itself, with 'arcops database move'; ask its operator")
    source, target = read_address(at.settings.database), read_address(ask.to, what=_TO)
    from foundation.database.moving import move

    if isinstance(source, SqliteFile) and not source.path.exists():
        raise Refused(f"there is no database at {source.path} yet, so there is nothing to move; set ARCOPS_DATABASE instead")
    with _database(at, source) as first, _database(at, target) as second:
        moved = move(first, second)
        tables = tuple(RowsCounted(table=one.table, rows=one.rows) for one in moved)
        return DatabaseMoved(source=first.shown, target=second.shown, tables=tables)


@contextmanager
def _database(at: Place, address: Address) -> Iterator[Database]:
    from foundation.database.engine import connected  # with SQLAlchemy it costs start-up time

    with connected(address, at.settings.tier, at.settings.database_password) as database:
        yield database
