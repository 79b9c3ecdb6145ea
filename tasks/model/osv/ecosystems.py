"""Which ecosystem of OSV's list a package URL leads to, and which release of a distribution a text names.

Sources: package URL specification (ECMA-427) and its type definitions; OSV schema 1.7, "Defined ecosystems". A distribution
has several namespaces, because each generator writes its own: the ID of ``/etc/os-release``, or a name of the tool's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from arcops.late_dataclass import dataclass
from arcops.late_pattern import late

REGISTRIES = {
    "bioconductor": "Bioconductor",
    "bitnami": "Bitnami",
    "brew": "Homebrew",
    "cargo": "crates.io",
    "composer": "Packagist",
    "conan": "ConanCenter",
    "cran": "CRAN",
    "dhi": "Docker Hardened Images",
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
    "vcpkg": "vcpkg",
    "vscode-extension": "VSCode",
}
"""By the package URL's type, whatever its namespace."""

_NAMESPACES = {
    "Alpaquita": "apk/alpaquita",
    "Alpine": "apk/alpine",
    "BellSoft Hardened Containers": "apk/bellsoft-hardened-containers apk/bellsoft",
    "Chainguard": "apk/chainguard",
    "CleanStart": "apk/cleanstart",
    "MinimOS": "apk/minimos",
    "Wolfi": "apk/wolfi",
    "Debian": "deb/debian",
    "Echo": "deb/echo",
    "Ubuntu": "deb/ubuntu",
    "AlmaLinux": "rpm/almalinux rpm/alma",
    "Azure Linux": "rpm/azurelinux rpm/azure-linux rpm/azure rpm/mariner rpm/cbl-mariner rpm/microsoft",
    "Mageia": "rpm/mageia",
    "Photon OS": "rpm/photon",
    "Red Hat": "rpm/redhat rpm/rhel rpm/red-hat",
    "Rocky Linux": "rpm/rocky rpm/rocky-linux rpm/rockylinux",
    "SUSE": "rpm/suse rpm/sles rpm/sled rpm/sle-micro rpm/sl-micro rpm/suse-linux-enterprise-server",
    "openEuler": "rpm/openeuler",
    "openSUSE": "rpm/opensuse rpm/opensuse-leap rpm/opensuse-leap-micro rpm/opensuse-tumbleweed",
}
_DISTRIBUTIONS = {
    (place.partition("/")[0], place.partition("/")[2]): name for name, places in _NAMESPACES.items() for place in places.split()
}
_ALSO_ASKED = {"Go": ("Kubernetes", late(r"(?:[a-z-]+\.)?k8s\.io/"))}
"""Ecosystems that name packages of another one: OSV's Kubernetes advisories name Go modules."""

KINDS = {name: places.partition("/")[0] for name, places in _NAMESPACES.items()}
"""Each distribution with the type of its packages: ``apk``, ``deb`` or ``rpm``."""

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


def ecosystem_of(kind: str, namespace: str) -> str:
    """The ecosystem of a package URL of type *kind*; empty if OSV has none for it."""
    return REGISTRIES.get(kind) or _DISTRIBUTIONS.get((kind, re.sub(r"[ .]", "-", namespace.lower()))) or ""


def also_asked(ecosystem: str, name: str) -> str:
    """Another ecosystem that has advisories about the package *name* of *ecosystem*; empty if no other has."""
    other, pattern = _ALSO_ASKED.get(ecosystem, ("", None))
    return other if pattern is not None and pattern.match(name) else ""


def reached(ecosystem: str) -> bool:
    """Does any package URL lead to this ecosystem?"""
    return (
        ecosystem in _NAMESPACES
        or ecosystem in REGISTRIES.values()
        or ecosystem in (other for other, _ in _ALSO_ASKED.values())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Releases:
    """How a distribution names its releases, in an ecosystem's suffix and in a package URL's ``distro``.

    The last match of the first of ``patterns`` that matches is the release; ``form`` gives its one spelling. ``rolling`` are
    names of releases without a number. ``vague`` says that a ``distro`` may leave out a part that tells releases apart.
    """

    patterns: tuple[str, ...]
    form: Callable[[tuple[str, ...]], str] = lambda groups: groups[0]
    rolling: tuple[str, ...] = ()
    vague: bool = False

    def find(self, text: str) -> str:
        """The release that *text* names; empty if it names none."""
        lowered = text.lower()
        for name in self.rolling:
            if name in lowered:
                return name
        for pattern in self.patterns:
            found = list(re.finditer(pattern, lowered))
            if found:
                return self.form(tuple(group or "" for group in found[-1].groups()))
        return ""


_MAJOR = _Releases(patterns=(r"(?<![\d.])(\d+)",))
_MINOR = _Releases(patterns=(r"(?<![\d.])(\d+\.\d+)",))
_SERVICE_PACKS = (r"(?<![\d.])(\d+)(?:\.(\d+)|[ -]?sp(\d+))?",)

_PRODUCTS_OF_SUSE = {  # SUSE, "Product Support Lifecycle" and release notes: on which SUSE Linux Enterprise each product runs
    "caas platform 3": "12.3",
    "caas platform 4": "15.1",
    "enterprise storage 5": "12.3",
    "enterprise storage 6": "15.1",
    "enterprise storage 7": "15.2",
    "enterprise storage 7.1": "15.3",
    "helion openstack 8": "12.3",
    "manager 3.2": "12.3",
    "manager 4.0": "15.1",
    "manager 4.1": "15.2",
    "manager 4.2": "15.3",
    "manager 4.3": "15.4",
    "openstack cloud 7": "12.2",
    "openstack cloud 8": "12.3",
    "openstack cloud 9": "12.4",
}
_PRODUCT_OF_SUSE = late(
    r".*\b(caas platform|enterprise storage|helion openstack|manager|openstack cloud)\b(?! (?:client )?tools).*?(\d+)(\.\d+)?.*"
)
_OF_ALL_PACKS = late(r".*\b(?:module|tools)\b\D*(\d+)")
"""Modules of SUSE Linux Enterprise 12, and tools, are for all service packs of it."""


def _service_pack(groups: tuple[str, ...]) -> str:
    major, minor, pack = groups
    return f"{major}.{minor or pack or '0'}"


_RELEASES = {
    "Alpaquita": replace(_MAJOR, rolling=("stream",)),
    "AlmaLinux": _MAJOR,
    "Alpine": replace(_MINOR, rolling=("edge",)),
    "Azure Linux": _MAJOR,
    "BellSoft Hardened Containers": replace(_MAJOR, rolling=("stream",)),
    "Debian": replace(_MAJOR, rolling=("sid",)),
    "Mageia": _MAJOR,
    "Photon OS": _MINOR,
    # The CPE of a product ends in the Enterprise Linux that it runs on ("openshift:4.16::el9"), or is one ("rhel_eus:9.2").
    "Red Hat": _Releases(patterns=(r"::el(\d+)", r"\b(?:enterprise_linux|rhel_[a-z0-9]+|rhel|redhat|el)[:-]?(\d+)")),
    "Rocky Linux": _MAJOR,
    "SUSE": _Releases(patterns=_SERVICE_PACKS, form=_service_pack),
    "Ubuntu": _MINOR,
    # The os-release file gives only year and month, but each service pack has its own fixes.
    "openEuler": _Releases(patterns=(r"(\d+\.\d+-lts(?:-sp\d+)?)",), vague=True),
    "openSUSE": _Releases(patterns=_SERVICE_PACKS, form=_service_pack, rolling=("tumbleweed",)),
}


def split_ecosystem(text: str) -> tuple[str, str]:
    """OSV's ``Debian:12`` as ecosystem and release. A suffix that names no release (the address of a repository, a product) is
    dropped, so that the entry is compared with every package of that name.
    """
    ecosystem, _, suffix = text.partition(":")
    if ecosystem == "SUSE" and (product := _PRODUCT_OF_SUSE.fullmatch(suffix.lower())):
        name, major, minor = product.groups("")
        return ecosystem, _PRODUCTS_OF_SUSE.get(f"{name} {major}{minor}") or _PRODUCTS_OF_SUSE.get(f"{name} {major}", "")
    if ecosystem == "SUSE" and (whole := _OF_ALL_PACKS.fullmatch(suffix.lower())):
        return ecosystem, whole[1]
    releases = _RELEASES.get(ecosystem)
    return ecosystem, "" if releases is None else releases.find(suffix)


def is_in(release: str, other: str) -> bool:
    """Is *release* the release *other*, or a service pack of it?"""
    return release == other or release.startswith(f"{other}.")


def release_of(ecosystem: str, distro: str) -> str:
    """The release that a package URL's qualifier ``distro`` names; empty if the ecosystem has no releases, or it is unknown."""
    releases = _RELEASES.get(ecosystem)
    if releases is None or not distro:
        return ""
    codename = distro.lower().rpartition("-")[2]
    return _CODENAMES.get(codename) or releases.find(distro) or ("" if releases.vague else distro)
