"""Long calls that any instance may be asked about: who began them, whether their host is still there, and how they ended.

The host that works on a task says again and again that it is there, by the database's clock. If it stops saying so, the task
has ended without a result, and every instance says that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.tables import TASKS

ALIVE_SECONDS = 30
"""How long a host counts as there after it said so."""
SAY_SECONDS = 5.0
"""How often it says so."""
KEPT_SECONDS = 7 * 24 * 3600
MOST_TEXT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task: its ``owner``, a ``note`` of what was asked, its result ``said`` or empty, and whether its host is ``there``."""

    id: str
    owner: str
    note: str
    said: str
    there: bool


class TaskRows:
    """The tasks in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = literal_column(database.clock, BigInteger)

    def begin(self, id_: str, owner: str, note: str, *, elsewhere: bool = False) -> None:
        """A task begins. If it runs *elsewhere*, as a run of Prefect, it does not end with a host.

        Raises `Refused` for a *note* that is too long.
        """
        if len(note) > MOST_TEXT:
            raise Refused(f"this ask has {len(note)} characters, and a task takes at most {MOST_TEXT}")
        life = KEPT_SECONDS if elsewhere else ALIVE_SECONDS
        row = {"id": id_, "owner": owner, "note": note, "said": "", "stop": 0}
        with self._database.writing() as connection:
            connection.execute(delete(TASKS).where(TASKS.c.until <= self._now))
            connection.execute(
                insert(TASKS).values(**row, alive=self._now + life * 1000, until=self._now + KEPT_SECONDS * 1000)
            )

    def found(self, id_: str) -> TaskRow | None:
        """The task *id_*, if it is known."""
        columns = (TASKS.c.id, TASKS.c.owner, TASKS.c.note, TASKS.c.said, (TASKS.c.alive > self._now).label("there"))
        with self._database.reading() as connection:
            row = connection.execute(select(*columns).where(TASKS.c.id == id_, TASKS.c.until > self._now)).one_or_none()
        return TaskRow(id=row.id, owner=row.owner, note=row.note, said=row.said, there=bool(row.there)) if row else None

    def alive(self, ids: Sequence[str]) -> frozenset[str]:
        """Say that the host of *ids* is there. Returns those that someone asked to stop."""
        mine = TASKS.c.id.in_(list(ids))
        with self._database.writing() as connection:
            connection.execute(update(TASKS).where(mine).values(alive=self._now + ALIVE_SECONDS * 1000))
            return frozenset(connection.execute(select(TASKS.c.id).where(mine, TASKS.c.stop == 1)).scalars())

    def end(self, id_: str, said: str) -> None:
        """The task *id_* ended with *said*, which is not kept if it is too long."""
        with self._database.writing() as connection:
            kept = said if len(said) <= MOST_TEXT else ""
            connection.execute(update(TASKS).where(TASKS.c.id == id_).values(said=kept, alive=0))

    def stop(self, id_: str) -> None:
        """Ask the host of the task *id_* to stop it."""
        with self._database.writing() as connection:
            connection.execute(update(TASKS).where(TASKS.c.id == id_).values(stop=1))

    def close(self) -> None:
        """Close the database."""
        self._database.close()
