"""Version order of every ecosystem that OSV names: which of two versions is the later one, by that ecosystem's own rules."""

from __future__ import annotations

from tasks.model.versions.alpine import ALPINE
from tasks.model.versions.debian import DEBIAN
from tasks.model.versions.maven import MAVEN
from tasks.model.versions.nuget import NUGET
from tasks.model.versions.numbers import CRAN, HACKAGE
from tasks.model.versions.packagist import PACKAGIST
from tasks.model.versions.pypi import PYPI
from tasks.model.versions.redhat import REDHAT
from tasks.model.versions.rubygems import RUBYGEMS
from tasks.model.versions.scheme import LONGEST, ZERO, Scheme, SortKey, Unparsable
from tasks.model.versions.semver import GO, PUB, SEMVER, TAG

__all__ = ["LONGEST", "SCHEMES", "ZERO", "Scheme", "SortKey", "Unparsable", "compare", "scheme"]

SCHEMES: dict[str, Scheme] = {
    **dict.fromkeys(
        ("Alpine", "Alpaquita", "BellSoft Hardened Containers", "Chainguard", "CleanStart", "MinimOS", "Wolfi"), ALPINE
    ),
    **dict.fromkeys(("Debian", "Echo", "Ubuntu"), DEBIAN),
    **dict.fromkeys(
        ("AlmaLinux", "Azure Linux", "Mageia", "Photon OS", "Red Hat", "Rocky Linux", "SUSE", "openEuler", "openSUSE"), REDHAT
    ),
    **dict.fromkeys(("Bitnami", "Hex", "Julia", "Kubernetes", "SwiftURL", "VSCode", "crates.io", "npm"), SEMVER),
    **dict.fromkeys(("Bioconductor", "CRAN"), CRAN),
    **dict.fromkeys(("GHC", "Hackage"), HACKAGE),
    "GitHub Actions": TAG,
    "Go": GO,
    "Maven": MAVEN,
    "NuGet": NUGET,
    "Packagist": PACKAGIST,
    "Pub": PUB,
    "PyPI": PYPI,
    "RubyGems": RUBYGEMS,
}
"""By the ecosystem's name without its suffix. Names that are absent (GIT, Android, Linux, OSS-Fuzz, …) have no order here."""


def scheme(ecosystem: str) -> Scheme | None:
    """The order of an OSV *ecosystem*, whose suffix (``Debian:12``, ``Alpine:v3.18``) does not matter; ``None``: unknown."""
    return SCHEMES.get(ecosystem.partition(":")[0])


def compare(ecosystem: str, a: str, b: str) -> int:
    """-1, 0 or 1 if *a* is before, equal to or after *b* in the lenient order. Raises `Unparsable`.

    For sorting and display. A verdict uses `Scheme.key`, which refuses what its ecosystem refuses.
    """
    found = scheme(ecosystem)
    if found is None:
        raise Unparsable(f"ArcOps does not know the version order of {ecosystem!r}, so {a!r} and {b!r} cannot be compared")
    left, right = found.lenient(a), found.lenient(b)
    return (left > right) - (left < right)
