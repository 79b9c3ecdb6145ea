"""From a component to OSV's terms: ecosystem, package names with versions, and release.

Package URL specification (ECMA-427) for the types and the qualifiers; OSV schema, "Defined ecosystems", for the names. Both
names are folded to one key, so that another spelling does not hide a package. A name that no package of its ecosystem can have
was derived wrongly, and is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.seen.sboms import Component
from tasks.model.osv.ecosystems import KINDS, REGISTRIES, also_asked, ecosystem_of, release_of
from tasks.model.osv.modules import NO_MODULE, module_of
from tasks.model.versions import Unparsable, scheme

_SIMPLE = late(r"pkg:(cargo|gem|npm|pypi)/([a-z0-9][a-z0-9.-]*)@([A-Za-z0-9][A-Za-z0-9.-]*)")
"""Package URLs that are already canonical, like most: reading them this way takes a tenth of the time."""

_SPACES = {  # registries whose names have a namespace: whether it must be there, and what it must look like
    "composer": (True, late(r"[^/]+")),
    "githubactions": (True, late(r"[^/]+")),
    "golang": (False, late(r".+")),
    "hex": (False, late(r"[^/]+")),
    "maven": (True, late(r"[^/]+")),
    "npm": (False, late(r"@[^/]+")),
    "swift": (True, late(r"[^/]+/.+")),
    "vscode-extension": (True, late(r"[^/]+")),
}
_SEGMENT = late(r"[A-Za-z0-9_.~!*'()+-]+")
"""A name in any registry, or a part of one between slashes; npm's old names have the most characters."""

_SCHEME = late(r"\A(?:[a-z+]+://)?(?:[^/@]*@)?(?:www\.)?")
_MAJOR = late(r"(.+)/v(?:[2-9]|[1-9]\d+)")

_PLATFORM = late(
    r"-(?:java|jruby|dalvik\d*|mswin\d*(?:-\w+)*|(?:x86|x86_64|x64|amd64|i\d86|arm\w*|aarch64\w*|ppc64\w*|powerpc\w*|s390x|riscv64"
    r"|loongarch64|universal)-[a-z][a-z0-9.]*(?:-[a-z0-9_.]+)*)\Z"
)
"""RubyGems' platforms (``Gem::Platform``): an interpreter, or a processor, a system and what the system adds."""

_EARLY_GO = late(r"(\d+\.\d+)(?:\.(\d+))?(rc|beta)(\d+)")
_TOOLCHAIN = late(r"v?0\.0\.1-go(\d+(?:\.\d+)*(?:(?:rc|beta)\d+)?)\.[a-z0-9]+-[a-z0-9]+")
"""The version of a Go toolchain as a module ("Go Toolchains", ``golang.org/toolchain@v0.0.1-goVERSION.GOOS-GOARCH``)."""

_JOINED = {"maven": ":", "vscode-extension": "."}
_NAMES = {
    "apk": late(r"[A-Za-z0-9_.][A-Za-z0-9_.+:-]*"),
    "deb": late(r"[a-z0-9][a-z0-9+.-]+"),
    "rpm": late(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"),
}
_SOURCE_FILE = late(r"(.+)-([^-]+)-([^-]+)\.(?:no)?src(?:\.rpm)?")
"""The file of a source RPM, ``NAME-VERSION-RELEASE.src.rpm`` (rpm.org, "RPM file format", section "Lead")."""

_ENDS_IN_VERSION = late(r".+-\d[^-]*-\d[^-]*")
_UNRELEASED = frozenset({"(devel)", "devel", "unknown", "unspecified", "none", "null", "noassertion"})
"""What generators write if they know no version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question for the database: a folded name in an ecosystem, at a version. An empty version is an unknown one.

    A ``loose`` name is one that advisories use for this package, too, if they do not use its own.
    """

    ecosystem: str
    key: str
    version: str
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The package that a component names, by each name that an advisory may use: ``asked`` is never empty, and the first is in
    ``ecosystem``. ``release`` is the distribution's, empty if it has none or it is unknown. ``doubt`` is a clause that says why
    the advisories may use another name; empty if there is no doubt. ``module`` is the stream of an rpm's module (`modules`).
    """

    purl: str
    ecosystem: str
    asked: tuple[Asked, ...]
    release: str = ""
    doubt: str = ""
    module: str = NO_MODULE

    @property
    def key(self) -> str:
        return self.asked[0].key


def package_of(component: Component) -> Package:
    """The package that *component* names, at the version in its package URL or else at its own.

    Raises `Refused`, with one clause without a subject, if no advisory can be looked up for it.
    """
    text, listed = component.purl, component.version
    if (key := simple_key(text, listed)) is not None:
        return package_of_key(text, key)
    if not text:
        raise Refused("has no package URL")
    if len(text) > 2048:
        raise Refused("has a package URL of more than 2048 characters")
    from packageurl import PackageURL

    try:
        url = PackageURL.from_string(text)
    except ValueError as error:
        raise Refused("has a package URL that does not follow the specification") from error
    namespace, name, stated = url.namespace or "", url.name, url.version or ""
    if not stated and listed and name.endswith(f"@{listed}"):  # Microsoft's sbom-tool encodes the @ before the version
        name, stated = name.removesuffix(f"@{listed}"), listed
        url = url._replace(name=name, version=listed)
    ecosystem = ecosystem_of(url.type, namespace)
    if not ecosystem:
        raise Refused(
            f"is of the package URL type {'/'.join(filter(None, (url.type, namespace)))}, for which ArcOps has no advisories"
        )
    qualifiers = url.qualifiers if isinstance(url.qualifiers, dict) else {}
    version = one_version(ecosystem, stated, listed, qualifiers.get("epoch", ""))
    if not stated and version:
        url = url._replace(version=version)
    if url.type in REGISTRIES:
        full = _full_name(url.type, namespace, name)
        asked = _registry_questions(ecosystem, full, url.subpath or "", version)
        return Package(purl=url.to_string(), ecosystem=ecosystem, asked=asked)
    if not _NAMES[url.type].fullmatch(name):
        raise Refused(f"has the name {name!r}, which no {ecosystem} package can have")
    sources, doubt = _sources(component, url.type, name, version, qualifiers)
    return Package(
        purl=url.to_string(),
        ecosystem=ecosystem,
        asked=_questions(ecosystem, sources, (name, version)),
        release=release_of(ecosystem, qualifiers.get("distro", "")),
        doubt=doubt,
        module=module_of(qualifiers, (version, unquote(qualifiers.get("upstream", "")))) if url.type == "rpm" else NO_MODULE,
    )


def qualifiers_of(text: str) -> dict[str, str]:
    """The qualifiers of the package URL *text*; none if it is not one."""
    if "?" not in text:
        return {}
    from packageurl import PackageURL

    try:
        found = PackageURL.from_string(text).qualifiers
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def simple_key(purl: str, listed: str) -> tuple[str, str] | None:
    """The ecosystem and the folded name that *purl* asks for, if it is canonical and *listed*, the version of its component,
    is empty or its own; `None` if it takes more to say. Such a package is asked by this name only, and there is no doubt.
    """
    simple = _SIMPLE.fullmatch(purl)
    if simple is None or listed not in ("", simple[3]) or (simple[1] == "gem" and "-" in simple[3]):
        return None
    registry = REGISTRIES[simple[1]]
    return registry, fold(registry, simple[2])


def package_of_key(purl: str, key: tuple[str, str]) -> Package:
    """The package of the package URL *purl*, for which `simple_key` gave *key*."""
    only = Asked(ecosystem=key[0], key=key[1], version=purl.rpartition("@")[2])
    return Package(purl=purl, ecosystem=key[0], asked=(only,))


def is_package(text: str) -> bool:
    """Does this package URL belong to an ecosystem that has advisories?"""
    kind, _, rest = text.removeprefix("pkg:").lstrip("/").partition("/")
    return bool(ecosystem_of(kind.lower(), unquote(rest.partition("/")[0])))


def is_key_of_rpm(component: Component) -> bool:
    """Is it a public key, which RPM's database lists like a package (``rpmkeys(8)``)?"""
    kind, _, rest = component.purl.partition("/")
    return kind == "pkg:rpm" and component.name == "gpg-pubkey" and "gpg-pubkey@" in rest


@lru_cache(maxsize=65536)
def fold(ecosystem: str, name: str) -> str:
    """*name* as the key for all spellings of it. Case never tells two packages apart: some registries ignore it, and package
    URLs of others are written in lower case even if the package is not.
    """
    folded = name.lower()
    match ecosystem:
        case "PyPI":
            plain = "_" not in folded and "." not in folded and "--" not in folded
            return folded if plain else re.sub(r"[-_.]+", "-", folded)
        case "crates.io":
            return folded.replace("_", "-")
        case "Go":
            return folded.replace("!", "")  # the module cache writes ``!azure`` for ``Azure``, and no module has such a sign
        case "Hex":
            return folded.removeprefix("hexpm/")  # the public repository, which most leave out
        case "SwiftURL":
            return _SCHEME.sub("", folded).removesuffix("/").removesuffix(".git")
        case _:
            return folded


def one_version(ecosystem: str, stated: str, listed: str, epoch: str = "") -> str:
    """The version that a package URL (*stated*, with the qualifier *epoch*) and its component (*listed*) agree on; empty if
    neither gives one. Another spelling is no other version, and an epoch may stand in only one of the two.

    Raises `Refused` if they name two versions.
    """
    stated, listed = ("" if text.lower() in _UNRELEASED else text for text in (stated, listed))
    if KINDS.get(ecosystem) in ("deb", "rpm"):
        return _with_epoch(ecosystem, stated, listed, epoch)
    if stated and listed and not _same(ecosystem, stated, listed):
        raise _two_versions(stated, listed)
    return _plain(ecosystem, stated or listed)


def _with_epoch(ecosystem: str, stated: str, listed: str, epoch: str) -> str:
    first, second = _split_epoch(stated), _split_epoch(listed)
    epochs = {text.lstrip("0") for text in (epoch, first[0], second[0]) if text}
    if len(epochs) > 1 or (epoch and not epoch.isdecimal()):
        raise _two_versions(f"{stated} (epoch {epoch})" if epoch else stated, listed)
    left, right = first[1], second[1]
    # Some generators leave the release out of one of the two; the longer one says more.
    if left and right and not (left.startswith(f"{right}-") or right.startswith(f"{left}-") or _same(ecosystem, left, right)):
        raise _two_versions(stated, listed)
    text = max(left, right, key=len) if left.startswith(right) or right.startswith(left) else left
    known = next(iter(epochs), "")
    return f"{known}:{text}" if known and text else text


def _split_epoch(version: str) -> tuple[str, str]:
    epoch, colon, rest = version.partition(":")
    return (epoch, rest) if colon and epoch.isdecimal() else ("", version)


def _two_versions(stated: str, listed: str) -> Refused:
    return Refused(f"names two versions: {stated} in its package URL, {listed} in the component")


def _same(ecosystem: str, one: str, other: str) -> bool:
    left, right = _plain(ecosystem, one).lstrip("v"), _plain(ecosystem, other).lstrip("v")
    if left == right:
        return True
    order = scheme(ecosystem)
    try:
        return order is not None and order.key(left) == order.key(right)
    except Unparsable:
        return False


def _plain(ecosystem: str, version: str) -> str:
    """Go's versions without the prefixes of its modules (``v1.2.3``) and of its own releases (``go1.21.0``); those of gems
    without the platform, which lock files write behind (``1.13.0-x86_64-linux``) and RubyGems would read as a prerelease.
    """
    if ecosystem == "Go":
        return _of_go(version)
    if ecosystem == "RubyGems" and "-" in version:
        return _PLATFORM.sub("", version)
    return version


def _of_go(version: str) -> str:
    """A version of Go's own releases (``go1.21rc2``) as its advisories write them (``1.21.0-rc.2``); others without ``v``."""
    plain = re.sub(r"^(?:go|v)(?=\d)", "", version)
    if early := _EARLY_GO.fullmatch(plain):
        return f"{early[1]}.{early[2] or 0}-{early[3]}.{early[4]}"
    return plain


def _full_name(kind: str, namespace: str, name: str) -> str:
    needed, pattern = _SPACES.get(kind, (False, None))
    full = f"{namespace}/{name}" if namespace else name
    possible = all(_SEGMENT.fullmatch(part) for part in full.removeprefix("@").split("/"))
    if not possible or (needed and not namespace) or (namespace and (pattern is None or not pattern.fullmatch(namespace))):
        raise Refused(f"has the name {full!r}, which no {REGISTRIES[kind]} package can have")
    return f"{namespace}{_JOINED.get(kind, '/')}{name}" if namespace else name


def _registry_questions(ecosystem: str, name: str, subpath: str, version: str) -> tuple[Asked, ...]:
    if ecosystem == "Go" and name == "std":
        name = "stdlib"  # Go's own name for its library, and the one of its advisories
    if ecosystem == "Go" and name == "golang.org/toolchain" and (of := _TOOLCHAIN.fullmatch(version)):
        # It brings the library and the tools, which have advisories under these two names.
        return tuple(Asked(ecosystem=ecosystem, key=key, version=_of_go(of[1])) for key in ("stdlib", "toolchain"))
    # A Go module in a folder of a repository has the folder in its name, and some generators put that into the subpath. The
    # same is so of an action in a folder.
    names = [name, f"{name}/{subpath}"] if subpath and ecosystem in ("Go", "GitHub Actions") else [name]
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


def _questions(ecosystem: str, sources: list[tuple[str, str]], binary: tuple[str, str]) -> tuple[Asked, ...]:
    """The source package at each version that it may have, and the binary one unless it has the same name."""
    named = {name for name, _ in sources}
    pairs = [*sources, *([] if binary[0] in named else [binary])]
    return tuple(
        dict.fromkeys(Asked(ecosystem=ecosystem, key=fold(ecosystem, name), version=version) for name, version in pairs)
    )


def _sources(
    component: Component, kind: str, name: str, version: str, qualifiers: dict[str, str]
) -> tuple[list[tuple[str, str]], str]:
    """The names and versions of the source package, and why there is doubt about them."""
    said = unquote(qualifiers.get("upstream", ""))
    found: list[tuple[str, str]] = []
    strange = ""
    for text, at in ((said, ""), (component.source, component.source_version)):
        if not text:
            continue
        source, own = _source(kind, text, version)
        ends = kind == "rpm" and _ENDS_IN_VERSION.fullmatch(source)
        if not _NAMES[kind].fullmatch(source) or ends or source.lower() in _UNRELEASED:
            strange = strange or text
            continue
        upstream = _split_epoch(version)[1].rpartition("-")[0]
        if kind == "rpm" and upstream and source.endswith(f"-{upstream}") and source != f"-{upstream}":
            # Its name ends as the version does: ``NAME-VERSION`` without the release, or a name like ``gcc-toolset-12``.
            found += ((source.removesuffix(f"-{upstream}"), one) for one in _source_versions(kind, at or own, version))
        found += ((source, one) for one in _source_versions(kind, at or own, version))
    if qualifiers.get("arch") in ("source", "src") and not found:
        found.append((name, version))
    if found:
        return found, ""
    if strange:
        return [], f"names its source package as {strange!r}, which no package can be called"
    return [], "names no source package (qualifier 'upstream'), and no advisory has the name of the binary package"


def _source(kind: str, text: str, version: str) -> tuple[str, str]:
    """The name and the version (empty if it is not given) of the source package *text*: its name, ``NAME@VERSION``, or the
    file of a source RPM.
    """
    source, _, own = text.partition("@")
    if kind == "rpm" and not own:
        if file := _SOURCE_FILE.fullmatch(source):
            return file[1], f"{file[2]}-{file[3]}"
        bare = _split_epoch(version)[1]
        if bare and source.endswith(f"-{bare}"):
            return source.removesuffix(f"-{bare}"), bare
    return source, own


def _source_versions(kind: str, own: str, version: str) -> list[str]:
    """The versions that the source package may have. The file of a source RPM does not say its epoch, which is that of the
    binary package, or none.
    """
    epoch, bare = _split_epoch(version)
    if not own or own == bare:
        return [version]
    if kind == "rpm" and epoch and not _split_epoch(own)[0]:
        return [f"{epoch}:{own}", own]
    return [own]
