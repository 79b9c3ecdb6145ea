"""Sessions of MCP that any instance of a site goes on with: whose they are, and what their client said of itself.

Of a session's id only SHA-256 is kept, so who reads the database cannot use it. What was sent in a session is not kept here.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.faults import damaged
from foundation.database.tables import MCP_SESSIONS

IDLE_SECONDS = 30 * 60
"""A session ends after so long without a request."""
MOST_OPENING = 64 * 1024
"""Characters of what a client says of itself."""
_TOUCH_SECONDS = 60


class McpSessions:
    """The sessions in *database*. Methods raise `Unavailable` if it does not answer. Its clock decides."""

    def __init__(self, database: Database, *, idle: int = IDLE_SECONDS) -> None:
        self._database = database
        self._now: ColumnElement[int] = literal_column(database.clock, BigInteger)
        self._idle = idle * 1000

    def begin(self, id_: str, owner: str, opening: str, *, most: int) -> None:
        """The session *id_* of *owner* begins; its client said *opening*. If the owner has *most*, the one that was used
        longest ago is forgotten. Raises `Refused` for an *opening* that is too long.
        """
        if len(opening) > MOST_OPENING:
            raise Refused(f"what this client says of itself has {len(opening)} characters, and {MOST_OPENING} are kept")
        mine = MCP_SESSIONS.c.owner == owner
        with self._database.writing() as connection:
            connection.execute(delete(MCP_SESSIONS).where(MCP_SESSIONS.c.until <= self._now))
            connection.execute(delete(MCP_SESSIONS).where(MCP_SESSIONS.c.hash == _hash(id_)))
            newest = select(MCP_SESSIONS.c.hash).where(mine).order_by(MCP_SESSIONS.c.until.desc(), MCP_SESSIONS.c.hash)
            surplus = list(connection.execute(newest.offset(max(0, most - 1))).scalars())
            if surplus:
                connection.execute(delete(MCP_SESSIONS).where(MCP_SESSIONS.c.hash.in_(surplus)))
            row: dict[str, Any] = {"hash": _hash(id_), "owner": owner, "opening": opening}
            connection.execute(insert(MCP_SESSIONS).values(**row, made=self._now, until=self._now + self._idle))

    def found(self, id_: str, owner: str) -> str | None:
        """What the client of the session *id_* said of itself; empty if it was ended, and ``None`` if *owner* has no such
        session that counts. One that is found goes on counting.
        """
        with self._database.reading() as connection:
            left = (MCP_SESSIONS.c.until - self._now).label("left")
            row = connection.execute(select(MCP_SESSIONS.c.opening, left).where(self._is(id_, owner))).one_or_none()
        if row is None:
            return None
        if not isinstance(row.opening, str):
            raise damaged(self._database.shown, "a session of MCP has values that no session has")
        if row.opening and row.left < self._idle - _TOUCH_SECONDS * 1000:
            with self._database.writing() as connection:
                connection.execute(update(MCP_SESSIONS).where(self._is(id_, owner)).values(until=self._now + self._idle))
        return row.opening

    def end(self, id_: str, owner: str) -> None:
        """The client ended the session: the row says so to the other instances, and goes later."""
        with self._database.writing() as connection:
            ended = {"opening": "", "until": self._now + self._idle}
            connection.execute(update(MCP_SESSIONS).where(self._is(id_, owner)).values(**ended))

    def _is(self, id_: str, owner: str) -> ColumnElement[bool]:
        return and_(MCP_SESSIONS.c.hash == _hash(id_), MCP_SESSIONS.c.owner == owner, MCP_SESSIONS.c.until > self._now)


def _hash(id_: str) -> bytes:
    return hashlib.sha256(id_.encode()).digest()
