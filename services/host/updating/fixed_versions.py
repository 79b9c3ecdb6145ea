"""Which version of a server's own package is the first without what became known about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from packageurl import PackageURL
from packaging.utils import canonicalize_name

from services.host.known_since import Fix
from services.host.spec import Package, Source
from tasks.model.versions import Unparsable, scheme

_ECOSYSTEMS = {Source.PYPI: "PyPI", Source.NPM: "npm"}


def fixed_version(package: Package, fixes: Iterable[Fix]) -> str:
    """The lowest version of *package* that has every fix of *fixes* which is about it; empty if none is about it, or if one of
    them names no later version. What its dependencies take is no other version of it: the index says that when it is asked.
    """
    order = scheme(_ECOSYSTEMS.get(package.source, ""))
    if order is None:
        return ""
    needed: list[str] = []
    for one in fixes:
        if not _about(one.purl, package):
            continue
        try:
            later = [version for version in one.fixed if order.key(version) > order.key(package.version)]
            if not later:
                return ""
            needed.append(min(later, key=order.key))
        except Unparsable:
            return ""
    return max(needed, key=order.key) if needed else ""


def _about(purl: str, package: Package) -> bool:
    found = PackageURL.from_string(purl)
    if found.type != package.source.value or found.version != package.version:
        return False
    if package.source is Source.PYPI:
        return found.name == canonicalize_name(package.name)
    return "/".join(filter(None, (found.namespace, found.name))) == package.name
