"""What an installed image is made of, by the lists in it: those of dpkg, apk and RPM, and the metadata of Python and Node.

Sources: deb-control(5) and dpkg-query(1) for ``/var/lib/dpkg/status``; Alpine's "Apk spec", section "Index format", for
``/lib/apk/db/installed``; os-release(5); the core metadata of Python; npm's documentation of ``package.json``.

A list is what the image's maker left: a file that none of them names is not seen, and the gate says so.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.parser import BytesParser
from email.policy import compat32
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from packageurl import PackageURL
from packaging.utils import canonicalize_name

from arcops.errors import ArcOpsError
from arcops.seen.server import Packages, Within
from artifacts.reading import read_file
from tasks.server.images import ROOT, inside
from tasks.server.rpm_list import Rpm, rpms_of, rpms_said

_RELEASE = ("etc/os-release", "usr/lib/os-release")
_DPKG, _DPKG_PARTS, _DPKG_FILES = "var/lib/dpkg/status", "var/lib/dpkg/status.d", "var/lib/dpkg/info"
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_RPM = ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
_RPM_LIST, _RPM_LOGS = "rpmdb.sqlite", ("rpmdb.sqlite-wal", "rpmdb.sqlite-journal")
_RPM_BESIDE = frozenset((_RPM_LIST, *_RPM_LOGS, "rpmdb.sqlite-shm", ".rpm.lock"))
_RPM_SAID = "var/lib/rpmmanifest/container-manifest-2"
"""The list of images of Azure Linux that have no RPM."""
_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_MOST, _MOST_RPM, _MOST_METADATA = 64 << 20, 128 << 20, 4 << 20
_MOST_PACKAGES = 50_000
_SOURCE = re.compile(r"(\S+)(?:\s+\((\S+)\))?")


def packages_within(tree: Path) -> Packages:
    """The packages of the image that is installed in *tree*. A list that cannot be read is said in ``unread``."""
    image = _Image(tree / ROOT)
    found = list(islice(image.packages(), _MOST_PACKAGES + 1))
    if len(found) > _MOST_PACKAGES:
        image.unread.add(f"it lists more than {_MOST_PACKAGES} packages")
    packages = sorted(set(found[:_MOST_PACKAGES]), key=lambda one: (one.purl, one.place))
    return Packages(packages=(), listed=False, within=tuple(packages), unread=tuple(sorted(image.unread)))


class _Image:
    """The files of an image in *root*: a link among them is followed as it leads there. ``unread`` are its lists that could not
    be read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._owned: set[str] = set()
        self.unread: set[str] = set()

    def packages(self) -> Iterator[Within]:
        """Each package of each list."""
        distribution = self._release()
        yield from self._dpkg(distribution)
        yield from self._apk(distribution)
        yield from self._rpm(distribution)
        yield from self._languages()

    def _release(self) -> dict[str, str]:
        text = next(filter(None, map(self._text, _RELEASE)), "")
        pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
        return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}

    def _text(self, place: str) -> str:
        """The text of the file *place*; empty without one, and if it cannot be read, which is noted."""
        path = inside(place, self._root)
        if path is None:
            return ""
        try:
            return read_file(path, _MOST, follow=False, named=f"/{place}").decode("utf-8", "replace")
        except ArcOpsError as error:
            self.unread.add(str(error))
            return ""

    def _names(self, place: str) -> list[str]:
        """What is in the folder *place*, if there is one."""
        folder = inside(place, self._root)
        return sorted(one.name for one in folder.iterdir()) if folder is not None and folder.is_dir() else []

    def _dpkg(self, distribution: Mapping[str, str]) -> Iterator[Within]:
        parts = (f"{_DPKG_PARTS}/{one}" for one in self._names(_DPKG_PARTS) if not one.endswith(".md5sums"))
        for place in (_DPKG, *parts):
            for fields in _paragraphs(self._text(place)):
                if fields.get("Status", "ok installed").endswith(" installed"):
                    source = _SOURCE.fullmatch(fields.get("Source") or fields.get("Package", ""))
                    upstream = "" if source is None else source[1] + (f"@{source[2]}" if source[2] else "")
                    said = (fields.get("Package", ""), fields.get("Version", ""), upstream)
                    yield from self._of_system("deb", *said, place=place, distribution=distribution)
        for one in self._names(_DPKG_FILES):
            if one.endswith(".list"):
                self._owned.update(self._text(f"{_DPKG_FILES}/{one}").splitlines())

    def _apk(self, distribution: Mapping[str, str]) -> Iterator[Within]:
        for place in _APK:
            for paragraph in filter(None, self._text(place).split("\n\n")):
                fields, folder = dict[str, str](), ""
                for key, _, value in (line.partition(":") for line in paragraph.splitlines()):
                    folder = value if key == "F" else folder
                    if key == "R":
                        self._owned.add(f"/{folder}/{value}")
                    fields.setdefault(key, value)
                said = (fields.get("P", ""), fields.get("V", ""), fields.get("o", ""))
                yield from self._of_system("apk", *said, place=place, distribution=distribution)

    def _rpm(self, distribution: Mapping[str, str]) -> Iterator[Within]:
        seen: set[Path | None] = set()
        for folder in _RPM:
            names = self._names(folder)
            if inside(folder, self._root) in seen or not names:
                continue  # two names of one folder
            seen.add(inside(folder, self._root))
            if other := sorted(set(names) - _RPM_BESIDE):
                self.unread.add(f"the list of RPM in /{folder} is in a format that is not read here ({other[0]})")
            if any(self._holds(f"{folder}/{one}") for one in _RPM_LOGS):
                self.unread.add(f"the list of RPM in /{folder} has changes that were not written into it")
            if _RPM_LIST in names:
                yield from self._rpms(rpms_of, f"{folder}/{_RPM_LIST}", distribution)
        yield from self._rpms(rpms_said, _RPM_SAID, distribution)

    def _holds(self, place: str) -> bool:
        """Is there something in the file *place*?"""
        path = inside(place, self._root)
        return path is not None and path.stat().st_size > 0

    def _rpms(self, read: Callable[[bytes], Iterator[Rpm]], place: str, distribution: Mapping[str, str]) -> Iterator[Within]:
        path = inside(place, self._root)
        if path is None:
            return
        try:
            for one in read(read_file(path, _MOST_RPM, follow=False, named=f"/{place}")):
                self._owned.update(one.files)
                told = {"arch": one.arch, "epoch": one.epoch, "rpmmod": one.module}
                said = (one.name, one.version, one.source)
                yield from self._of_system("rpm", *said, place=place, distribution=distribution, more=told)
        except ArcOpsError as error:
            self.unread.add(f"/{place} {error}" if f"/{place}" not in str(error) else str(error))

    def _of_system(
        self,
        kind: str,
        name: str,
        version: str,
        upstream: str,
        *,
        place: str,
        distribution: Mapping[str, str],
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[Within]:
        """A package of the distribution. It says its source package, because advisories are about that."""
        system = distribution.get("ID", "")
        if not system:
            self.unread.add(f"it does not say of which distribution the packages in /{place} are (os-release)")
            return
        release = distribution.get("VERSION_ID") or distribution.get("VERSION_CODENAME")
        told = {"distro": f"{system}-{release}" if release else system, "upstream": upstream, **more}
        yield from self._named(kind, system, name, version, {key: one for key, one in told.items() if one}, place=place)

    def _languages(self) -> Iterator[Within]:
        """Packages of Python and Node, except those that a package of the distribution brought: they are compared as that."""
        for here, folders, names in os.walk(self._root):
            folders.sort()
            at = Path(here).relative_to(self._root)
            metadata = [name for name in names if name.endswith(".egg-info")]
            metadata += [f"{name}/{file}" for name in folders for end, file in _METADATA.items() if name.endswith(end)]
            for one in metadata:
                yield from self._python(str(at / one))
            scoped = at.parent.name.startswith("@")
            if "package.json" in names and (at.parent.parent if scoped else at.parent).name == "node_modules":
                yield from self._node(str(at / "package.json"))

    def _python(self, place: str) -> Iterator[Within]:
        if (data := self._metadata(place)) is not None:
            said = BytesParser(policy=compat32).parsebytes(data, headersonly=True)
            name, version = canonicalize_name(str(said["Name"] or "")), str(said["Version"] or "")
            yield from self._named("pypi", "", name, version, {}, place=place)

    def _node(self, place: str) -> Iterator[Within]:
        if (data := self._metadata(place)) is not None:
            try:
                said = json.loads(data)
            except (ValueError, RecursionError):
                said = None
            told = said if isinstance(said, dict) else {}
            scope, _, name = str(told.get("name") or "").rpartition("/")
            yield from self._named("npm", scope, name, str(told.get("version") or ""), {}, place=place)

    def _metadata(self, place: str) -> bytes | None:
        """The file *place*; ``None`` if it is not there, or a package of the distribution brought it."""
        if f"/{place}" in self._owned or not os.path.lexists(self._root / place):
            return None
        try:
            return read_file(self._root / place, _MOST_METADATA, follow=False, named=f"/{place}")
        except ArcOpsError as error:
            self.unread.add(str(error))
            return None

    def _named(
        self, kind: str, space: str, name: str, version: str, told: Mapping[str, str], *, place: str
    ) -> Iterator[Within]:
        place, name, version = (one.encode("utf-8", "replace").decode() for one in (place, name, version))
        if not name or not version:
            self.unread.add(f"/{place} does not say the name and the version of a package")
            return
        try:
            purl = PackageURL(type=kind, namespace=space or None, name=name, version=version, qualifiers=dict(told)).to_string()
        except ValueError:
            self.unread.add(f"/{place} names a package as no package can be called")
            return
        yield Within(purl=purl, name=f"{space}/{name}" if kind == "npm" and space else name, version=version, place=place)


def _paragraphs(text: str) -> Iterable[dict[str, str]]:
    """The fields of each paragraph; further lines of a field are left out."""
    for paragraph in text.split("\n\n"):
        lines = (line.partition(":") for line in paragraph.splitlines() if ":" in line and not line[:1].isspace())
        if fields := {name: value.strip() for name, _, value in lines}:
            yield fields
