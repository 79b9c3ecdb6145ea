"""Files of the subject that name packages, and of which Trivy listed none.

Trivy leaves out what it cannot read and says nothing: a requirement without ``==``, a lock file of a new version, a package
without a version, a jar that does not name itself and that its Java database does not know.
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
        *("pdm.lock", "npm-shrinkwrap.json", "bun.lockb", "deno.lock", "packages.config", "Directory.Packages.props"),
        *("environment.yml", "environment.yaml", "build.sbt.lock", "renv.lock", "stack.yaml.lock", "rebar.lock"),
    )
)
_SYSTEMS = ("var/lib/dpkg/status", "lib/apk/db/installed", "var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/Packages")
_LISTED_IN = frozenset((("specifications", ".gemspec"), ("conda-meta", ".json")))
_ENDINGS = (".jar", ".war", ".ear", ".par", ".deps.json")
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
    folder = place.parent
    match place.name:
        case "METADATA":
            return folder.suffix == ".dist-info"
        case "PKG-INFO":
            return folder.suffix == ".egg-info" or folder.name == "EGG-INFO"
        case "package.json":
            return "node_modules" in (folder.parent.name, folder.parent.parent.name if folder.parent.name[:1] == "@" else "")
    if place.name.endswith(_ENDINGS) or (folder.name, place.suffix) in _LISTED_IN:
        return True
    return place.name in _LOCKS and not _INSTALLED.intersection(place.parts)
