"""What a claim is: one plain sentence about ArcOps, and either marked tests that show it, or the reason why it waits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_ID = re.compile(r"[A-Z]+-[A-Za-z0-9-]+/[a-z0-9]+(-[a-z0-9]+)*")


class Kind(StrEnum):
    """Why a claim has no tests."""

    GAP = "gap"
    """The claim may be true, but no test shows it, or a part of it is missing."""
    NOT_BUILT = "not built"


@dataclass(frozen=True, slots=True)
class Deferred:
    kind: Kind
    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """``id`` is ``ROW/words-of-the-claim``; ``ROW`` is a row of the requirements, with ``-`` for a range or a list of rows."""

    id: str
    text: str
    deferred: Deferred | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is not the id of a claim, such as ARC-A1/keys-are-kept-safe")

    @property
    def row(self) -> str:
        return self.id.partition("/")[0]


def deferred(kind: str, reason: str) -> Deferred:
    """A claim without tests: *kind* is one of `Kind`, and *reason* says in one sentence what is missing."""
    return Deferred(kind=Kind(kind), reason=reason)


def of_row(row: str, /, **claims: str | tuple[str, Deferred]) -> tuple[Claim, ...]:
    """The claims of *row*: ``words_of_the_claim="Sentence."``, or the sentence with its `deferred`."""
    found = []
    for words, said in claims.items():
        text, wait = said if isinstance(said, tuple) else (said, None)
        found.append(Claim(id=f"{row}/{words.replace('_', '-')}", text=text, deferred=wait))
    return tuple(found)
