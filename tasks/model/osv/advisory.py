"""One OSV advisory: strictly read, or reported as unreadable with the packages that it names.

OSV schema 1.x. Only what matching and judging need is kept; the rest of the document is not read.
"""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from enum import Enum

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from artifacts.envelope import strict_json
from tasks.model.osv.severity import CvssScore, worst_severity

_ID = late(r"[A-Za-z0-9][A-Za-z0-9._:+\-]{0,127}")
_SCHEMA = late(r"1\.\d+(\.\d+)?")


class RangeKind(Enum):
    SEMVER = "SEMVER"
    ECOSYSTEM = "ECOSYSTEM"
    GIT = "GIT"


class Turn(Enum):
    """What happens at an event's version."""

    INTRODUCED = "introduced"
    FIXED = "fixed"
    LAST_AFFECTED = "last_affected"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    turn: Turn
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    kind: RangeKind
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One package that an advisory names. ``ecosystem`` is as written, with its suffix. ``purl`` is empty if it gives none."""

    ecosystem: str
    name: str
    severity: CvssScore
    ranges: tuple[Range, ...]
    versions: tuple[str, ...]
    purl: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    id: str
    modified: datetime
    withdrawn: datetime | None
    aliases: tuple[str, ...]
    affected: tuple[Affected, ...]


class UnreadableAdvisory(Refused):
    """The advisory cannot be understood. ``packages`` are the pairs of ecosystem and name that it still shows."""

    def __init__(self, reason: str, packages: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.packages = packages


@dataclass(slots=True)
class _Reader:
    """Reads members of a known type, so that values of another type are refused."""

    where: str
    members: dict[str, object] = field(repr=False)

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self.members.get(name, default)
        if not isinstance(value, str) or (not value and default is None):
            raise Refused(f"{self.where} has no text in {name!r}")
        return _sound(value, f"{self.where}: {name!r}")

    def time(self, name: str) -> datetime:
        return moment(self.members.get(name), f"{self.where}: {name!r}")

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._list(name)
        if not all(isinstance(value, str) and value for value in values):
            raise Refused(f"{self.where} has a value in {name!r} that is not text")
        return tuple(_sound(str(value), f"{self.where}: {name!r}") for value in values)

    def objects(self, name: str) -> list[_Reader]:
        readers = []
        for index, value in enumerate(self._list(name)):
            if not isinstance(value, dict):
                raise Refused(f"{self.where} has a value in {name!r} that is not an object")
            readers.append(_Reader(f"{name}[{index}]", value))
        return readers

    def member(self, name: str) -> _Reader | None:
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Refused(f"{self.where} has no object in {name!r}")
        return _Reader(name, value)

    def _list(self, name: str) -> list[object]:
        value = self.members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Refused(f"{self.where} has no list in {name!r}")
        return value


def _sound(text: str, what: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Refused(f"{what} holds half of a character (a lone surrogate), which a file or database cannot store")
    return text


def moment(value: object, what: str) -> datetime:
    """An RFC 3339 timestamp as an aware UTC datetime. Raises `Refused`, with the name *what*."""
    if isinstance(value, str) and "T" in value.upper():
        try:
            found = datetime.fromisoformat(value)
            if found.tzinfo is not None:
                return found.astimezone(UTC)
        except (ValueError, OverflowError) as error:  # the second: the year 1 in an eastern zone is before any time in UTC
            raise Refused(f"{what} is not an RFC 3339 time") from error
    raise Refused(f"{what} is not an RFC 3339 time with a zone")


def read_advisory(data: bytes) -> Advisory:
    """The advisory in *data*. Raises `UnreadableAdvisory` for anything that the schema forbids in the members that matter."""
    document: object = None
    try:
        document = strict_json(data, "the advisory", halves=True)  # the packages that it names are still reported, without them
        if not isinstance(document, dict):
            raise Refused("the advisory is not a JSON object")
        return _advisory(_Reader("the advisory", document))
    except (Refused, OverflowError) as error:
        raise UnreadableAdvisory(str(error), _named(document)) from error


def _advisory(top: _Reader) -> Advisory:
    version = top.text("schema_version", default="1.0.0")
    if not _SCHEMA.fullmatch(version):
        raise Refused(f"the advisory has schema version {version[:40]!r}; ArcOps reads 1.x")
    identifier = top.text("id")
    if not _ID.fullmatch(identifier):
        raise Refused(f"the advisory has the identifier {identifier[:40]!r}, which is not valid")
    # An alias that is not an identifier (real exports hold "GHSA-…,") is left out: it could only make a finding weaker.
    aliases = {name for name in top.texts("aliases") if _ID.fullmatch(name)}
    severity = worst_severity(_vectors(top))
    return Advisory(
        id=identifier,
        modified=top.time("modified"),
        withdrawn=top.time("withdrawn") if top.members.get("withdrawn") is not None else None,
        aliases=tuple(sorted(aliases - {identifier})),
        affected=tuple(entry for part in top.objects("affected") if (entry := _affected(part, severity)) is not None),
    )


def _affected(part: _Reader, severity: CvssScore) -> Affected | None:
    package = part.member("package")
    if package is None:  # a repository without a package: no package URL can match it
        return None
    return Affected(
        ecosystem=package.text("ecosystem"),
        name=package.text("name"),
        severity=worst_severity(own) if (own := _vectors(part)) else severity,
        ranges=tuple(_range(entry) for entry in part.objects("ranges")),
        versions=part.texts("versions"),
        purl=purl if isinstance(purl := package.members.get("purl"), str) else "",
    )


def _vectors(part: _Reader) -> list[tuple[str, str]]:
    return [(entry.text("type"), entry.text("score")) for entry in part.objects("severity")]


def _range(part: _Reader) -> Range:
    try:
        kind = RangeKind(part.text("type"))
    except ValueError as error:
        raise Refused(f"{part.where} is of an unknown type") from error
    events = tuple(_event(entry) for entry in part.objects("events"))
    if not any(event.turn is Turn.INTRODUCED for event in events):
        raise Refused(f"{part.where} has no event 'introduced' before its other events")
    return Range(kind=kind, events=events)


def _event(part: _Reader) -> Event:
    turns = [turn for turn in Turn if turn.value in part.members]
    if len(turns) != 1:
        raise Refused(f"{part.where} must have exactly one of introduced, fixed, last_affected and limit")
    return Event(turn=turns[0], version=part.text(turns[0].value))


def _named(document: object) -> tuple[tuple[str, str], ...]:
    found = set()
    entries = document.get("affected") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        package = entry.get("package") if isinstance(entry, dict) else None
        if isinstance(package, dict):
            pair = package.get("ecosystem"), package.get("name")
            if isinstance(pair[0], str) and isinstance(pair[1], str) and all(pair):
                found.add((_lossy(pair[0]), _lossy(pair[1])))
    return tuple(sorted(found))


def _lossy(text: str) -> str:
    return text.encode(errors="replace").decode()
