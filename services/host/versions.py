"""The versions of hosted servers in the database: what each was, what its package was resolved to, and since when it counts.

Each function is a part of its caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, case, func, insert, literal_column, select
from sqlalchemy.types import BigInteger

from artifacts.wire import from_json
from foundation.database.engine import Database
from foundation.database.tables import HOSTED, HOSTED_LOCKS, HOSTED_SERVED, HOSTED_VERSIONS
from services.host.lock import Lock
from services.host.row import Version
from services.host.spec import Spec


def add_version(
    connection: Connection, database: Database, name: str, *, spec: str, lock: str = "", author: str, counts: bool
) -> int:
    """Add a version of *spec*, with *lock* if there is one (both JSON), and return its number. Without *counts* it is only
    proposed.
    """
    newest = select(func.coalesce(func.max(HOSTED_VERSIONS.c.version), 0)).where(HOSTED_VERSIONS.c.name == name)
    number = int(connection.execute(newest).scalar_one()) + 1
    values = {"name": name, "version": number, "spec": spec, "author": author, "made": _now(database)}
    connection.execute(insert(HOSTED_VERSIONS).values(values))
    if lock:
        add_lock(connection, database, name, number, lock)
    if counts:
        count_from_now(connection, database, name, number, author)
    return number


def add_lock(connection: Connection, database: Database, name: str, number: int, lock: str) -> None:
    """Note what the package of a version was resolved to (JSON); the first word counts, and a second one changes nothing."""
    values = {"name": name, "version": number, "lock": lock, "made": _now(database)}
    connection.execute(database.insert(HOSTED_LOCKS).values(values).on_conflict_do_nothing())


def count_from_now(connection: Connection, database: Database, name: str, number: int, author: str) -> None:
    """Version *number* counts from now on, also if it did before: later than every other one, whatever the clock says."""
    now = _now(database)
    last = select(func.max(HOSTED_SERVED.c.made)).where(HOSTED_SERVED.c.name == name).scalar_subquery()
    said = {"author": author, "made": case((last >= now, last + 1), else_=now)}
    put = database.insert(HOSTED_SERVED).values(name=name, version=number, **said)
    keys = [HOSTED_SERVED.c.name, HOSTED_SERVED.c.version]
    connection.execute(put.on_conflict_do_update(index_elements=keys, set_=said))


def versions_of(connection: Connection, name: str) -> list[Version]:
    """Every version that *name* had, the oldest first."""
    locked = (HOSTED_LOCKS.c.name == HOSTED_VERSIONS.c.name) & (HOSTED_LOCKS.c.version == HOSTED_VERSIONS.c.version)
    served = (HOSTED_SERVED.c.name == HOSTED_VERSIONS.c.name) & (HOSTED_SERVED.c.version == HOSTED_VERSIONS.c.version)
    asked = (
        select(HOSTED_VERSIONS, HOSTED_LOCKS.c.lock, HOSTED_SERVED.c.made.label("served"))
        .outerjoin(HOSTED_LOCKS, locked)
        .outerjoin(HOSTED_SERVED, served)
        .where(HOSTED_VERSIONS.c.name == name)
        .order_by(HOSTED_VERSIONS.c.version)
    )
    return [
        Version(
            number=one.version,
            spec=from_json(Spec, one.spec),
            lock=from_json(Lock, one.lock) if one.lock else None,
            author=one.author,
            made=one.made,
            served=one.served or 0,
        )
        for one in connection.execute(asked).all()
    ]


def names_of_packages(connection: Connection, packages: Collection[str]) -> list[str]:
    """The names of the servers that are there now and have a version of one of *packages*, in their order."""
    there = HOSTED.c.name == HOSTED_VERSIONS.c.name
    rows = connection.execute(select(HOSTED_VERSIONS.c.name, HOSTED_VERSIONS.c.spec).join(HOSTED, there)).all()
    return sorted({one.name for one in rows if from_json(Spec, one.spec).package in packages})


def _now(database: Database) -> object:
    return literal_column(database.clock, BigInteger)
