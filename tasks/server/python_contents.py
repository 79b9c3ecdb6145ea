"""What is in the Python packages of a server: each file against the list (``RECORD``) of the wheel that brought it."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import ArcOpsError
from arcops.seen.server import Part
from artifacts.reading import read_file
from tasks.server.binaries import native
from tasks.server.installed_packages import distributions, site_packages

_MOST_LIST = 64 * 1024 * 1024
_HEAD = 4096
_HEADER, _CHECKED, _WORD = 16, 3, 0xFFFFFFFF
"""Of bytecode (PEP 552): bytes of its header, and the flags of one whose source is always compared."""
_ENVIRONMENT = re.compile(
    r"venv/(?:pyvenv\.cfg|\.gitignore|CACHEDIR\.TAG|\.lock|bin/(?:python[0-9.]*|activate[^/]*|deactivate[^/]*|pydoc\.bat))"
)
"""What uv makes of an environment itself."""
_VIRTUALENV = "import _virtualenv"
_AT_START = re.compile(r"(?:sitecustomize|usercustomize)(?:\.[^/]*)?(?:/.*)?")
_OF_ENVIRONMENT = re.compile(
    r"venv/(?:pyvenv\.cfg|bin/(?:python[0-9.]*|(?:de)?activate(?:\.[a-z]+|_this\.py)?|sh|bash|env|node|git))"
)
"""What is run or read for every program of an environment: no package has a reason to bring it."""
_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")
_ADDED = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


@dataclass(slots=True, kw_only=True)
class Parts:
    """What was found."""

    tree: Path
    files: int = 0
    scripts: list[Part] = field(default_factory=list)
    startup: list[Part] = field(default_factory=list)
    native: list[Part] = field(default_factory=list)
    altered: list[Part] = field(default_factory=list)
    unowned: list[Part] = field(default_factory=list)
    unread: list[Part] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owned:
    package: str
    digest: str
    pure: bool


def python_parts(tree: Path, found: Parts) -> None:
    """Add what is in the environment below *tree* to *found*."""
    site = site_packages(tree)
    if site is None:
        found.unread.append(Part(package="", path="venv", what="has no folder of packages"))
        return
    owned: dict[str, _Owned] = {}
    for place, one in _listed(tree, site, found):
        other = owned.setdefault(place, one)
        if other.package != one.package and other.digest != one.digest:
            found.altered.append(Part(package=one.package, path=place, what=f"is what {other.package} brings too, otherwise"))
    top = str(site.relative_to(tree))
    for path in _files(tree / "venv"):
        place = str(path.relative_to(tree))
        found.files += 1
        whose = owned.get(place)
        try:
            data = path.read_bytes() if not path.is_symlink() else b""
        except OSError:
            found.unread.append(Part(package=whose.package if whose else "", path=place, what="cannot be read"))
            continue
        _look(place, top, data, whose, found)
    for place, one in owned.items():
        if not os.path.lexists(tree / place):
            found.altered.append(Part(package=one.package, path=place, what="is listed and not there"))


def _look(place: str, top: str, data: bytes, whose: _Owned | None, found: Parts) -> None:
    package = whose.package if whose is not None else ""
    name = place.rpartition("/")[2]
    if place.endswith(".pyc"):
        if whose is not None or "/__pycache__/" not in place:
            found.native.append(Part(package=package, path=place, what="is bytecode that the package brought"))
        elif not _of_its_source(found.tree / place, data):
            found.native.append(Part(package="", path=place, what="is bytecode of another source than the one beside it"))
        return  # else uv made it of a source that is looked at
    if whose is None:
        if _ENVIRONMENT.fullmatch(place):
            return
        if place == f"{top}/_virtualenv.pth" and data.decode(errors="replace").strip() == _VIRTUALENV:
            return
        if place != f"{top}/_virtualenv.py":
            found.unowned.append(Part(package="", path=place, what="is listed by no package"))
    elif whose.digest:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        if whose.digest != f"sha256={digest}":
            found.altered.append(Part(package=package, path=place, what="is not what its package lists"))
    elif name not in (*_UNLISTED, *_ADDED) and not place.startswith("venv/bin/"):
        found.altered.append(Part(package=package, path=place, what="is listed without a digest"))
    below = place.removeprefix(f"{top}/") if place.startswith(f"{top}/") else ""
    if _AT_START.fullmatch(below) or ("/" not in below and below.endswith(".pth") and _runs(data)):
        found.startup.append(Part(package=package, path=place, what="runs whenever Python starts", declared=bool(whose)))
    if whose is not None and _OF_ENVIRONMENT.fullmatch(place):
        found.startup.append(
            Part(package="", path=place, what=f"is brought by {package} in the place of the environment's own")
        )
    if kind := native(data[:_HEAD]):
        declared = whose is not None and bool(whose.digest) and not whose.pure
        found.native.append(Part(package=package, path=place, what=f"is native code ({kind})", declared=declared))


def _of_its_source(path: Path, data: bytes) -> bool:
    """Is the bytecode *data* at *path* what Python takes for that of the source beside it, and compares with it? PEP 552: a
    file may also say that its source is never to be looked at.
    """
    source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
    if len(data) < _HEADER or not source.is_file():
        return False
    flags = int.from_bytes(data[4:8], "little")
    if flags:
        return flags == _CHECKED
    known = source.stat()
    told = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
    return told == (int(known.st_mtime) & _WORD, known.st_size & _WORD)


def _runs(data: bytes) -> bool:
    """Has a ``.pth`` file a line that Python runs, or a path that it would look in?"""
    return any(line.strip() and not line.lstrip().startswith(b"#") for line in data.splitlines())


def _listed(tree: Path, site: Path, found: Parts) -> Iterator[tuple[str, _Owned]]:
    for one in distributions(tree):
        info = tree / one.place
        try:
            rows = list(csv.reader(read_file(info / "RECORD", _MOST_LIST, follow=False).decode().splitlines()))
            pure = b"root-is-purelib: true" in read_file(info / "WHEEL", 64 * 1024, follow=False).lower()
        except (ArcOpsError, UnicodeDecodeError, csv.Error):
            found.unread.append(Part(package=one.name, path=one.place, what="has no list of its files that can be read"))
            continue
        for row in rows:
            if len(row) != 3:
                if row:
                    found.unread.append(Part(package=one.name, path=f"{one.place}/RECORD", what="has a line that is not one"))
                continue
            path = os.path.normpath(site / row[0])
            if not path.startswith(f"{tree}{os.sep}"):
                found.altered.append(Part(package=one.name, path=row[0][:200], what="is listed outside of the environment"))
                continue
            yield os.path.relpath(path, tree), _Owned(package=one.name, digest=row[1], pure=pure)


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield Path(where, name)
