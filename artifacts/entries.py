"""The store's records on its log: one line of canonical JSON for each artifact that was put."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.left_out import LEFT_OUT
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.typed import dump, load

WITH_SUBJECTS = b',"subjects":['
"""Text that is in every line with subjects, and in no other: inside a JSON string its quotes would be escaped."""
BROUGHT = b',"brought":"'
"""As `WITH_SUBJECTS`, of an entry that was imported."""
_DIGEST = late(rb"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an artifact is about: a *digest* with its algorithm (``sha256:…``), and the *kind* of subject, which is empty if the
    artifact's format has no kinds.
    """

    digest: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact that was put into the store: the digests of its bytes and of the evidence kept with it, and when.

    ``at`` is never before that of an earlier entry. ``subjects`` are those that the artifact itself names; entries that are
    older than this field have none. ``begun`` is the moment (RFC 3339) at which the work behind the artifact began, if its
    writer said so; ``brought`` names the log from which it was imported.
    """

    artifact: str
    evidence: tuple[str, ...]
    at: datetime
    subjects: tuple[About, ...] = field(default=(), metadata=LEFT_OUT)
    begun: str = field(default="", metadata=LEFT_OUT)
    brought: str = field(default="", metadata=LEFT_OUT)

    @property
    def line(self) -> bytes:
        """The entry's bytes, which the Merkle leaf hashes."""
        return canonical(dump(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An entry and its number in the log; the first is 0."""

    position: int
    entry: Entry


def read_line(line: bytes) -> Entry:
    """The entry in *line*. Raises `Refused` if it is not an entry, or not in canonical form."""
    entry = load(Entry, strict_json(line, "the log entry"), "the log entry")
    if entry.line != line:
        raise Refused("the log entry is not in canonical form")
    return entry


def digests_in(line: bytes) -> list[str]:
    """Every ``sha256:…`` in *line*: those of its objects and of its subjects."""
    return [one.decode() for one in _DIGEST.findall(line)]
