"""Files of the subject that name packages, and of which Trivy listed none.

Trivy leaves out what it cannot read and says nothing: a requirement without ``==``, a lock file of a new version, a package
without a version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath

from arcops.seen.tree import Tree
from arcops.seen.trivy import ScannedTarget

_MOST = 100
_LOCKS = frozenset(
    (
        *("requirements.txt", "Pipfile.lock", "poetry.lock", "uv.lock", "pylock.toml"),
        *("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
        *("go.mod", "Cargo.lock", "Gemfile.lock", "composer.lock", "pom.xml", "gradle.lockfile"),
        *("packages.lock.json", "conan.lock", "Podfile.lock", "Package.resolved", "pubspec.lock", "mix.lock"),
    )
)
_SYSTEMS = ("var/lib/dpkg/status", "lib/apk/db/installed", "var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/Packages")
# A lock file in what is installed is that package's own, and was never installed from. Trivy leaves these out, too.
_INSTALLED = frozenset(("node_modules", "site-packages", "dist-packages", "vendor"))


def unlisted(tree: Tree, targets: Iterable[ScannedTarget], files: frozenset[str]) -> Iterator[str]:
    """The paths, at most 100. *targets* and *files* are those of which Trivy listed a package."""
    subject = [target for target in targets if target.holds_packages and target.packages and target.scan.mode != "sbom"]
    named = {target.target for target in subject} | files
    system = any(target.category == "os-pkgs" for target in subject)
    missed = (file.path for file in tree.files if file.path not in named and _names(file.path, system=system))
    return islice(missed, _MOST)


def _names(path: str, *, system: bool) -> bool:
    if path in _SYSTEMS:
        return not system
    if path.endswith(_SYSTEMS):
        return True  # Trivy reads a system's packages only at the root
    place = PurePosixPath(path)
    if place.name == "METADATA":
        return place.parent.suffix == ".dist-info"
    return place.name in _LOCKS and not _INSTALLED.intersection(place.parts)
