"""Who the owner of a hosted server shares it with: granted, revoked, and counted on every host with its row."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from foundation.authorization.sharing import Share, With
from foundation.database.engine import Database
from foundation.database.tables import HOSTED, HOSTED_SHARES

MOST_SHARES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A share, by its ``author``; ``made`` in milliseconds since 1970."""

    share: Share
    author: str
    made: int


def shares_of(connection: Connection, name: str) -> tuple[Granted, ...]:
    """What *name* is shared with, in order."""
    asked = select(HOSTED_SHARES).where(HOSTED_SHARES.c.name == name)
    found = (
        Granted(share=Share(kind=With(one.kind), who=one.who), author=one.author, made=one.made)
        for one in connection.execute(asked).all()
    )
    return tuple(sorted(found, key=lambda one: one.share))


class Sharing:
    """The shares in *database*. Methods raise `Unavailable` if it does not answer, and `Refused` without such a server."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, name: str) -> tuple[Granted, ...]:
        """What *name* is shared with, in order."""
        with self._database.reading() as connection:
            return shares_of(connection, name)

    def change(self, name: str, *, grant: tuple[Share, ...] = (), revoke: tuple[Share, ...] = (), author: str) -> None:
        """Share *name*, and share it no more. What is shared already stays; to revoke what is not shared is refused."""
        with self._database.writing() as connection:
            if not change_shares(connection, self._database, name, grant=grant, revoke=revoke, author=author):
                raise Refused(f"there is no hosted server {name[:100]!r}; 'arcops host list' shows those that are there")


def change_shares(
    connection: Connection,
    database: Database,
    name: str,
    *,
    grant: tuple[Share, ...] = (),
    revoke: tuple[Share, ...] = (),
    author: str,
) -> bool:
    """As `Sharing.change`, as a part of the caller's transaction; false, and nothing is changed, without such a server."""
    now = literal_column(database.clock, BigInteger)
    touched = connection.execute(update(HOSTED).where(HOSTED.c.name == name).values(changed=now))  # every host reads it again
    if not touched.rowcount:
        return False
    there = {one.share for one in shares_of(connection, name)}
    if lacking := sorted(set(revoke) - there):
        raise Refused(f"{name} is not shared with {lacking[0]}; 'arcops host share {name}' lists what it is shared with")
    if len(there | set(grant)) > MOST_SHARES:
        raise Refused(f"{name} is shared with {len(there)}, and {MOST_SHARES} are the most; share it with a role")
    for one in revoke:
        mine = (HOSTED_SHARES.c.name == name) & (HOSTED_SHARES.c.kind == one.kind.value) & (HOSTED_SHARES.c.who == one.who)
        connection.execute(delete(HOSTED_SHARES).where(mine))
    for one in sorted(set(grant) - there):
        values = {"name": name, "kind": one.kind.value, "who": one.who, "author": author, "made": now}
        connection.execute(insert(HOSTED_SHARES).values(values))
    return True
