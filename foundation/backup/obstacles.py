"""What is opposed to a restore: someone who works with the database, and what is here and not in the backup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from arcops.errors import Refused
from artifacts.signed_tar import SignedTar
from foundation.backup.places import MOST_FILE, files_in, folders, hidden_in, key_files, read, single_files
from foundation.backup.reading import Secrets
from foundation.database.dumping import is_empty, revision_of
from foundation.database.engine import Database
from foundation.database.lease import Held, Leases
from foundation.settings import Settings

_REPLACE = "Say --replace to put it aside and restore the backup in its place"


def refuse_busy(database: Database, *, damaged: bool) -> None:
    """Raise `Refused` if someone works with *database*; if it may be *damaged*, one that cannot be read is not asked."""
    held: tuple[Held, ...] = ()
    try:
        with database.reading() as connection:
            there = bool(revision_of(connection))
        held = Leases(database, "restore").held() if there else ()
    except Refused:
        if not damaged:
            raise
    if held:
        raise Refused(
            f"{held[0].holder} holds the lease {held[0].name!r} for {held[0].seconds:.0f} more seconds, so it works with the "
            f"database {database.shown}; stop every host first"
        )


def refuse_in_the_way(tar: SignedTar, secrets: Secrets, settings: Settings, database: Database | None) -> None:
    """Raise `Refused` if the site has anything that the backup does not have, byte for byte."""
    for what in _in_the_way(tar, secrets, settings):
        raise Refused(f"{what} is in the way: it is not what the backup has; nothing was restored. {_REPLACE}")
    if database is not None:
        with database.reading() as connection:
            if revision_of(connection) and not is_empty(connection):
                raise Refused(f"the database {database.shown} is in the way: it has rows; nothing was restored. {_REPLACE}")


def _in_the_way(tar: SignedTar, secrets: Secrets, settings: Settings) -> Iterator[Path]:
    names = set(tar.names)
    for place, folder in folders(settings).items():
        for name, path in files_in(folder):
            member = f"{place}/{name}"
            if member not in names or tar.read(member, MOST_FILE) != read(path):
                yield path
        yield from (folder / name for name in hidden_in(folder))
    for name, path in single_files(settings).items():
        if path.exists() and (name not in names or tar.read(name, MOST_FILE) != read(path)):
            yield path
    for name, path in key_files(settings).items():
        if path.exists() and secrets.keys.get(name) != read(path):
            yield path
