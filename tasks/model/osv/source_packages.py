"""The source packages from which a distribution's package was built: advisories of most distributions name these."""

from __future__ import annotations

from urllib.parse import unquote

from arcops.late_pattern import late
from arcops.seen.sboms import Component
from tasks.model.osv.packages import Asked, fold
from tasks.model.osv.stated_versions import UNKNOWN, split_epoch

NAMES = {
    "apk": late(r"[A-Za-z0-9_.][A-Za-z0-9_.+:-]*"),
    "deb": late(r"[a-z0-9][a-z0-9+.-]+"),
    "rpm": late(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"),
}
_SOURCE_FILE = late(r"(.+)-([^-]+)-([^-]+)\.(?:no)?src(?:\.rpm)?")
"""The file of a source RPM, ``NAME-VERSION-RELEASE.src.rpm`` (rpm.org, "RPM file format", section "Lead")."""

_ENDS_IN_VERSION = late(r".+-\d[^-]*-\d[^-]*")
_SIGNED_KERNEL = late(r"linux-signed(?P<flavour>(?:-.+?)??)(?:-(?:amd64|arm64|i386))?")
_SIGNED = late(r".+-signed(?:-.+)?")
"""Debian and Ubuntu build for Secure Boot what another source package made again, with a signature, as a source package of its
own. The kernels of ``linux-signed-6.1-amd64`` are those of ``linux-6.1``, and have its versions; others have a version of
their own.
"""


def questions(ecosystem: str, sources: list[tuple[str, str]], binary: tuple[str, str]) -> tuple[Asked, ...]:
    """The source package at each version that it may have, and the binary one unless it has the same name."""
    named = {name for name, _ in sources}
    pairs = [*sources, *([] if binary[0] in named else [binary])]
    return tuple(
        dict.fromkeys(Asked(ecosystem=ecosystem, key=fold(ecosystem, name), version=version) for name, version in pairs)
    )


def sources_of(
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
        if not NAMES[kind].fullmatch(source) or ends or source.lower() in UNKNOWN:
            strange = strange or text
            continue
        upstream = split_epoch(version)[1].rpartition("-")[0]
        if kind == "rpm" and upstream and source.endswith(f"-{upstream}") and source != f"-{upstream}":
            # Its name ends as the version does: ``NAME-VERSION`` without the release, or a name like ``gcc-toolset-12``.
            found += ((source.removesuffix(f"-{upstream}"), one) for one in _versions(kind, at or own, version))
        found += ((source, one) for one in _versions(kind, at or own, version))
    if qualifiers.get("arch") in ("source", "src") and not found:
        found.append((name, version))
    if found:
        return _unsigned(found, version) if kind == "deb" else (found, "")
    if strange:
        return [], f"names its source package as {strange!r}, which no package can be called"
    return [], "names no source package (qualifier 'upstream'), and no advisory has the name of the binary package"


def _unsigned(found: list[tuple[str, str]], version: str) -> tuple[list[tuple[str, str]], str]:
    """*found*, and what its signed packages were built from first; *version* is that of the binary package."""
    doubt = ""
    for source, _ in tuple(found):
        if kernel := _SIGNED_KERNEL.fullmatch(source):
            found.append((f"linux{kernel['flavour']}", version))
        elif _SIGNED.fullmatch(source):
            doubt = f"is of {source}, the signed build of another source package, which it does not name"
    return found, doubt


def _source(kind: str, text: str, version: str) -> tuple[str, str]:
    """The name and the version (empty if it is not given) of the source package *text*: its name, ``NAME@VERSION``, or the
    file of a source RPM.
    """
    source, _, own = text.partition("@")
    if kind == "rpm" and not own:
        if file := _SOURCE_FILE.fullmatch(source):
            return file[1], f"{file[2]}-{file[3]}"
        bare = split_epoch(version)[1]
        if bare and source.endswith(f"-{bare}"):
            return source.removesuffix(f"-{bare}"), bare
    return source, own


def _versions(kind: str, own: str, version: str) -> list[str]:
    """The versions that the source package may have. The file of a source RPM does not say its epoch, which is that of the
    binary package, or none.
    """
    epoch, bare = split_epoch(version)
    if not own or own == bare:
        return [version]
    if kind == "rpm" and epoch and not split_epoch(own)[0]:
        return [f"{epoch}:{own}", own]
    return [own]
