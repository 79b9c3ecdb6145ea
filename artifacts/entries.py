"""The store's records on its log: one line of canonical JSON for each artifact that was put."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from arcops.errors import Refused
from arcops.left_out import LEFT_OUT
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.typed import dump, load

WITH_SUBJECTS = b',"subjects":['
"""What stands in every line that names subjects, and in no other: inside of a JSON string its quotes would be escaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an artifact is about: a *digest* with its algorithm (``sha256:…``), and of which *kind* of subject; empty where the
    artifact's own format knows no kinds.
    """

    digest: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact that was put into the store: the digests of its bytes and of the evidence kept with it, and when.

    ``at`` never lies before that of an earlier entry. ``subjects`` are what the artifact itself says that it is about; entries
    from before there was this field name none.
    """

    artifact: str
    evidence: tuple[str, ...]
    at: datetime
    subjects: tuple[About, ...] = field(default=(), metadata=LEFT_OUT)

    @property
    def line(self) -> bytes:
        """The entry's bytes, over which the Merkle leaf is made."""
        return canonical(dump(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An entry and its number in the log; the first is 0."""

    position: int
    entry: Entry


def read_line(line: bytes) -> Entry:
    """The entry in *line*. Raises `Refused` where it is none, or not in the one form that is written."""
    entry = load(Entry, strict_json(line, "the log entry"), "the log entry")
    if entry.line != line:
        raise Refused("the log entry is not in canonical form")
    return entry
