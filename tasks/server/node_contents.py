"""What is in the Node packages of a server, or in a folder: scripts of an installation, native code, what no package has.

npm compares each package with its digest when it installs it, so a file of a package is one of its archive.
"""

from __future__ import annotations

import os
from pathlib import Path

from arcops.seen.server import Part
from tasks.server.binaries import native
from tasks.server.installed_packages import node_packages
from tasks.server.python_contents import Parts

_HEAD = 4096
_AT_INSTALLATION = ("preinstall", "install", "postinstall")
_OURS = ("package.json", "package-lock.json", "node_modules/.package-lock.json")


def node_parts(tree: Path, found: Parts) -> None:
    """Add what is in ``node_modules`` below *tree* to *found*."""
    packages: dict[str, str] = {}
    for one in node_packages(tree):
        packages[one.place] = one.name
        scripts = one.manifest.get("scripts")
        for script in _AT_INSTALLATION:
            if isinstance(scripts, dict) and script in scripts:
                what = f"has the script {script!r}: {str(scripts[script])[:100]!r}"
                found.scripts.append(Part(package=one.name, path=f"{one.place}/package.json", what=what))
        if one.manifest.get("gypfile") is True:
            what = "says that npm shall build it at an installation (gypfile)"
            found.scripts.append(Part(package=one.name, path=f"{one.place}/package.json", what=what))
        if (tree / one.place / "binding.gyp").is_file() and not (isinstance(scripts, dict) and "install" in scripts):
            what = "has a binding.gyp, which npm builds at an installation"
            found.scripts.append(Part(package=one.name, path=f"{one.place}/binding.gyp", what=what))
        if not one.name:
            found.unread.append(Part(package="", path=one.place, what="has no package.json that can be read"))
    for path, place in _files(tree):
        found.files += 1
        whose = _owner(place, packages)
        if whose is None:
            if place not in _OURS and "/.bin/" not in place:
                found.unowned.append(Part(package="", path=place, what="belongs to no package"))
            whose = ""
        _native(path, place, whose, found)


def folder_parts(tree: Path, package: str, found: Parts) -> None:
    """Add what is in a folder to *found*: no one lists its files, so there is nothing to compare them with."""
    for path, place in _files(tree):
        found.files += 1
        if path.suffix == ".pyc":
            found.native.append(Part(package=package, path=place, what="is bytecode"))
        _native(path, place, package, found)


def _native(path: Path, place: str, package: str, found: Parts) -> None:
    if path.is_symlink():
        return
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        found.unread.append(Part(package=package, path=place, what="cannot be read"))
        return
    if kind := native(head):
        found.native.append(Part(package=package, path=place, what=f"is native code ({kind})", declared=bool(package)))


def _owner(place: str, packages: dict[str, str]) -> str | None:
    """The package whose folder *place* is in: the innermost one."""
    folder = place.rpartition("/")[0]
    while folder:
        if folder in packages:
            return packages[folder]
        folder = folder.rpartition("/")[0]
    return None


def _files(tree: Path) -> list[tuple[Path, str]]:
    found = []
    for where, folders, files in os.walk(tree):
        folders.sort()
        found += [(Path(where, name), str(Path(where, name).relative_to(tree))) for name in sorted(files)]
    return found
