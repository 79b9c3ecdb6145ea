"""What generators of SBOMs say in their own properties: the source package, and what a component is if its own fields do not
say it: a lock file, an action of GitHub.

Sources: Trivy's CycloneDX properties ``aquasecurity:trivy:*`` and its SPDX ``sourceInfo`` and annotations; Syft's properties
``syft:*`` and its SPDX ``sourceInfo``. Seen in the output of Trivy 0.76.0 and Syft 1.18.1.
"""

from __future__ import annotations

from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from tasks.model.sboms._fields import Table, tables, text

LOCK_FILE = "lock-file"
"""The kind of a component that stands for a file which lists packages."""

GITHUB_ACTION = "github-action"
"""The kind of a component that a workflow of GitHub uses: its package URL only says that it is a repository."""

_TRIVY = "aquasecurity:trivy:"
_SYFT = "syft:"
_BUILT_FROM = late(r"built package from: (\S+) (\S+)")
_FOUND_IN = "package found in: "
_USED_BY_WORKFLOW = "acquired package info from GitHub Actions workflow file"
_FROM_DATABASE = late(r"acquired package info from (?:DPKG|APK) DB\b")
# Syft leaves the source out if it has the name of the package; these databases name it for all others.
_NAMES_OTHER_SOURCES = {"dpkg-db-entry": "source", "apk-db-entry": "originPackage"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The source package and its version, and what kind of component it is; each empty if it is not given."""

    source: str = ""
    source_version: str = ""
    kind: str = ""


_NOTHING = Said()


def by_properties(component: Table, *, purl: str, name: str) -> Said:
    """What the CycloneDX properties of *component* say."""
    said = {
        key: text(found, "value")
        for found in tables(component, "properties")
        if (key := text(found, "name")).startswith((_TRIVY, _SYFT))
    }
    if not said:
        return _NOTHING
    if not purl and said.get(f"{_TRIVY}Class") == "lang-pkgs":
        return Said(kind=LOCK_FILE)
    if said.get(f"{_SYFT}package:type", "").startswith(GITHUB_ACTION):
        return Said(kind=GITHUB_ACTION)
    if source := said.get(f"{_TRIVY}SrcName", ""):
        number, release, epoch = (said.get(f"{_TRIVY}Src{part}", "") for part in ("Version", "Release", "Epoch"))
        version = f"{number}-{release}" if release else number
        return Said(source=source, source_version=f"{epoch}:{version}" if epoch and version else version)
    other = _NAMES_OTHER_SOURCES.get(said.get(f"{_SYFT}package:metadataType", ""))
    if other is None:
        return _NOTHING
    return Said(
        source=said.get(f"{_SYFT}metadata:{other}") or name, source_version=said.get(f"{_SYFT}metadata:sourceVersion", "")
    )


def lock_files(document: Table) -> frozenset[str]:
    """The names of the packages of an SPDX 2 document that stand for lock files: other packages were found in them."""
    infos = (text(package, "sourceInfo") for package in tables(document, "packages"))
    return frozenset(info.removeprefix(_FOUND_IN) for info in infos if info.startswith(_FOUND_IN))


def by_source_info(package: Table, *, purl: str, name: str, lock_files: frozenset[str]) -> Said:
    """What the SPDX 2 fields of *package* say."""
    if not purl and text(package, "primaryPackagePurpose") == "APPLICATION":
        classes = (text(note, "comment") for note in tables(package, "annotations"))
        return Said(kind=LOCK_FILE if name in lock_files or "Class: lang-pkgs" in classes else "")
    info = text(package, "sourceInfo")
    if info.startswith(_USED_BY_WORKFLOW):
        return Said(kind=GITHUB_ACTION)
    if built := _BUILT_FROM.fullmatch(info):
        return Said(source=built[1], source_version=built[2])
    # A source package of another name would stand in the package URL.
    if _FROM_DATABASE.match(info) and "upstream=" not in purl:
        return Said(source=name)
    return _NOTHING
