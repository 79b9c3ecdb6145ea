"""Trivy's JSON report (``SchemaVersion`` 2, github.com/aquasecurity/trivy ``pkg/types/report.go``), read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from arcops.errors import Refused
from arcops.seen.trivy import Scan, ScannedSystem, ScannedTarget, Severity, TrivyDatabase, TrivyVulnerability, TrivyWarning
from artifacts.envelope import strict_json

_WHAT = "the report of trivy"
_YEAR_OF_NEVER = 1  # Go's zero time, which Trivy writes if it has no date
_LEVELS = ("WARN", "ERROR", "FATAL")
_MOST_WARNINGS = 100
_LONGEST = 300  # characters of a warning
# Their advisories are found by the source package. Those of Red Hat and its like name the binary package.
_BY_SOURCE = ("debian", "ubuntu", "alpine", "wolfi", "chainguard", "photon", "cbl-mariner", "azurelinux", "echo", "minimos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One report. ``targets`` is empty if ``Results`` was absent, null or empty: nothing was scanned.

    ``files`` are the paths from which Trivy says that its packages come.
    """

    tool: str
    system: ScannedSystem | None
    files: frozenset[str]
    targets: tuple[ScannedTarget, ...]
    vulnerabilities: tuple[TrivyVulnerability, ...]
    misconfigurations: int
    secrets: int


def parse_report(data: bytes, scan: Scan, *, read: str = "") -> Parsed:
    """The report in *data*, which *scan* of the path *read* produced. Raises `Refused` for anything that is not such a report.

    If Trivy names its targets by that path, they get the scan's own path, which is relative to the subject.
    """
    document = _object(strict_json(data, _WHAT), "document")
    version = document.get("SchemaVersion")
    if version != 2 or isinstance(version, bool):
        raise Refused(f"{_WHAT} has SchemaVersion {version!r}; ArcOps reads only 2")
    _text(document, "ArtifactName", required=True)
    results = [_object(entry, "entry of Results") for entry in _list(document, "Results")]
    targets, vulnerabilities = [], []
    files: set[str] = set()
    misconfigurations = secrets = 0
    for result in results:
        # Packages of an SBOM that names no file for them have a target whose name is empty.
        target = scan.path if result.get("Target") == "" else _text(result, "Target", required=True)
        if read:
            target = target.replace(read, scan.path)
        kind = _text(result, "Type")
        packages = [_object(entry, "package") for entry in _list(result, "Packages")]
        files.update(path for package in packages if (path := _text(package, "FilePath")))
        targets.append(
            ScannedTarget(
                scan=scan,
                target=target,
                category=_text(result, "Class", required=True),
                type=kind,
                packages=None if result.get("Packages") is None else len(packages),
                misnamed=sum(map(_misnamed, packages)) if kind in _BY_SOURCE else 0,
            )
        )
        vulnerabilities += [
            _vulnerability(_object(entry, "vulnerability"), target) for entry in _list(result, "Vulnerabilities")
        ]
        misconfigurations += sum(_failed(_object(entry, "misconfiguration")) for entry in _list(result, "Misconfigurations"))
        secrets += len(_list(result, "Secrets"))
    return Parsed(
        tool=_text(_object(document.get("Trivy") or {}, "Trivy"), "Version"),
        system=_system(_object(document.get("Metadata") or {}, "Metadata"), scan),
        files=frozenset(files),
        targets=tuple(sorted(targets, key=lambda found: (found.target, found.category, found.type))),
        vulnerabilities=tuple(
            sorted(vulnerabilities, key=lambda found: (found.id, found.purl, found.package, found.installed, found.target))
        ),
        misconfigurations=misconfigurations,
        secrets=secrets,
    )


def parse_metadata(name: str, data: bytes) -> TrivyDatabase:
    """A database's ``metadata.json``. Raises `Refused` if it is another file; a missing date is ``None``."""
    document = _object(strict_json(data, f"the metadata of {name}"), "metadata")
    return TrivyDatabase(
        name=name,
        updated=_moment(document, "UpdatedAt"),
        next_update=_moment(document, "NextUpdate"),
        downloaded=_moment(document, "DownloadedAt"),
    )


def parse_log(log: bytes, scan: Scan, hidden: Mapping[str, str]) -> tuple[TrivyWarning, ...]:
    """The warnings and errors in Trivy's log, each once, without their times; *hidden* says what to write for a path.

    A line is a time, a level, a message and its details, with tabs between them.
    """
    found: dict[str, None] = {}
    for line in log.decode("utf-8", "replace").splitlines():
        _, _, rest = line.partition("\t")
        level, _, text = rest.partition("\t")
        if level not in _LEVELS:
            continue
        for path, name in hidden.items():
            text = text.replace(path, name)
        found["".join(each if each.isprintable() else " " for each in text)[:_LONGEST]] = None
    texts = list(found)
    if len(texts) > _MOST_WARNINGS:
        texts = [*texts[:_MOST_WARNINGS], f"{len(texts) - _MOST_WARNINGS} more warnings"]
    return tuple(TrivyWarning(scan=scan, text=text) for text in texts)


def _system(metadata: dict[str, object], scan: Scan) -> ScannedSystem | None:
    if metadata.get("OS") is None:
        return None
    system = _object(metadata["OS"], "OS")
    ended = system.get("EOSL", False)
    if not isinstance(ended, bool):
        raise Refused(f"{_WHAT} has an EOSL that is neither true nor false")
    return ScannedSystem(scan=scan, family=_text(system, "Family") or "none", release=_text(system, "Name"), ended=ended)


def _misnamed(package: dict[str, object]) -> bool:
    """Does the purl name another source package (qualifier ``upstream``) than the one that Trivy took the package to come from?

    Trivy reads the source from its own SBOMs only. In those of other generators it takes the binary package's name.
    """
    purl = _text(_object(package.get("Identifier") or {}, "Identifier"), "PURL")
    for qualifier in purl.partition("#")[0].partition("?")[2].split("&"):
        name, _, value = qualifier.partition("=")
        if name.lower() == "upstream":
            upstream = unquote(value)
            source = _text(package, "SrcName") or _text(package, "Name")
            return upstream.partition("@")[0] != source and not upstream.startswith(f"{source}-")
    return False


def _vulnerability(entry: dict[str, object], target: str) -> TrivyVulnerability:
    severity = _text(entry, "Severity", required=True)
    try:
        level = Severity(severity)
    except ValueError as error:
        raise Refused(f"{_WHAT} has a vulnerability of severity {severity!r}, which trivy does not have") from error
    source = _object(entry.get("DataSource") or {}, "DataSource")
    return TrivyVulnerability(
        id=_text(entry, "VulnerabilityID", required=True),
        package=_text(entry, "PkgName", required=True),
        installed=_text(entry, "InstalledVersion"),
        severity=level,
        target=target,
        purl=_text(_object(entry.get("PkgIdentifier") or {}, "PkgIdentifier"), "PURL"),
        fixed=_text(entry, "FixedVersion"),
        status=_text(entry, "Status"),
        source=_text(source, "ID") or _text(entry, "SeveritySource"),
    )


def _failed(entry: dict[str, object]) -> int:
    """1 unless the check says that it passed or is an exception: every other state counts as not passed."""
    return int(_text(entry, "Status") not in ("PASS", "EXCEPTION"))


def _moment(document: dict[str, object], name: str) -> datetime | None:
    text = document.get(name)
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or moment.year == _YEAR_OF_NEVER:
            return None
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused(f"{_WHAT} has a {what} that is not a JSON object")
    return value


def _list(entry: dict[str, object], name: str) -> list[object]:
    value = entry.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"{_WHAT} has a {name} that is not a list")
    return value


def _text(entry: dict[str, object], name: str, *, required: bool = False) -> str:
    value = entry.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise Refused(f"{_WHAT} has a {name} that is not a text")
    return value
