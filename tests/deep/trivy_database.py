"""A small database in the format of Trivy (github.com/aquasecurity/trivy-db, schema version 2)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.deep.bolt import Bucket, bolt


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """*package* of the bucket *source* is vulnerable before *fixed*. ``severity``: 0 unknown, 1 low … 4 critical."""

    id: str
    source: str
    package: str
    fixed: str
    severity: int = 3

    @property
    def of_language(self) -> bool:
        return "::" in self.source


GHSA_PIP = "pip::GitHub Security Advisory pip"
GHSA_NPM = "npm::GitHub Security Advisory npm"
GHSA_GO = "go::GitHub Security Advisory go"
SOURCES = {
    GHSA_PIP: ("ghsa", "GitHub Security Advisory pip"),
    GHSA_NPM: ("ghsa", "GitHub Security Advisory npm"),
    GHSA_GO: ("ghsa", "GitHub Security Advisory go"),
    "debian 12": ("debian", "Debian Security Tracker"),
    "alpine 3.18": ("alpine", "Alpine Secdb"),
}
ADVISORIES = (
    Advisory(id="CVE-2024-35195", source=GHSA_PIP, package="requests", fixed="2.32.0", severity=2),
    Advisory(id="CVE-2021-23337", source=GHSA_NPM, package="lodash", fixed="4.17.21", severity=3),
    Advisory(id="CVE-2023-39325", source=GHSA_GO, package="golang.org/x/net", fixed="0.17.0", severity=3),
    Advisory(id="CVE-2023-6129", source="debian 12", package="openssl", fixed="3.0.13-1~deb12u1", severity=2),
    Advisory(id="CVE-2023-5678", source="alpine 3.18", package="openssl", fixed="3.1.4-r2", severity=2),
)


def write_database(cache: Path, *, updated: datetime | None, advisories: Iterable[Advisory] = ADVISORIES) -> Path:
    """The database in ``cache/db``, dated *updated*; without a date, without ``metadata.json``."""
    folder = cache / "db"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trivy.db").write_bytes(bolt(_buckets(tuple(advisories))))
    if updated is not None:
        (folder / "metadata.json").write_text(json.dumps(_metadata(2, updated)))
    return folder


def write_java_database(cache: Path, *, updated: datetime) -> None:
    """A database of jars in ``cache/java-db`` (github.com/aquasecurity/trivy-java-db, schema version 1) that knows none."""
    folder = cache / "java-db"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "trivy-java.db")) as made:
        made.execute("CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT)")
        made.execute("CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT, license TEXT)")
    (folder / "metadata.json").write_text(json.dumps(_metadata(1, updated)))


def _metadata(version: int, updated: datetime) -> dict[str, object]:
    dates = {"UpdatedAt": updated, "NextUpdate": updated + timedelta(days=1), "DownloadedAt": updated}
    return {"Version": version, **{name: f"{moment:%Y-%m-%dT%H:%M:%SZ}" for name, moment in dates.items()}}


def _buckets(advisories: tuple[Advisory, ...]) -> Bucket:
    buckets: dict[str, dict[str, dict[str, bytes]]] = {name: {} for name in SOURCES}
    for each in advisories:
        told: dict[str, object] = {"FixedVersion": each.fixed}
        if each.of_language:
            told = {"PatchedVersions": [each.fixed], "VulnerableVersions": [f"<{each.fixed}"]}
        buckets.setdefault(each.source, {}).setdefault(each.package, {})[each.id] = _json(told)
    sources = {
        name: _json({"ID": id_, "Name": title, "URL": "https://advisories.invalid/"}) for name, (id_, title) in SOURCES.items()
    }
    vulnerabilities = {
        each.id: _json(
            {
                "Title": f"{each.package} before {each.fixed}",
                "Description": "made for a test",
                "VendorSeverity": {"ghsa": each.severity, "nvd": each.severity, SOURCES[each.source][0]: each.severity},
            }
        )
        for each in advisories
    }
    return {"data-source": sources, "vulnerability": vulnerabilities, **buckets}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
