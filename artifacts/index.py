"""The store's index: what a listing needs, in SQLite, derived from the log and made anew whenever it is lost.

It decides nothing. What counts as stored is the log; what an artifact says is in its signed bytes. Hence the standard library's
driver: see ``docs/adr/0003-store-index.md``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Unavailable
from arcops.verdict import Verdict
from artifacts.entries import Entry
from artifacts.merkle import Frontier, leaf_hash
from artifacts.typed import moment

VERSION = 1
BUSY_SECONDS = 30.0

_TABLES = """
CREATE TABLE done (entries INTEGER NOT NULL, bytes INTEGER NOT NULL, peaks BLOB NOT NULL);
INSERT INTO done VALUES (0, 0, x'');
CREATE TABLE entry (
    position INTEGER PRIMARY KEY, artifact TEXT NOT NULL, at TEXT NOT NULL, predicate TEXT NOT NULL, subject TEXT NOT NULL,
    verdict TEXT NOT NULL, policy TEXT NOT NULL, judged TEXT NOT NULL, until TEXT NOT NULL
);
CREATE INDEX entry_artifact ON entry (artifact);
CREATE INDEX entry_subject ON entry (subject, position);
CREATE TABLE named (digest TEXT NOT NULL, position INTEGER NOT NULL REFERENCES entry);
CREATE INDEX named_digest ON named (digest, position);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One stored artifact as a listing shows it. These are the artifact's own words: nobody verified a signature to list them.

    ``verdict`` and the moments are ``None`` where the artifact is no readiness report.
    """

    position: int
    artifact: str
    at: datetime
    predicate_type: str
    subject: str
    verdict: Verdict | None
    policy: str
    judged_at: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to list; an empty field asks for nothing. ``digest`` is ``sha256:…`` of a subject."""

    subject: str = ""
    digest: str = ""
    artifact: str = ""
    predicate_type: str = ""
    verdict: Verdict | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry with what its artifact says, ready to be indexed."""

    entry: Entry
    line: bytes
    predicate_type: str
    subject: str
    digests: tuple[str, ...]
    verdict: str = ""
    policy: str = ""
    judged_at: str = ""
    valid_until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How far the index has read the log, in entries and bytes, and the tree over them."""

    bytes: int
    tree: Frontier


class Index:
    """The index file. Every method raises `Unavailable` where SQLite does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._said():
            self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            if self._database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                self.reset()

    def close(self) -> None:
        self._database.close()

    def reset(self) -> None:
        """Empty the index, so that it is made anew."""
        with self._transaction() as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                database.execute(f"DROP TABLE {table}")  # the names are ours, from the schema itself
            for command in _TABLES.split(";\n"):
                database.execute(command)
            database.execute(f"PRAGMA user_version = {VERSION}")

    def done(self) -> Done:
        with self._said():
            entries, size, peaks = self._database.execute("SELECT entries, bytes, peaks FROM done").fetchone()
        hashes = tuple(peaks[start : start + 32] for start in range(0, len(peaks), 32))
        return Done(bytes=size, tree=Frontier(size=entries, peaks=hashes))

    def totals(self) -> dict[tuple[str, str], int]:
        """How many reports there are of each verdict and policy."""
        with self._said():
            found = self._database.execute(
                "SELECT verdict, policy, count(*) FROM entry WHERE verdict != '' GROUP BY verdict, policy"
            ).fetchall()
        return {(verdict, policy): count for verdict, policy, count in found}

    def add(self, rows: Iterator[Row]) -> None:
        """Index the log's next *rows*, all of them or, after a crash, none."""
        with self._transaction() as database:
            done = self.done()
            tree, size = done.tree, done.bytes
            for row in rows:
                database.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _values(tree.size, row))
                database.executemany("INSERT INTO named VALUES (?, ?)", [(digest, tree.size) for digest in row.digests])
                tree, size = tree.append(leaf_hash(row.line)), size + len(row.line) + 1
            database.execute("UPDATE done SET entries = ?, bytes = ?, peaks = ?", (tree.size, size, b"".join(tree.peaks)))

    def find(self, what: Filter) -> tuple[Listed, ...]:
        """What *what* asks for, newest first."""
        wanted = {
            "subject = ?": what.subject,
            "artifact = ?": what.artifact,
            "predicate = ?": what.predicate_type,
            "verdict = ?": what.verdict.value if what.verdict else "",
            "position IN (SELECT position FROM named WHERE digest = ?)": what.digest,
        }
        asked = {clause: value for clause, value in wanted.items() if value}
        query = "SELECT position, artifact, at, predicate, subject, verdict, policy, judged, until FROM entry"
        if asked:
            query += " WHERE " + " AND ".join(asked)
        with self._said():
            found = self._database.execute(f"{query} ORDER BY position DESC LIMIT ?", (*asked.values(), what.limit)).fetchall()
        return tuple(
            Listed(
                position=position,
                artifact=artifact,
                at=datetime.fromisoformat(at),
                predicate_type=predicate,
                subject=subject,
                verdict=Verdict(verdict) if verdict else None,
                policy=policy,
                judged_at=datetime.fromisoformat(judged) if judged else None,
                valid_until=datetime.fromisoformat(until) if until else None,
            )
            for position, artifact, at, predicate, subject, verdict, policy, judged, until in found
        )

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(
                f"the store's index {self._path} cannot be used: {error}; it may be deleted, it is made anew"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._said():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def _values(position: int, row: Row) -> tuple[object, ...]:
    entry = row.entry
    return (
        position,
        entry.artifact,
        moment(entry.at),
        row.predicate_type,
        row.subject,
        row.verdict,
        row.policy,
        row.judged_at,
        row.valid_until,
    )
