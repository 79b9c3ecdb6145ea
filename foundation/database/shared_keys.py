"""Keys that all hosts of one database share: each is made by the first host that needs it, and none of them opens anything."""

from __future__ import annotations

import os

from sqlalchemy import select

from foundation.database.engine import Database
from foundation.database.faults import damaged
from foundation.database.tables import LOGIN_KEYS

LOGIN, CACHE = 1, 2
_BYTES = 32
_FOR = {LOGIN: "logins", CACHE: "the cache"}


def shared_key(database: Database, number: int) -> bytes:
    """The key *number* in *database*. Raises `Unavailable`, also if it is damaged."""
    make = database.insert(LOGIN_KEYS)
    mine = select(LOGIN_KEYS.c.key).where(LOGIN_KEYS.c.id == number)
    with database.reading() as connection:
        found = connection.execute(mine).scalar_one_or_none()
    if found is None:
        with database.writing() as connection:
            connection.execute(make.values(id=number, key=os.urandom(_BYTES)).on_conflict_do_nothing())
            found = connection.execute(mine).scalar_one()
    if not isinstance(found, bytes) or len(found) != _BYTES:
        raise damaged(database.shown, f"its key for {_FOR[number]} has not {_BYTES} bytes")
    return found
