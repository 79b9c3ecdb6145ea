"""A package in OSV's terms: ecosystem, names with versions, and release. `package_urls` says how a component leads to one.

The names of packages and of advisories are folded to one key, so that another spelling does not hide a package.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.seen.sboms import Component
from tasks.model.osv.ecosystems import REGISTRIES, ecosystem_of
from tasks.model.osv.modules import NO_MODULE

_SIMPLE = late(r"pkg:(cargo|gem|npm|pypi)/([a-z0-9][a-z0-9.-]*)@([A-Za-z0-9][A-Za-z0-9.-]*)")
"""Package URLs that are already canonical, like most: reading them this way takes a tenth of the time."""

_SCHEME = late(r"\A(?:[a-z+]+://)?(?:[^/@]*@)?(?:www\.)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question for the database: a folded name in an ecosystem, at a version. An empty version is an unknown one.

    A ``loose`` name is one that advisories use for this package, too, if they do not use its own. ``doubt`` says, as a
    clause about the version, why an advisory about this name may not be about the package; empty if there is no doubt.
    """

    ecosystem: str
    key: str
    version: str
    loose: bool = False
    doubt: str = ""


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


def artifact_of(name: str) -> str:
    """The artifact id in the *name* of a Maven package, ``group:artifact``."""
    return name.rpartition(":")[2]


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
            # Syft 1.18.1 writes the name of the package behind the address of its repository.
            return re.sub(r"\.git(/[^/]*)?$", "", _SCHEME.sub("", folded).removesuffix("/"))
        case _:
            return folded
