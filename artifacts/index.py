"""The store's index: what a listing needs, in SQLite. It is derived from the log, and made again if it is lost or damaged.

It decides nothing. The log says what is stored; the signed bytes say what an artifact states. So the standard library's driver
is enough: see ``docs/adr/0003-store-index.md``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from arcops.errors import Unavailable
from arcops.late_dataclass import dataclass
from artifacts.filters import Filter as Filter
from artifacts.filters import clause_of
from artifacts.index_file import Unchanged
from artifacts.index_place import Damaged, begun, identity, in_place_of, opened, told
from artifacts.listed import VERDICTS, Stands, SubjectIndexed
from artifacts.listed import Choices as Choices
from artifacts.listed import GateListed as GateListed
from artifacts.listed import Listed as Listed
from artifacts.listed import as_listed as as_listed
from artifacts.log.merkle import Frontier, leaf_hash
from artifacts.rows import COLUMNS, Indexed, Row, as_indexed, linked, values_of

_MOST_VARIABLES = 500
_WIDE = 12
_LATEST = f"max(rtrim(judged, 'Z') || printf('%0{_WIDE}d', position))"
"""The latest time of judging, and of several the newest in the log. Without its Z a time sorts before others of its second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How far the index has read the log: the tree over those entries, their ``size`` in bytes, a ``chain`` over the rows."""

    size: int
    tree: Frontier
    chain: bytes


_WHOLE = Unchanged()


class Index:
    """The index file. Every method raises `Damaged` if the file has to be made again, and `Unavailable` if SQLite fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = identity(path)
        self._database = opened(path)

    @classmethod
    def make(cls, path: Path, rows: Iterator[Row]) -> Index:
        """A new index of *rows*, all of the log, in place of whatever is at *path*. The caller holds the store's lock."""
        try:
            with in_place_of(path) as new, told(path, ()), closing(cls._of(path, begun(new))) as made:
                made.add(rows)
        except OSError as error:
            raise Unavailable(f"the store's index {path} cannot be made: {error.strerror}") from error
        return cls(path)

    @classmethod
    def in_memory(cls, path: Path, rows: Iterator[Row]) -> Index:
        """An index of *rows* for this process alone, if none can be written at *path*."""
        made = cls._of(path, begun(None))
        made.add(rows)
        return made

    @classmethod
    def _of(cls, path: Path, database: sqlite3.Connection) -> Index:
        made = cls.__new__(cls)
        made._path, made._seen, made._database = path, (), database
        return made

    def close(self) -> None:
        self._database.close()

    def done(self) -> Done:
        with self._said(), self._understood():
            entries, size, peaks, chain = self._database.execute("SELECT entries, bytes, peaks, chain FROM done").fetchone()
            hashes = tuple(peaks[start : start + 32] for start in range(0, len(peaks), 32))
            if not (isinstance(size, int) and isinstance(chain, bytes) and len(hashes) == entries.bit_count()):
                raise ValueError("it contradicts itself")
            return Done(size=size, tree=Frontier(size=entries, peaks=hashes), chain=chain)

    def rows(self) -> Iterator[Indexed]:
        """Every row as it stands, in the log's order."""
        with self._said(), self._understood():
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
            if known.same and self._seen:
                return True
            chain, count = b"", 0
            for row in self.rows():
                chain, count = linked(chain, row), count + 1
            done = self.done()
            good = chain == done.chain and count == done.tree.size
            known.good = good and bool(self._seen)  # one in memory says nothing about the file
        return good

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
        with self._said(), self._understood():
            found = self._database.execute(
                f"{query}{clause} ORDER BY position DESC LIMIT ? OFFSET ?", (*values, what.limit, max(0, what.offset))
            ).fetchall()
            return self._listed(found)

    def at(self, positions: Sequence[int]) -> dict[int, Listed]:
        """What stands at *positions* of the log, by position."""
        found: list[tuple[Any, ...]] = []
        with self._said(), self._understood():
            for some in _parts(positions):
                query = f"SELECT position, {COLUMNS} FROM entry WHERE position IN ({_marks(some)})"  # noqa: S608  # names of ours
                found += self._database.execute(query, some).fetchall()
            return {one.position: one for one in self._listed(found)}

    def subjects(self, what: Filter) -> tuple[SubjectIndexed, ...]:
        """The subjects with an artifact that *what* asks for; of these, all artifacts at each site by each policy."""
        within, values = clause_of(what)
        clause = f" WHERE (subject, kind) IN (SELECT subject, kind FROM entry{within})" if within else ""  # noqa: S608  # texts of ours
        with self._said(), self._understood():
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
        with self._said(), self._understood():
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
        with self._said(), self._understood():
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

    def _said(self) -> AbstractContextManager[None]:
        return told(self._path, self._seen)

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
    def _understood(self) -> Iterator[None]:
        """What was read and cannot be understood is damage."""
        try:
            yield
        except UnicodeEncodeError:  # of what was asked
            raise
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise Damaged(self._path, f"it holds a value that cannot be ({error})", self._seen) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._said():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                with suppress(sqlite3.Error):  # a damaged file cannot; the first error says more
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
