"""The index of the catalog's words: FTS5 in SQLite, full text in PostgreSQL. Both find by the stems of English words.

It is derived: the one who writes an entry puts its words in the same transaction, and `rebuild` makes all of it again. No
trigger does so, because SQLite lets none write to a virtual table while the schema is not trusted (``trusted_schema = OFF``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

MOST_WORDS = 16
"""Words of one question; those after them are left out."""
_WORD = re.compile(r"\w+", re.UNICODE)
_ON_SQLITE = """SELECT e.name FROM (SELECT rowid, rank FROM arcops_catalog_words WHERE arcops_catalog_words MATCH :asked
AND rank MATCH 'bm25(8.0, 4.0, 2.0, 1.0)' AND (:every = 1 OR rowid IN (SELECT id FROM arcops_catalog_entry WHERE offered <> ''))
AND (:state = '' OR rowid IN (SELECT o.id FROM arcops_catalog_entry o JOIN arcops_catalog_version v ON v.name = o.name
WHERE v.state = :state)) ORDER BY rank LIMIT :most) w JOIN arcops_catalog_entry e ON e.id = w.rowid ORDER BY w.rank, e.name"""
_ON_POSTGRESQL = """SELECT e.name FROM arcops_catalog_words w JOIN arcops_catalog_entry e ON e.id = w.id,
to_tsquery('english', :asked) asked WHERE w.found @@ asked AND (:every = 1 OR e.offered <> '')
AND (:state = '' OR EXISTS (SELECT 1 FROM arcops_catalog_version v WHERE v.name = e.name AND v.state = :state))
ORDER BY ts_rank('{0.1, 0.25, 0.5, 1.0}', w.found, asked) DESC, e.name LIMIT :most"""
_PUT_SQLITE = """INSERT INTO arcops_catalog_words (rowid, name, title, description, more)
VALUES (:id, :name, :title, :description, :more)"""
_PUT_POSTGRESQL = """INSERT INTO arcops_catalog_words (id, found) VALUES (:id, setweight(to_tsvector('english', :name), 'A') ||
setweight(to_tsvector('english', :title), 'B') || setweight(to_tsvector('english', :description), 'C') ||
setweight(to_tsvector('english', :more), 'D')) ON CONFLICT (id) DO UPDATE SET found = EXCLUDED.found"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is found of the entry ``id``; a word in its name counts most, one of ``more`` least."""

    id: int
    name: str
    title: str
    description: str
    more: str


def put(connection: Connection, entries: Iterable[Words]) -> None:
    """Index the words of *entries*, instead of those that were there."""
    sqlite = connection.dialect.name == "sqlite"
    values = [
        {"id": one.id, "name": _apart(one.name), "title": one.title, "description": one.description, "more": _apart(one.more)}
        for one in entries
    ]
    if not values:
        return
    if sqlite:
        connection.execute(text("DELETE FROM arcops_catalog_words WHERE rowid = :id"), [{"id": one["id"]} for one in values])
    connection.execute(text(_PUT_SQLITE if sqlite else _PUT_POSTGRESQL), values)


def names_of(
    connection: Connection, asked: str, *, every: bool, most: int, state: str = "", any_word: bool = False
) -> Sequence[str]:
    """The names of entries that have all words of *asked*, the best first; each may be the beginning of one.

    Without *every* only those that are offered; with a *state* only those with a version in it. With *any_word*, those that
    have at least one of the words.
    """
    words = [one.replace("_", " ") for one in _WORD.findall(asked)[:MOST_WORDS]]
    words = [part for one in words for part in one.split()]
    if not words:
        return ()
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        asking = (" OR " if any_word else " AND ").join(f'"{one}"*' for one in words)
    else:
        asking = (" | " if any_word else " & ").join(f"'{one}':*" for one in words)
    values = {"asked": asking, "every": int(every), "most": most, "state": state}
    return connection.execute(text(_ON_SQLITE if sqlite else _ON_POSTGRESQL), values).scalars().all()


def rebuild(connection: Connection) -> None:
    """Index every entry again, because rows came without their words: they were copied from another database."""
    connection.execute(text("DELETE FROM arcops_catalog_words"))
    rows = connection.execute(text("SELECT id, name, title, description, more FROM arcops_catalog_entry")).all()
    put(
        connection,
        (Words(**one._mapping) for one in rows),
    )


def _apart(names: str) -> str:
    """*names* as words: ``io.github.user/time-server`` is found by each part, in both kinds of database."""
    return " ".join(part for one in _WORD.findall(names) for part in one.split("_") if part)
