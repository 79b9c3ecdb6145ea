"""Evidence: what was seen, by which collector, when, in which tier, and based on data of which age.

A collector returns a `Sighting`; the runner makes it `Evidence` by adding the digest and the circumstances. If a collector
fails, the runner makes `Missing`, with the reason. There is no third way, so a failed look never counts as a clean one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import ClassVar, Generic, TypeVar

from arcops.errors import Broken
from arcops.late_dataclass import dataclass
from arcops.tier import Tier


class Body:
    """The base of every evidence body: a frozen, slotted, keyword-only dataclass in `arcops.seen`.

    Bodies hold strings, integers, booleans, aware datetimes, enums, ``None`` and tuples of bodies-like dataclasses;
    never floats or mappings, so that their canonical bytes are the same everywhere.
    """

    __slots__ = ()

    KIND: ClassVar[str]

    @property
    def names_subject(self) -> str:
        """Lower-case hex SHA-256 that names the whole subject by its content; empty if this body sees only a part of it."""
        return ""

    @property
    def holds_until(self) -> datetime | None:
        """The moment after which what was seen is no answer any more; ``None`` if only the policy limits that."""
        return None

    @property
    def attached_read(self) -> frozenset[str]:
        """Lower-case hex SHA-256 of every file that this body was read from, if attached files may be among them.

        An attached file that appears in no body was not read, which is a finding (`gates.attachments`).
        """
        return frozenset()


T = TypeVar("T", bound=Body)
T_co = TypeVar("T_co", bound=Body, covariant=True)


class SourceKind(Enum):
    """``TRUST``: what signatures were checked against. ``DATA``: facts with an age. ``TOOL``: a program that was run."""

    TRUST = "trust"
    DATA = "data"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something that a collector relied on besides the subject itself.

    ``digest`` is ``sha256:…`` of its bytes if it has bytes; ``dated`` is when its content was made, ``None`` if this is not
    known (a policy may judge that).
    """

    name: str
    kind: SourceKind
    digest: str = ""
    dated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting(Generic[T_co]):
    """What a collector returns: the body and the sources that it is based on."""

    body: T_co
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Generic[T_co]):
    """A sighting with its circumstances. ``digest`` is ``sha256:…`` of the body's canonical bytes (RFC 8785)."""

    kind: str
    body: T_co
    digest: str
    collector: str
    version: str
    at: datetime
    tier: Tier
    sources: tuple[Source, ...] = ()


class Cause(Enum):
    """Why there is no evidence: the errors of `arcops.errors`, and causes that only a runner can see."""

    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    BROKEN = "broken"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Evidence that should be there, but is not."""

    kind: str
    collector: str
    cause: Cause
    reason: str

    @property
    def said(self) -> str:
        """That it is missing, in the sentence of a gate that needs it."""
        return f"Evidence {self.kind!r} is missing ({self.cause.value}): {self.reason}"

    def lost_with(self, other: Missing) -> bool:
        """Is this missing only because *other* is? Then its reason repeats that of *other*."""
        return self.cause is Cause.ABSENT and self.reason == without(other.kind, other.reason)


def without(kind: str, why: str) -> str:
    """The reason of a collector that needs evidence *kind*, which is missing because of *why*."""
    return f"it needs evidence {kind!r}, which is missing: {why}"


class Seen:
    """The evidence that one gate or one dependent collector may read, by type.

    ``at`` is the time of judging, the only clock that a gate has; ``skew`` is how far other clocks may be ahead of it.
    ``subject_digests`` are those (``algorithm:…``) that name the subject in the report; a collector does not know them yet.
    """

    __slots__ = ("_by_kind", "at", "skew", "subject_digests", "subject_name")

    def __init__(
        self,
        evidence: Mapping[str, Evidence[Body]],
        *,
        at: datetime,
        subject_name: str,
        subject_digests: tuple[str, ...] = (),
        skew: timedelta = timedelta(0),
    ) -> None:
        self._by_kind = MappingProxyType(dict(evidence))
        self.at = at
        self.skew = skew
        self.subject_name = subject_name
        self.subject_digests = subject_digests

    def __getitem__(self, body: type[T]) -> Evidence[T]:
        """The evidence of this type. Raises `Broken` if it was not declared in ``needs``."""
        found = self.get(body)
        if found is None:
            raise Broken(f"evidence {body.KIND!r} was asked for, but it was not declared, or not collected")
        return found

    def get(self, body: type[T]) -> Evidence[T] | None:
        """The evidence of this type, or ``None``; for evidence that was declared in ``wants``."""
        found = self._by_kind.get(body.KIND)
        if found is None:
            return None
        if not isinstance(found.body, body):
            raise Broken(f"evidence {body.KIND!r} holds a {type(found.body).__name__}, not a {body.__name__}")
        return found  # type: ignore[return-value]  # the isinstance above narrows the body, which mypy cannot carry to Evidence[T]
