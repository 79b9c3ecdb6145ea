"""Which listed packages have advisories, by which data, and what could not be decided."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass
from arcops.repairing import Repair


class Certainty(Enum):
    """``YES``: the advisory covers this version. ``UNKNOWN``: this could not be decided. There is no third value: what is not
    covered is not listed."""

    YES = "yes"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The advisories of one ecosystem, as imported. ``dated`` is the newest change among them, ``None`` if no date is given;
    ``sha256`` is that of the export; ``advisories`` counts the valid ones; ``unreadable`` counts those that could not be read.
    """

    ecosystem: str
    dated: datetime | None
    imported: datetime
    sha256: str
    advisories: int
    withdrawn: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One advisory and one package. ``purl`` is canonical and carries the version that was compared.

    ``components`` are the entries that list the package, as ``document#ref``. ``score`` is the CVSS base score in tenths (0 to
    100) of ``vector``, ``None`` if the advisory gives none that could be read. ``fixed`` are later versions with the fix,
    lowest first. ``reason`` says why the advisory covers the version, or why this could not be decided.
    """

    purl: str
    version: str
    ecosystem: str
    components: tuple[str, ...]
    advisory: str
    aliases: tuple[str, ...]
    vector: str
    score: int | None
    fixed: tuple[str, ...]
    affected: Certainty
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncompared:
    """A component that was not compared with any advisory. ``component`` is ``document#ref``."""

    component: str
    name: str
    purl: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerabilities(Body):
    """Every component of every SBOM, counted once: ``compared`` of them were compared with a database, ``unmatched`` should
    have been but could not, ``not_applicable`` are not packages (a file, a model). All lists are sorted.
    """

    KIND: ClassVar[str] = "vulnerabilities"
    NONE: ClassVar[str] = "no advisory data"
    REPAIRS: ClassVar[tuple[Repair, ...]] = (Repair(said=(NONE,), line="data import EXPORT.zip", step=4),)

    databases: tuple[Database, ...]
    compared: int
    matches: tuple[Match, ...] = ()
    unmatched: tuple[Uncompared, ...] = ()
    not_applicable: tuple[Uncompared, ...] = ()
