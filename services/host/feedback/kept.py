"""Feedback in the database: about what, by which caller, with a status and the time of the first answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.host_tables import FEEDBACK

MOST_TEXT, MOST_OPEN = 4000, 10_000
_ABOUT = re.compile(r"(?:runbook|template|docs):[a-z0-9][a-z0-9-]{0,62}|page:/[A-Za-z0-9/_-]{0,150}")


class Status(StrEnum):
    """How far it is. It only goes forward."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DONE = "done"

    @property
    def rank(self) -> int:
        """Its place in the order."""
        return list(Status).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One piece of feedback; times in milliseconds since 1970. ``answered`` is when someone answered first, or 0."""

    id: str
    about: str
    text: str
    author: str
    made: int
    status: Status
    answer: str
    answered_by: str
    answered: int


class FeedbackKept:
    """The feedback in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = literal_column(database.clock, BigInteger)

    def give(self, id_: str, about: str, text: str, *, author: str) -> Feedback:
        """Keep *text* about a page, runbook or template. Raises `Refused` for another thing, or if too much is open."""
        if not _ABOUT.fullmatch(about):
            raise Refused(
                f"{about[:80]!r} is nothing that feedback is about; write runbook:NAME, template:NAME, docs:NAME or page:/PATH"
            )
        if not text.strip() or len(text) > MOST_TEXT or any(not one.isprintable() and one != "\n" for one in text):
            raise Refused(f"feedback is 1 to {MOST_TEXT} printable characters")
        with self._database.writing() as connection:
            waiting = select(func.count()).select_from(FEEDBACK).where(FEEDBACK.c.status == Status.OPEN.value)
            if int(connection.execute(waiting).scalar_one()) >= MOST_OPEN:
                raise Refused(f"{MOST_OPEN} pieces of feedback are open already; someone has to answer some first")
            values = {"id": id_, "about": about, "text": text, "author": author, "status": Status.OPEN.value}
            connection.execute(insert(FEEDBACK).values(made=self._now, answer="", answered_by="", answered=0, **values))
            return self._there(connection, id_)

    def answer(self, id_: str, status: Status, text: str, *, author: str) -> Feedback:
        """Give it another *status*, with an answer. Raises `Refused` if that would be a step back."""
        if len(text) > MOST_TEXT:
            raise Refused(f"an answer has at most {MOST_TEXT} characters")
        with self._database.writing() as connection:
            found = self._there(connection, id_)
            if status.rank <= found.status.rank:
                raise Refused(f"the feedback {id_} is {found.status} already, and its status only goes forward")
            answered = found.answered or self._now
            values = {"status": status.value, "answer": text or found.answer, "answered_by": author}
            connection.execute(update(FEEDBACK).where(FEEDBACK.c.id == id_).values(answered=answered, **values))
            return self._there(connection, id_)

    def listed(self, about: str, status: Status | None, most: int) -> tuple[Feedback, ...]:
        """The newest first: *about* one thing, or everything if it is empty."""
        asked = select(FEEDBACK).order_by(FEEDBACK.c.made.desc(), FEEDBACK.c.id).limit(most)
        if about:
            asked = asked.where(FEEDBACK.c.about == about)
        if status is not None:
            asked = asked.where(FEEDBACK.c.status == status.value)
        with self._database.reading() as connection:
            return tuple(_read(one) for one in connection.execute(asked).all())

    def _there(self, connection: Connection, id_: str) -> Feedback:
        found = connection.execute(select(FEEDBACK).where(FEEDBACK.c.id == id_)).one_or_none()
        if found is None:
            raise Refused(f"there is no feedback {id_[:40]!r}; 'arcops host feedback list' shows what there is")
        return _read(found)


def _read(row: Row[Any]) -> Feedback:
    return Feedback(
        id=row.id,
        about=row.about,
        text=row.text,
        author=row.author,
        made=row.made,
        status=Status(row.status),
        answer=row.answer,
        answered_by=row.answered_by,
        answered=row.answered,
    )
