"""The store's index: what a listing needs, in SQLite. It is derived from the log and rebuilt if it is lost.

It decides nothing. The log says what is stored; the signed bytes say what an artifact states. So the standard library's driver
is enough: see ``docs/adr/0003-store-index.md``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from arcops.errors import Unavailable
from artifacts.filters import Filter as Filter
from artifacts.filters import clause_of
from artifacts.index_file import Unchanged
from artifacts.listed import VERDICTS, Stands, SubjectIndexed
from artifacts.listed import Choices as Choices
from artifacts.listed import GateListed as GateListed
from artifacts.listed import Listed as Listed
from artifacts.listed import as_listed as as_listed
from artifacts.log.merkle import Frontier, leaf_hash
from artifacts.rows import COLUMNS, Indexed, Row, as_indexed, linked, values_of

VERSION = 4
BUSY_SECONDS = 30.0
_MOST_VARIABLES = 500
_WIDE = 12
_LATEST = f"max(rtrim(judged, 'Z') || printf('%0{_WIDE}d', position))"
"""The latest time of judging, and of several the newest in the log. Without its Z a time sorts before others of its second."""

_TABLES = """
CREATE TABLE done (entries INTEGER NOT NULL, bytes INTEGER NOT NULL, peaks BLOB NOT NULL, chain BLOB NOT NULL);
INSERT INTO done VALUES (0, 0, x'', x'');
CREATE TABLE entry (
    position INTEGER PRIMARY KEY, artifact TEXT NOT NULL, at TEXT NOT NULL, predicate TEXT NOT NULL, subject TEXT NOT NULL,
    verdict TEXT NOT NULL, policy TEXT NOT NULL, judged TEXT NOT NULL, until TEXT NOT NULL, site TEXT NOT NULL,
    kind TEXT NOT NULL
);
CREATE INDEX entry_artifact ON entry (artifact);
CREATE INDEX entry_subject ON entry (subject, kind, position);
CREATE INDEX entry_site ON entry (site, position);
CREATE TABLE named (digest TEXT NOT NULL, position INTEGER NOT NULL REFERENCES entry);
CREATE INDEX named_digest ON named (digest, position);
CREATE INDEX named_position ON named (position, digest);
CREATE TABLE gate (
    position INTEGER NOT NULL REFERENCES entry, gate TEXT NOT NULL, verdict TEXT NOT NULL, PRIMARY KEY (position, gate)
) WITHOUT ROWID;
CREATE INDEX gate_verdict ON gate (gate, verdict, position);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How far the index has read the log: the tree over those entries, their ``size`` in bytes, a ``chain`` over the rows."""

    size: int
    tree: Frontier
    chain: bytes


_WHOLE = Unchanged()


class Index:
    """The index file. Every method raises `Unavailable` if SQLite fails."""

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
        """Empty the index, so that it is rebuilt."""
        with self._transaction() as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                database.execute(f"DROP TABLE {table}")  # the names are ours, from the schema itself
            for command in _TABLES.split(";\n"):
                database.execute(command)
            database.execute(f"PRAGMA user_version = {VERSION}")

    def done(self) -> Done:
        with self._said():
            entries, size, peaks, chain = self._database.execute("SELECT entries, bytes, peaks, chain FROM done").fetchone()
        hashes = tuple(peaks[start : start + 32] for start in range(0, len(peaks), 32))
        return Done(size=size, tree=Frontier(size=entries, peaks=hashes), chain=chain)

    def rows(self) -> Iterator[Indexed]:
        """Every row as it stands, in the log's order."""
        with self._said():
            named = _grouped(self._database, "named", "digest", "digest")
            gates = _grouped(self._database, "gate", "gate", "gate || ' ' || verdict")
            for position, *values in self._database.execute(
                f"SELECT position, {COLUMNS} FROM entry ORDER BY position"  # noqa: S608  # names of ours
            ):
                yield Indexed(position, tuple(values), named.pop(position, ""), gates.pop(position, ""))
            for position in sorted({*named, *gates}):
                yield Indexed(position, (), named.get(position, ""), gates.get(position, ""))

    def whole(self) -> bool:
        """Are the rows those that were added? A user who can write the file can fake this; `Store.check` reads everything.

        What was found to be whole is not read again while the file is the same.
        """
        with _WHOLE.same(self._path) as known:
            if known.same:
                return True
            chain, count = b"", 0
            for row in self.rows():
                chain, count = linked(chain, row), count + 1
            done = self.done()
            known.good = chain == done.chain and count == done.tree.size
        return known.good

    def totals(self) -> dict[tuple[str, str], int]:
        """How many reports there are of each verdict and policy."""
        with self._said():
            found = self._database.execute(
                "SELECT verdict, policy, count(*) FROM entry WHERE verdict != '' GROUP BY verdict, policy"
            ).fetchall()
        return {(verdict, policy): count for verdict, policy, count in found}

    def add(self, rows: Iterator[Row]) -> None:
        """Index the log's next *rows*: all of them, or none after a crash."""
        with self._transaction() as database:
            done = self.done()
            tree, size, chain = done.tree, done.size, done.chain
            for row in rows:
                database.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (tree.size, *values_of(row)))
                database.executemany("INSERT INTO named VALUES (?, ?)", [(digest, tree.size) for digest in row.digests])
                gates = [(tree.size, gate, verdict) for gate, verdict in dict(row.gates).items()]
                database.executemany("INSERT INTO gate VALUES (?, ?, ?)", gates)
                chain = linked(chain, as_indexed(tree.size, row))
                tree, size = tree.append(leaf_hash(row.line)), size + len(row.line) + 1
            values = (tree.size, size, b"".join(tree.peaks), chain)
            database.execute("UPDATE done SET entries = ?, bytes = ?, peaks = ?, chain = ?", values)

    def find(self, what: Filter | None) -> tuple[Listed, ...]:
        """What *what* asks for, newest first."""
        what = what or Filter()
        clause, values = clause_of(what)
        query = f"SELECT position, {COLUMNS} FROM entry"  # noqa: S608  # names of ours
        with self._said():
            found = self._database.execute(
                f"{query}{clause} ORDER BY position DESC LIMIT ? OFFSET ?", (*values, what.limit, max(0, what.offset))
            ).fetchall()
            return self._listed(found)

    def at(self, positions: Sequence[int]) -> dict[int, Listed]:
        """What stands at *positions* of the log, by position."""
        found: list[tuple[Any, ...]] = []
        with self._said():
            for some in _parts(positions):
                query = f"SELECT position, {COLUMNS} FROM entry WHERE position IN ({_marks(some)})"  # noqa: S608  # names of ours
                found += self._database.execute(query, some).fetchall()
            return {one.position: one for one in self._listed(found)}

    def subjects(self, what: Filter) -> tuple[SubjectIndexed, ...]:
        """The subjects with an artifact that *what* asks for; of these, all artifacts at each site by each policy."""
        within, values = clause_of(what)
        clause = f" WHERE (subject, kind) IN (SELECT subject, kind FROM entry{within})" if within else ""  # noqa: S608  # texts of ours
        with self._said():
            found = self._database.execute(
                f"SELECT subject, kind, site, policy, count(*), max(position), {_LATEST} FROM entry{clause} "  # noqa: S608  # texts of ours
                "GROUP BY subject, kind, site, policy",
                values,
            ).fetchall()
        return tuple(
            SubjectIndexed(
                subject=subject, kind=kind, site=site, policy=policy, kept=kept, newest=newest, latest=int(latest[-_WIDE:])
            )
            for subject, kind, site, policy, kept, newest, latest in found
        )

    def stands(self, positions: Sequence[int]) -> dict[int, Stands]:
        """In a few values, what stands at *positions*: for sorting many."""
        with self._said():
            return {
                position: Stands(verdict=VERDICTS.get(verdict), judged=judged)
                for some in _parts(positions)
                for position, verdict, judged in self._database.execute(
                    f"SELECT position, verdict, judged FROM entry WHERE position IN ({_marks(some)})",  # noqa: S608  # question marks only
                    some,
                )
            }

    def last(self, subject: str, kind: str, most: int) -> list[int]:
        """The positions of the last artifacts about the *subject* of this *kind* (empty: without a kind), the oldest first."""
        with self._said():
            found = self._database.execute(
                "SELECT position FROM entry WHERE subject = ? AND kind = ? ORDER BY position DESC LIMIT ?",
                (subject, kind, most),
            ).fetchall()
        return [position for (position,) in reversed(found)]

    def matching(self, what: Filter) -> frozenset[int]:
        """The positions of all that *what* asks for, its limit and offset aside."""
        clause, values = clause_of(what)
        with self._said():
            return frozenset(
                position
                for (position,) in self._database.execute(f"SELECT position FROM entry{clause}", values)  # noqa: S608  # texts of ours
            )

    def count(self, what: Filter) -> int:
        """How many artifacts *what* asks for, its limit and offset aside."""
        clause, values = clause_of(what)
        with self._said():
            counted: int = self._database.execute(f"SELECT count(*) FROM entry{clause}", values).fetchone()[0]  # noqa: S608  # the clause is made of texts of ours
        return counted

    def choices(self) -> Choices:
        """The sites and gates that the artifacts name."""
        with self._said():
            sites = self._database.execute("SELECT DISTINCT site FROM entry WHERE site != '' ORDER BY site").fetchall()
            gates = self._database.execute("SELECT DISTINCT gate FROM gate ORDER BY gate").fetchall()
        return Choices(sites=tuple(site for (site,) in sites), gates=tuple(gate for (gate,) in gates))

    def _listed(self, found: list[tuple[Any, ...]]) -> tuple[Listed, ...]:
        gates = self._gates([row[0] for row in found])
        return tuple(
            Listed(
                position=position,
                artifact=artifact,
                at=datetime.fromisoformat(at),
                predicate_type=predicate,
                subject=subject,
                verdict=VERDICTS.get(verdict),
                policy=policy,
                judged_at=datetime.fromisoformat(judged) if judged else None,
                valid_until=datetime.fromisoformat(until) if until else None,
                site=site,
                gates=tuple(gates.get(position, ())),
                kind=kind,
            )
            for position, artifact, at, predicate, subject, verdict, policy, judged, until, site, kind in found
        )

    def _gates(self, positions: list[int]) -> dict[int, list[GateListed]]:
        found: dict[int, list[GateListed]] = {}
        for some in _parts(positions):
            for position, gate, verdict in self._database.execute(
                f"SELECT position, gate, verdict FROM gate WHERE position IN ({_marks(some)}) ORDER BY position, gate",  # noqa: S608  # question marks only
                some,
            ):
                found.setdefault(position, []).append(GateListed(gate=gate, verdict=VERDICTS[verdict]))
        return found

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Within the block all questions are answered from one state, whatever other processes add or rebuild."""
        with self._said():
            self._database.execute("BEGIN")
            try:
                yield
            finally:
                self._database.execute("COMMIT")

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(
                f"the store's index {self._path} cannot be used: {error}; you may delete it, and ArcOps rebuilds it"
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


def _parts(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    """*positions* in parts of as many as one command of SQLite takes."""
    return (positions[start : start + _MOST_VARIABLES] for start in range(0, len(positions), _MOST_VARIABLES))


def _marks(values: Sequence[int]) -> str:
    return ", ".join("?" * len(values))


def _grouped(database: sqlite3.Connection, table: str, column: str, said: str) -> dict[int, str]:
    """*said* of each position in *table*, in the order of *column* and in one string: SQLite does it faster than we could."""
    return dict(
        database.execute(
            f"SELECT position, group_concat({said}, char(10)) FROM (SELECT * FROM {table} ORDER BY position, {column}) "  # noqa: S608  # names of ours
            "GROUP BY position"
        )
    )
