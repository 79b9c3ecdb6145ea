"""The store's index: what a listing needs, in SQLite. It is derived from the log, and made again if it is lost or damaged.

It decides nothing. The log says what is stored; the signed bytes say what an artifact states. So the standard library's driver
is enough: see ``docs/adr/0003-store-index.md``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from arcops.asks import shaped
from arcops.errors import Unavailable
from arcops.verdict import Verdict
from artifacts.index_file import Unchanged
from artifacts.index_place import Damaged, begun, identity, in_place_of, opened, told
from artifacts.log.merkle import Frontier, leaf_hash
from artifacts.rows import COLUMNS, Indexed, Row, as_indexed, linked, values_of
from artifacts.searched import searched
from artifacts.typed import moment

_MOST_VARIABLES = 500
_VERDICTS = {one.value: one for one in Verdict}
_WIDE = 12
_LATEST = f"max(rtrim(judged, 'Z') || printf('%0{_WIDE}d', position))"
"""The latest time of judging, and of several the newest in the log. Without its Z a time sorts before others of its second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateListed:
    """The verdict of one gate, as a listing shows it."""

    gate: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One stored artifact as a listing shows it. These are the artifact's own values: no signature was verified to list them.

    ``verdict`` and the moments are ``None`` if the artifact is not a readiness report. ``gates`` are all that judged.
    ``untimely`` says in what its times contradict the log; ``brought`` names the log from which it was imported. Both are empty
    if there is nothing to say.
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
    site: str = ""
    gates: tuple[GateListed, ...] = ()
    kind: str = ""
    untimely: str = ""
    brought: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to list; an empty field does not filter."""

    subject: str = ""
    """Only artifacts about the subject of this name."""
    kind: str = ""
    """Only artifacts about a subject of this kind."""
    search: str = ""
    """Only artifacts whose subject's name contains this, or whose own digest, or a digest of the subject, begins with it."""
    digest: str = ""
    """Only those about the subject with this digest, sha256:…"""
    artifact: str = ""
    """Only the one of this digest, sha256:…"""
    predicate_type: str = ""
    """Only those of this in-toto predicate type."""
    verdict: Verdict | None = None
    """Only those of this verdict."""
    subject_part: str = ""
    """Only artifacts whose subject's name contains this, in any case."""
    site: str = ""
    """Only artifacts that were judged at this site."""
    gate: str = ""
    """Only artifacts that the gate with this id judged."""
    gate_verdict: Verdict | None = None
    """Only those to which the gate, or any gate if none is named, gave this verdict."""
    judged_from: datetime | None = None
    """Only those judged at this moment or later, to the second."""
    judged_before: datetime | None = None
    """Only those judged before this moment, to the second."""
    offset: int = 0
    """Skip this many of the newest."""
    limit: int = field(default=1000, metadata=shaped(least=1))
    """At most this many, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The values that can be filtered by, each sorted."""

    sites: tuple[str, ...]
    gates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectIndexed:
    """A subject at a site by a policy: how many artifacts are *kept*, the position of the *newest* in the log, and of the one
    that says the *latest* time of judging, which differs if an older one was imported later.
    """

    subject: str
    kind: str
    site: str
    policy: str
    kept: int
    newest: int
    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """The verdict of an artifact, ``None`` if it has none, and when it was judged, as text that sorts by time."""

    verdict: Verdict | None
    judged: str


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
        clause, values = _clause(what)
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
        within, values = _clause(what)
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
                position: Stands(verdict=_VERDICTS.get(verdict), judged=judged)
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
        clause, values = _clause(what)
        with self._said(), self._understood():
            return frozenset(
                position
                for (position,) in self._database.execute(f"SELECT position FROM entry{clause}", values)  # noqa: S608  # texts of ours
            )

    def count(self, what: Filter) -> int:
        """How many artifacts *what* asks for, its limit and offset aside."""
        clause, values = _clause(what)
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
                verdict=_VERDICTS.get(verdict),
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
                found.setdefault(position, []).append(GateListed(gate=gate, verdict=_VERDICTS[verdict]))
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


def _clause(what: Filter) -> tuple[str, tuple[str, ...]]:
    """The WHERE clause of *what*, made of texts of ours alone, and the values for its question marks."""
    wanted = {
        "subject = ?": what.subject,
        "kind = ?": what.kind,
        "instr(lower(subject), lower(?)) > 0": what.subject_part,
        "artifact = ?": what.artifact,
        "predicate = ?": what.predicate_type,
        "verdict = ?": _word(what.verdict),
        "site = ?": what.site,
        "position IN (SELECT position FROM named WHERE digest = ?)": what.digest,
        "judged >= ?": _second(what.judged_from),
        "judged != '' AND judged < ?": _second(what.judged_before),
    }
    asked = [(clause, value) for clause, value in wanted.items() if value]
    gate = [(column, value) for column, value in (("gate", what.gate), ("verdict", _word(what.gate_verdict))) if value]
    clauses = [clause for clause, _ in asked]
    values = [value for _, value in asked]
    if what.search:
        clause, found = searched(what.search)
        clauses.append(clause)
        values += found
    if gate:
        columns = " AND ".join(f"{column} = ?" for column, _ in gate)
        clauses.append(f"position IN (SELECT position FROM gate WHERE {columns})")  # noqa: S608  # columns of ours
    return (f" WHERE {' AND '.join(clauses)}" if clauses else ""), (*values, *(value for _, value in gate))


def _parts(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    """*positions* in parts of as many as one command of SQLite takes."""
    return (positions[start : start + _MOST_VARIABLES] for start in range(0, len(positions), _MOST_VARIABLES))


def _marks(values: Sequence[int]) -> str:
    return ", ".join("?" * len(values))


def _word(verdict: Verdict | None) -> str:
    return verdict.value if verdict else ""


def _second(at: datetime | None) -> str:
    """*at* to the second, without its Z, so that it sorts before each moment within that second."""
    return moment(at.replace(microsecond=0)).removesuffix("Z") if at else ""


def as_listed(position: int, row: Row) -> Listed:
    """*row* as a listing shows it."""
    return Listed(
        position=position,
        artifact=row.entry.artifact,
        at=row.entry.at,
        predicate_type=row.predicate_type,
        subject=row.subject,
        verdict=Verdict(row.verdict) if row.verdict else None,
        policy=row.policy,
        judged_at=datetime.fromisoformat(row.judged_at) if row.judged_at else None,
        valid_until=datetime.fromisoformat(row.valid_until) if row.valid_until else None,
        site=row.site,
        kind=row.kind,
        gates=tuple(GateListed(gate=gate, verdict=_VERDICTS[verdict]) for gate, verdict in sorted(dict(row.gates).items())),
    )


def _grouped(database: sqlite3.Connection, table: str, column: str, said: str) -> dict[int, str]:
    """*said* of each position in *table*, in the order of *column* and in one string: SQLite does it faster than we could."""
    return dict(
        database.execute(
            f"SELECT position, group_concat({said}, char(10)) FROM (SELECT * FROM {table} ORDER BY position, {column}) "  # noqa: S608  # names of ours
            "GROUP BY position"
        )
    )
