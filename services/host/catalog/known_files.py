"""What the catalog says of the files of a package: digests that its index gave on the day when someone wrote them down."""

from __future__ import annotations

import msgspec
from packaging.utils import canonicalize_name
from sqlalchemy import select

from arcops.errors import Refused
from arcops.seen.server import Catalogued
from foundation.database.engine import Database
from foundation.database.tables import CATALOG_VERSIONS
from services.host.catalog.document import FileLock
from services.host.catalog.entry import State
from tasks.server.locks import named

_locks = msgspec.json.Decoder(list[FileLock])


def known_files(database: Database, package: str) -> tuple[Catalogued, ...]:
    """What entries say of the files of *package*, as a row names it. A version that was refused says nothing.

    Raises `Unavailable` if the database does not answer.
    """
    wanted = _plain(package)
    if not wanted:
        return ()
    of = CATALOG_VERSIONS.c
    asked = select(of.name, of.version, of.locks).where(of.locks != "[]", of.state != State.REFUSED.value).order_by(of.name)
    with database.reading() as connection:
        rows = connection.execute(asked).all()
    return tuple(
        Catalogued(file=lock.file, digest=lock.digest, entry=f"{one.name} {one.version}")
        for one in rows
        for lock in _locks.decode(one.locks)
        if _plain(lock.package) == wanted
    )


def _plain(package: str) -> tuple[str, str, str] | None:
    """Source, name and version of *package*, the same for each spelling of it; ``None`` for what is on no index."""
    source = package.partition(":")[0]
    try:
        name, version = named(package)
    except Refused:
        return None
    return source, canonicalize_name(name.partition("[")[0]) if source == "pypi" else name, version
