"""What Trivy, run on this machine, reported about the subject, and how old its data was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import ClassVar

from arcops.evidence import Body


class Severity(Enum):
    """Trivy's severities, least first."""

    UNKNOWN = "UNKNOWN"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One run of Trivy: ``mode`` and what it scanned, ``path``, relative to the subject (``.``).

    ``fs`` reads lock files and says nothing of what is installed; ``rootfs`` reads what is installed and no lock file; both
    read an operating system's packages. ``sbom`` reads an SBOM.
    ``sha256`` names the bytes of an attached SBOM, which has no path in the subject; it is empty for all others.
    """

    mode: str
    path: str
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedTarget:
    """One entry of ``Results``: a thing that Trivy scanned. ``packages`` is how many it listed, ``None`` if it listed none.

    ``category`` is Trivy's ``Class``: ``os-pkgs`` and ``lang-pkgs`` hold packages; ``config``, ``secret`` and the rest do not.
    ``misnamed`` counts the packages whose purl names another source package than the one that Trivy asked its data for.
    """

    scan: Scan
    target: str
    category: str
    type: str = ""
    packages: int | None = None
    misnamed: int = 0

    @property
    def holds_packages(self) -> bool:
        return self.category in ("os-pkgs", "lang-pkgs")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedSystem:
    """The operating system whose packages *scan* met. ``family`` is ``none`` if Trivy cannot tell: it left the packages out.

    ``ended`` says that the release gets no security updates any more, so what is found in it is not recorded.
    """

    scan: Scan
    family: str
    release: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyWarning:
    """What Trivy wrote to its log as a warning or an error while its exit code was 0."""

    scan: Scan
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyVulnerability:
    """One vulnerable package in one target. ``fixed`` is empty if there is no fix; ``source`` is the source of the data."""

    id: str
    package: str
    installed: str
    severity: Severity
    target: str
    purl: str = ""
    fixed: str = ""
    status: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyDatabase:
    """A database that Trivy used, dated by its own ``metadata.json``; ``None`` if that gives no date."""

    name: str
    updated: datetime | None = None
    next_update: datetime | None = None
    downloaded: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyScan(Body):
    """All runs over the subject. ``targets`` is empty if Trivy found nothing to scan, which does not mean clean.

    ``misconfigurations`` and ``secrets`` are numbers of failed checks and of finds. ``tool`` is Trivy's version as it reports
    it. ``unlisted`` are files of the subject that name packages and of which Trivy listed none (at most 100), ``excused`` the
    configuration files whose comments tell Trivy which checks to leave out. ``checks_work`` says that the checks of
    configuration files, tried on a file with a fault, find it.
    """

    KIND: ClassVar[str] = "trivy"

    tool: str
    scans: tuple[Scan, ...]
    targets: tuple[ScannedTarget, ...]
    vulnerabilities: tuple[TrivyVulnerability, ...]
    misconfigurations: int
    secrets: int
    databases: tuple[TrivyDatabase, ...]
    systems: tuple[ScannedSystem, ...] = ()
    warnings: tuple[TrivyWarning, ...] = ()
    unlisted: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()
    checks_work: bool = False

    @property
    def attached_read(self) -> frozenset[str]:
        return frozenset(scan.sha256 for scan in self.scans if scan.sha256)
