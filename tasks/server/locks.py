"""The packages of a lock: requirements with digests as uv writes them, or npm's ``package-lock.json`` (versions 2 and 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packageurl import PackageURL
from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.utils import canonicalize_name

from arcops.errors import Refused
from arcops.seen.server import Pinned

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[A-Za-z0-9,._ -]*\])?==(?P<version>[A-Za-z0-9.!+_-]+)"
    r"(?:\s*;(?P<marker>[^#]*?))?(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)\s*"
)
_ROOT = re.compile(r"(?P<source>pypi|npm):(?P<name>@?[^@=\[]+)(?:\[[^\]]*\])?(?:==|@)(?P<version>.+)")
_INTEGRITY = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/]+={0,2}")
ELSEWHERE = ("remote:", "sse:")
"""Packages that begin so are servers of other machines."""
IMAGES = "oci:"
"""Packages that begin so are images."""
UNLISTED = ("folder:", IMAGES, *ELSEWHERE)
"""Packages that begin so have no lock of what they are made of: a folder, an image, and servers of other machines."""
_PLACE = re.compile(r"(?:(?:^|/)node_modules/(?:@[^/]+/)?[^/]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The packages of a lock, and what of it cannot be read."""

    packages: tuple[Pinned, ...]
    problems: tuple[str, ...]


def read_lock(package: str, text: str) -> Read:
    """The packages in the lock *text* of *package*. Nothing is left out: what is not understood is a problem."""
    found = list(_npm(package, text) if package.startswith("npm:") else _pypi(package, text))
    packages = sorted((one for one in found if isinstance(one, Pinned)), key=lambda one: (one.purl, one.place))
    problems = [one for one in found if isinstance(one, str)]
    if not any(one.root for one in packages):
        problems.append(f"the lock does not have {package} itself")
    return Read(packages=tuple(packages), problems=tuple(problems))


def named(package: str) -> tuple[str, str]:
    """The name and version in *package*. Raises `Refused` for a folder."""
    found = _ROOT.fullmatch(package)
    if found is None:
        raise Refused(f"{package[:100]!r} is no package of an index")
    return found["name"], found["version"]


def _pypi(package: str, text: str) -> Iterator[Pinned | str]:
    root = canonicalize_name(named(package)[0])
    seen: set[str] = set()
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _REQUIREMENT.fullmatch(line.strip())
        if found is None:
            yield f"{line.strip()[:100]!r} is not one exact version with its digests"
            continue
        name = canonicalize_name(found["name"])
        if name in seen:
            yield f"{name} is there twice"
        seen.add(name)
        yield Pinned(
            purl=PackageURL(type="pypi", name=name, version=found["version"]).to_string(),
            name=name,
            version=found["version"],
            digests=tuple(sorted(one.removeprefix("--hash=") for one in found["hashes"].split())),
            root=name == root,
            optional=bool(found["marker"]) and not _applies(found["marker"]),
        )


def _applies(marker: str) -> bool:
    try:
        return Marker(marker.strip()).evaluate()
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def _npm(package: str, text: str) -> Iterator[Pinned | str]:
    root = named(package)[0]
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    entries = said.get("packages") if isinstance(said, dict) else None
    if not isinstance(entries, dict) or not isinstance(said, dict) or said.get("lockfileVersion") not in (2, 3):
        yield "it is no package-lock.json of the version 2 or 3"
        return
    for place, entry in sorted(entries.items()):
        if not place:
            continue
        if not isinstance(entry, dict) or not _PLACE.fullmatch(place) or ".." in place.split("/"):
            yield f"{place[:100]!r} is no place of a package"
            continue
        found = _entry(place, entry, root)
        yield found


def _entry(place: str, entry: dict[str, object], root: str) -> Pinned | str:
    name = entry.get("name") or place.rpartition("node_modules/")[2]
    version, integrity = entry.get("version"), entry.get("integrity", "")
    if entry.get("link") or not isinstance(name, str) or not isinstance(version, str) or not isinstance(integrity, str):
        return f"{place[:100]!r} is a link, or has no version"
    digests = tuple(integrity.split())
    bundled = entry.get("inBundle") is True
    if not (bundled and not digests) and not (digests and all(_INTEGRITY.fullmatch(one) for one in digests)):
        return f"{place[:100]!r} has no digest"
    scope, _, short = name.rpartition("/")
    address = entry.get("resolved", "")
    return Pinned(
        purl=PackageURL(type="npm", namespace=scope or None, name=short, version=version).to_string(),
        name=name,
        version=version,
        digests=digests,
        root=name == root and place == f"node_modules/{root}",
        optional=entry.get("optional") is True or entry.get("dev") is True or entry.get("peer") is True,
        place=place,
        address=address if isinstance(address, str) else "",
    )
