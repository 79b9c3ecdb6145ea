"""The rows of the store's index: the values of each entry's artifact, and a digest over all rows that shows a change."""

from __future__ import annotations

import hashlib

from arcops.late_dataclass import dataclass
from artifacts.entries import Entry
from artifacts.typed import moment
from artifacts.words import Said

COLUMNS = "artifact, at, predicate, subject, verdict, policy, judged, until, site, kind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry with the values of its artifact, ready to be indexed."""

    entry: Entry
    line: bytes
    predicate_type: str
    subject: str
    digests: tuple[str, ...]
    verdict: str = ""
    policy: str = ""
    judged_at: str = ""
    valid_until: str = ""
    site: str = ""
    gates: tuple[tuple[str, str], ...] = ()
    kind: str = ""

    @classmethod
    def of(cls, entry: Entry, line: bytes, words: Said | None) -> Row:
        """*entry*, whose artifact has the values *words*; it is in the log even if its artifact is gone."""
        if words is None:
            return cls(entry=entry, line=line, predicate_type="", subject="", digests=())
        return cls(
            entry=entry,
            line=line,
            predicate_type=words.predicate_type,
            subject=words.subject,
            digests=words.digests,
            verdict=words.verdict,
            policy=words.policy,
            judged_at=words.judged_at,
            valid_until=words.valid_until,
            site=words.site,
            gates=words.gates,
            kind=words.kind,
        )


@dataclass(frozen=True, slots=True)
class Indexed:
    """A row as the index holds it: the values of its columns, and the digests and gates of its position, sorted."""

    position: int
    values: tuple[object, ...]
    named: str
    gates: str


def as_indexed(position: int, row: Row) -> Indexed:
    """*row* as `Index.rows` returns it if it was not changed."""
    gates = [f"{gate} {verdict}" for gate, verdict in sorted(dict(row.gates).items())]
    return Indexed(position, values_of(row), "\n".join(sorted(row.digests)), "\n".join(gates))


def values_of(row: Row) -> tuple[object, ...]:
    """The values of `COLUMNS`."""
    entry = row.entry
    return (
        entry.artifact,
        moment(entry.at),
        row.predicate_type,
        row.subject,
        row.verdict,
        row.policy,
        row.judged_at,
        row.valid_until,
        row.site,
        row.kind,
    )


def linked(chain: bytes, row: Indexed) -> bytes:
    return hashlib.sha256(
        chain + repr((row.position, row.values, row.named, row.gates)).encode(errors="surrogatepass")
    ).digest()
