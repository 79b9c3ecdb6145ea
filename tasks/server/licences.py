"""What installed packages say of their licences: in their metadata, or else by licence texts that are known whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from arcops.licence import parse_licence
from arcops.seen.server import LicenceSaid
from artifacts.reading import read_file
from tasks.server.installed_packages import distributions, node_packages, site_packages

_NAMES = ("licen", "copying", "unlicense")
_MOST_TEXT, _MOST_FILES, _LONGEST = 256 * 1024, 20, 1000


def python_licences(tree: Path) -> Iterator[LicenceSaid]:
    """Of each distribution in *tree*."""
    from tasks.model.python_distributions import installed

    site = site_packages(tree)
    if site is None:
        return
    try:
        said = {(one.name, one.version): one.licence for one in installed(site)}
    except ArcOpsError:
        said = {}
    for one in distributions(tree):
        info = tree / one.place
        files = [*_files(info), *_files(info / "licenses")]
        yield LicenceSaid(package=f"{one.name} {one.version}", licence=_of(said.get((one.name, one.version), ""), files))


def node_licences(tree: Path) -> Iterator[LicenceSaid]:
    """Of each package of Node in *tree*."""
    for one in node_packages(tree):
        said = one.manifest.get("license", one.manifest.get("licenses", ""))
        if isinstance(said, list):
            said = " OR ".join(str(each.get("type", "")) if isinstance(each, dict) else str(each) for each in said)
        if isinstance(said, dict):
            said = said.get("type", "")
        name = f"{one.name or one.place} {one.version}".strip()
        yield LicenceSaid(package=name, licence=_of(str(said), _files(tree / one.place)))


def _of(said: str, files: Iterable[Path]) -> str:
    """*said*, if it is an expression; else what all of the licence texts in *files* are known to be; else *said*."""
    from tasks.model.licence_text import recognise

    try:
        parse_licence(said)
    except Refused:
        pass
    else:
        return said[:_LONGEST]
    found = set()
    for file in files:
        try:
            found.add(recognise(read_file(file, _MOST_TEXT, follow=False).decode()))
        except (ArcOpsError, UnicodeDecodeError):
            found.add("")
    if not found or "" in found:
        return said[:_LONGEST]
    return " AND ".join(f"({one})" if " " in one else one for one in sorted(found))


def _files(folder: Path) -> list[Path]:
    try:
        there = sorted(one for one in folder.iterdir() if one.name.lower().startswith(_NAMES) and one.is_file())
    except OSError:
        return []
    return there[:_MOST_FILES]
