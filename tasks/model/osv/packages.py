"""From a package URL to OSV's terms: ecosystem, package name, release and version.

Package URL specification (ECMA-427) for the types; OSV schema, "Defined ecosystems", for the names. Both names are folded
to one key (PEP 503 for PyPI; letter case if a registry ignores it), so that another spelling does not hide a package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from arcops.errors import Refused
from arcops.late_pattern import late

_REGISTRIES = {
    "bioconductor": "Bioconductor",
    "bitnami": "Bitnami",
    "cargo": "crates.io",
    "composer": "Packagist",
    "conan": "ConanCenter",
    "cran": "CRAN",
    "gem": "RubyGems",
    "githubactions": "GitHub Actions",
    "golang": "Go",
    "hackage": "Hackage",
    "hex": "Hex",
    "julia": "Julia",
    "maven": "Maven",
    "npm": "npm",
    "nuget": "NuGet",
    "opam": "opam",
    "pub": "Pub",
    "pypi": "PyPI",
    "swift": "SwiftURL",
}
_DISTRIBUTIONS = {
    ("apk", "alpine"): "Alpine",
    ("apk", "chainguard"): "Chainguard",
    ("apk", "wolfi"): "Wolfi",
    ("deb", "debian"): "Debian",
    ("deb", "ubuntu"): "Ubuntu",
    ("rpm", "almalinux"): "AlmaLinux",
    ("rpm", "rocky"): "Rocky Linux",
    ("rpm", "rocky-linux"): "Rocky Linux",
    ("rpm", "rockylinux"): "Rocky Linux",
}
_NUMBERED = {"Alpine": r"\d+\.\d+", "AlmaLinux": r"\d+", "Debian": r"\d+", "Rocky Linux": r"\d+", "Ubuntu": r"\d+\.\d+"}
_CODENAMES = {  # Debian and Ubuntu distro-info-data, releases that images in use may still carry
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
    "xenial": "16.04",
    "bionic": "18.04",
    "focal": "20.04",
    "jammy": "22.04",
    "noble": "24.04",
}
_CASELESS = {"crates.io", "GitHub Actions", "Go", "Hex", "NuGet", "Packagist", "Pub", "SwiftURL"}
_SIMPLE = late(r"pkg:(cargo|gem|npm|pypi)/([a-z0-9][a-z0-9.-]*)@([A-Za-z0-9][A-Za-z0-9.-]*)")
"""Package URLs that are already canonical, like most: reading them this way takes a tenth of the time."""

SOURCE_NAMED = frozenset({"Alpine", "AlmaLinux", "Debian", "Rocky Linux", "Ubuntu"})
"""Ecosystems whose advisories name source packages, while a purl often names the binary one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The package that a component names. ``key`` is the folded name; ``release`` is the distribution's, empty if it has none
    or the purl does not name it; ``source_known`` says that ``key`` is the name that advisories use.
    """

    purl: str
    ecosystem: str
    key: str
    version: str
    release: str = ""
    source_known: bool = True


def read_purl(text: str, version: str) -> Package:
    """The package that *text* names, at the version in it or else at *version*.

    Raises `Refused`, with one clause without a subject, if no advisory can be looked up for it.
    """
    from packageurl import PackageURL

    if (simple := _SIMPLE.fullmatch(text)) and version in ("", simple[3]):
        registry = _REGISTRIES[simple[1]]
        return Package(purl=text, ecosystem=registry, key=fold(registry, simple[2]), version=simple[3])
    if not text:
        raise Refused("has no package URL")
    if len(text) > 2048:
        raise Refused("has a package URL of more than 2048 characters")
    try:
        url = PackageURL.from_string(text)
    except ValueError as error:
        raise Refused("has a package URL that does not follow the specification") from error
    namespace, stated = url.namespace or "", url.version or ""
    ecosystem = _REGISTRIES.get(url.type) or _DISTRIBUTIONS.get((url.type, namespace.lower()))
    if ecosystem is None:
        raise Refused(
            f"is of the package URL type {'/'.join(filter(None, (url.type, namespace)))}, for which ArcOps has no advisories"
        )
    qualifiers = url.qualifiers if isinstance(url.qualifiers, dict) else {}
    if not stated:
        if not version:
            raise Refused("has no version")
        url = url._replace(version=version)
    elif version and url.type in _REGISTRIES and version.lstrip("v") != stated.lstrip("v"):
        raise Refused(f"names two versions: {stated} in its package URL, {version} in the component")
    name, compared, source_known = _upstream(ecosystem, url.name, stated or version, qualifiers)
    return Package(
        purl=url.to_string(),
        ecosystem=ecosystem,
        key=fold(ecosystem, _osv_name(ecosystem, namespace, name)),
        version=compared,
        release=_release(ecosystem, qualifiers.get("distro", "")),
        source_known=source_known,
    )


def is_package(text: str) -> bool:
    """Does this package URL belong to an ecosystem that has advisories?"""
    kind, _, rest = text.removeprefix("pkg:").lstrip("/").partition("/")
    return kind.lower() in _REGISTRIES or (kind.lower(), rest.partition("/")[0].lower()) in _DISTRIBUTIONS


@lru_cache(maxsize=65536)
def fold(ecosystem: str, name: str) -> str:
    """*name* as the key that its ecosystem uses for all spellings of it."""
    if ecosystem == "PyPI":
        return re.sub(r"[-_.]+", "-", name).lower()
    folded = name.lower() if ecosystem in _CASELESS else name
    match ecosystem:
        case "crates.io":
            return folded.replace("_", "-")
        case "SwiftURL":
            return folded.removeprefix("https://").removesuffix(".git")
        case _:
            return folded


def split_ecosystem(text: str) -> tuple[str, str]:
    """OSV's ``Debian:12`` as ecosystem and release. A suffix that is not a release (the address of a repository) is dropped, so
    that the entry is compared with every package of that name.
    """
    ecosystem, _, suffix = text.partition(":")
    pattern = _NUMBERED.get(ecosystem)
    if pattern is None or not suffix:
        return ecosystem, ""
    found = re.search(rf"(?<![\d.]){pattern}(?![\d.])", suffix)
    return ecosystem, found[0] if found else suffix


def _osv_name(ecosystem: str, namespace: str, name: str) -> str:
    if ecosystem in _DISTRIBUTIONS.values() or not namespace:
        return name
    return f"{namespace}:{name}" if ecosystem == "Maven" else f"{namespace}/{name}"


def _upstream(ecosystem: str, name: str, version: str, qualifiers: dict[str, str]) -> tuple[str, str, bool]:
    if ecosystem == "Go":
        return name, version.removeprefix("v"), True
    if ecosystem not in SOURCE_NAMED:
        return name, version, True
    epoch = qualifiers.get("epoch", "")
    if epoch and ":" not in version:
        version = f"{epoch}:{version}"
    source, _, source_version = unquote(qualifiers.get("upstream", "")).partition("@")
    if source:
        return source, source_version or version, True
    return name, version, qualifiers.get("arch") in ("source", "src")


def _release(ecosystem: str, distro: str) -> str:
    pattern = _NUMBERED.get(ecosystem)
    if pattern is None or not distro:
        return ""
    codename = distro.lower().rpartition("-")[2]
    if codename in _CODENAMES:
        return _CODENAMES[codename]
    found = re.search(pattern, distro)
    return found[0] if found else distro
