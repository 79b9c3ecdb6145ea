"""The names under which advisories speak of a registry's package, other than the one that its package URL gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arcops.errors import Refused
from arcops.late_pattern import late
from tasks.model.osv.ecosystems import REGISTRIES, also_asked
from tasks.model.osv.packages import Asked, Package, fold
from tasks.model.osv.stated_versions import of_go

_SPACES = {  # registries whose names have a namespace: whether it must be there, and what it must look like
    "composer": (True, late(r"[^/]+")),
    "githubactions": (True, late(r"[^/]+(?:/.+)?")),
    "golang": (False, late(r".+")),
    "hex": (False, late(r"[^/]+")),
    "maven": (True, late(r"[^/]+")),
    "npm": (False, late(r"@[^/]+")),
    "swift": (True, late(r"[^/]+/.+")),
    "vscode-extension": (True, late(r"[^/]+")),
}
_SEGMENT = late(r"[A-Za-z0-9_.~!*'()+-]+")
"""A name in any registry, or a part of one between slashes; npm's old names have the most characters."""

_FOLDERS = (".", "..")
"""Parts of a path on the machine that built it, such as a local copy of a Go module (``replace m => ./copy``)."""

_JOINED = {"maven": ":", "vscode-extension": "."}
_MAJOR = late(r"(.+)/v(?:[2-9]|[1-9]\d+)")
_TOOLCHAIN = late(r"v?0\.0\.1-go(\d+(?:\.\d+)*(?:(?:rc|beta)\d+)?)\.[a-z0-9]+-[a-z0-9]+")
"""The version of a Go toolchain as a module ("Go Toolchains", ``golang.org/toolchain@v0.0.1-goVERSION.GOOS-GOARCH``)."""

_OF_GO = late(r"(std|cmd)(?:/.+)?|(?:github\.com/golang/)?go")
"""Go's library and its commands as ``go list`` names them, each with its packages, and Go as a whole."""

_ALIAS = late(r"npm:(?:(@[^/@]+)/)?([^/@]+)(?:@(.*))?")
"""npm's aliases, ``npm install ALIAS@npm:NAME@VERSION`` (``package-spec(7)``)."""


def aliased(name: tuple[str, str], versions: tuple[str, ...]) -> tuple[tuple[str, str], tuple[str, ...]]:
    """The namespace and the name of the npm package that is installed as *name*, and its *versions*.

    Raises `Refused` if they name two packages.
    """
    found = [_ALIAS.fullmatch(version) for version in versions]
    named = {(one[1] or "", one[2]) for one in found if one is not None}
    if len(named) > 1:
        raise Refused("is an alias of two npm packages: one in its package URL, and one in the component")
    plain = tuple([(one[3] or "") if one is not None else version for one, version in zip(found, versions, strict=True)])
    return named.pop() if named else name, plain


def full_name(kind: str, namespace: str, name: str) -> str:
    """The name in the registry. Raises `Refused` if no package of it can have that."""
    needed, pattern = _SPACES.get(kind, (False, None))
    full = f"{namespace}/{name}" if namespace else name
    possible = all(_SEGMENT.fullmatch(part) and part not in _FOLDERS for part in full.removeprefix("@").split("/"))
    if not possible or (needed and not namespace) or (namespace and (pattern is None or not pattern.fullmatch(namespace))):
        raise Refused(f"has the name {full!r}, which no {REGISTRIES[kind]} package can have")
    return f"{namespace}{_JOINED.get(kind, '/')}{name}" if namespace else name


def registry_questions(ecosystem: str, name: str, subpath: str, version: str) -> tuple[Asked, ...]:
    """What to ask about the package *name* at *version*."""
    if ecosystem == "Go" and name == "golang.org/toolchain" and (of := _TOOLCHAIN.fullmatch(version)):
        # It brings the library and the tools, which have advisories under these two names.
        return tuple(Asked(ecosystem=ecosystem, key=key, version=of_go(of[1])) for key in ("stdlib", "toolchain"))
    if ecosystem == "Go" and (own := _OF_GO.fullmatch(name)):
        keys = {"std": ("stdlib",), "cmd": ("toolchain",)}.get(own[1], (fold(ecosystem, name), "stdlib", "toolchain"))
        return tuple(Asked(ecosystem=ecosystem, key=key, version=version) for key in keys)
    # A Go module in a folder of a repository has the folder in its name, and some generators put that into the subpath. The
    # same is so of an action in a folder, whose advisories name the repository.
    names = [name, f"{name}/{subpath}"] if subpath and ecosystem in ("Go", "GitHub Actions") else [name]
    if ecosystem == "GitHub Actions" and name.count("/") > 1:
        names.append("/".join(name.split("/")[:2]))
    asked = [Asked(ecosystem=ecosystem, key=fold(ecosystem, one), version=version) for one in names]
    if ecosystem == "Go":
        loose = {other for one in names for other in _other_majors(one, version)}
        asked += (Asked(ecosystem=ecosystem, key=fold(ecosystem, one), version=version, loose=True) for one in sorted(loose))
    if other := also_asked(ecosystem, name):
        asked.append(Asked(ecosystem=other, key=fold(other, name), version=version))
    return tuple(asked)


def _other_majors(name: str, version: str) -> Iterator[str]:
    """The names that advisories give the Go module *name* if they do not follow its major version (Go modules reference,
    "Major version suffixes"): ``x`` for ``x/v2``, and ``x/v2`` for ``x`` at ``v2.0.0+incompatible``.
    """
    if found := _MAJOR.fullmatch(name):
        yield found[1]
    elif version.endswith("+incompatible"):
        yield f"{name}/v{version.partition('.')[0]}"


def perhaps_of_maven(package: Package, names: Iterable[str]) -> tuple[Asked, ...]:
    """What else to ask about *package*, of Maven, which no advisory names; *names* are those with its artifact id that
    advisories name.

    A jar does not have to say its group. Syft 1.18.1 then writes the artifact's id, the main class, or a name from the manifest
    that begins with the group (``Bundle-SymbolicName``, ``Automatic-Module-Name``).
    """
    group = package.key.partition(":")[0]
    of_class = package.purl.split("/")[1].rpartition(".")[2][:1].isupper()
    asked = []
    for name in names:
        other = name.partition(":")[0]
        if of_class or "." not in group or f"{group}.".startswith(f"{other}.") or other.startswith(f"{group}."):
            doubt = f"is affected if the package is {name}: jars do not always say their group, and {group} may be made up"
            asked.append(Asked(ecosystem="Maven", key=name, version=package.asked[0].version, doubt=doubt))
    return tuple(asked)
