"""The Python distributions that are installed in a site-packages folder, from their own metadata, without importing any.

Source: the core metadata specification 2.5 and "Recording installed projects" of the Python packaging user guide.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from email.utils import getaddresses
from pathlib import Path

from packaging.markers import InvalidMarker, UndefinedEnvironmentName, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from arcops.errors import Refused, Unavailable

_MOST = 50_000
_LONGEST_LICENCE = 80

# Classifiers that name exactly one licence; those that name a family ("BSD License") are not exact enough for an id.
_CLASSIFIED = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Python Software Foundation License": "PSF-2.0",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One installed distribution. ``name`` is normalised; ``licence`` is an SPDX expression, or the licence's own words, or
    empty; ``requires`` are the normalised names of the installed distributions that it needs.
    """

    name: str
    version: str
    licence: str
    supplier: str
    requires: tuple[str, ...]


def installed(site_packages: Path) -> tuple[Distribution, ...]:
    """The distributions in *site_packages*, sorted by name; each name once, because Python imports the first one.

    Markers are evaluated for the interpreter that runs this, and extras count if an installed distribution asks for
    them. Raises `Refused` if *site_packages* is not a folder or holds no distribution, `Unavailable` if it cannot be read.
    """
    if not site_packages.is_dir():
        raise Refused(f"{site_packages} is not a folder; name the site-packages folder of the Python environment")
    found: dict[str, importlib.metadata.PackageMetadata] = {}
    try:
        for distribution in importlib.metadata.distributions(path=[str(site_packages)]):
            metadata = distribution.metadata
            if _first(metadata, "Name") and _first(metadata, "Version"):
                found.setdefault(canonicalize_name(_first(metadata, "Name")), metadata)
            if len(found) > _MOST:
                raise Refused(f"{site_packages} holds more than {_MOST} distributions; name the folder of one environment")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"the distributions in {site_packages} cannot be read: {error}") from error
    if not found:
        raise Refused(f"{site_packages} holds no installed distribution; name the site-packages folder of a Python environment")
    requires = _resolved(found)
    return tuple(
        Distribution(
            name=name,
            version=_first(metadata, "Version"),
            licence=_licence(metadata),
            supplier=_supplier(metadata),
            requires=tuple(sorted(requires[name])),
        )
        for name, metadata in sorted(found.items())
    )


def _resolved(found: dict[str, importlib.metadata.PackageMetadata]) -> dict[str, set[str]]:
    """Which distribution needs which. An extra is on if any distribution needs it, and may add more; repeated until stable."""
    requirements = {name: _requirements(metadata) for name, metadata in found.items()}
    extras: dict[str, set[str]] = {name: set() for name in found}
    needs: dict[str, set[str]] = {name: set() for name in found}
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        for requirement in requirements[name]:
            needed = canonicalize_name(requirement.name)
            if needed not in found or not _applies(requirement, extras[name]):
                continue
            if needed != name:
                needs[name].add(needed)
            if fresh := {canonicalize_name(extra) for extra in requirement.extras} - extras[needed]:
                extras[needed] |= fresh
                waiting.append(needed)
    return needs


def _requirements(metadata: importlib.metadata.PackageMetadata) -> list[Requirement]:
    parsed = []
    for line in metadata.get_all("Requires-Dist") or []:
        try:
            parsed.append(Requirement(line))
        except InvalidRequirement:
            continue  # some old distributions have lines that no installer understands, so they had no effect
    return parsed


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    if requirement.marker is None:
        return True
    environment = {str(key): str(value) for key, value in default_environment().items()}
    try:
        return any(requirement.marker.evaluate(environment | {"extra": extra}) for extra in ("", *extras))
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def _first(metadata: importlib.metadata.PackageMetadata, field: str) -> str:
    return next((str(value).strip() for value in metadata.get_all(field) or []), "")


def _licence(metadata: importlib.metadata.PackageMetadata) -> str:
    if expression := _first(metadata, "License-Expression"):
        return expression
    stated = _first(metadata, "License")
    classified = [
        _CLASSIFIED.get(words)
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License ::") and (words := line.rpartition("::")[2].strip()) != "OSI Approved"
    ]
    short = stated if "\n" not in stated and len(stated) <= _LONGEST_LICENCE and stated.upper() != "UNKNOWN" else ""
    known = classified[0] if len(classified) == 1 else None
    return known or short


def _supplier(metadata: importlib.metadata.PackageMetadata) -> str:
    """Who made it, by its metadata: authors before maintainers, names before addresses."""
    for field in ("Author", "Author-email", "Maintainer", "Maintainer-email"):
        said = _first(metadata, field)
        if not said or said.upper() == "UNKNOWN":
            continue
        if not field.endswith("-email"):
            return " ".join(said.split())
        names = [name or address for name, address in getaddresses([said]) if name or address]
        if names:
            return ", ".join(names)
    return ""
