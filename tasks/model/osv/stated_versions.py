"""The version that a package URL and its component agree on, as the ecosystem writes it."""

from __future__ import annotations

import re

from arcops.errors import Refused
from arcops.late_pattern import late
from tasks.model.osv.ecosystems import KINDS
from tasks.model.versions import Unparsable, scheme

_PLATFORM = late(
    r"-(?:java|jruby|dalvik\d*|mswin\d*(?:-\w+)*|(?:x86|x86_64|x64|amd64|i\d86|arm\w*|aarch64\w*|ppc64\w*|powerpc\w*|s390x|riscv64"
    r"|loongarch64|universal)-[a-z][a-z0-9.]*(?:-[a-z0-9_.]+)*)\Z"
)
"""RubyGems' platforms (``Gem::Platform``): an interpreter, or a processor, a system and what the system adds."""

_REVISION = late(r"-r?\d+\Z")
_EARLY_GO = late(r"(\d+\.\d+)(?:\.(\d+))?(rc|beta)(\d+)")
UNKNOWN = frozenset({"(devel)", "devel", "unknown", "unspecified", "none", "null", "noassertion"})
"""What generators write if they know no version."""


def one_version(ecosystem: str, stated: str, listed: str, epoch: str = "") -> str:
    """The version that a package URL (*stated*, with the qualifier *epoch*) and its component (*listed*) agree on; empty if
    neither gives one. Another spelling is no other version, and an epoch may stand in only one of the two.

    Raises `Refused` if they name two versions.
    """
    stated, listed = ("" if text.lower() in UNKNOWN else text for text in (stated, listed))
    if KINDS.get(ecosystem) in ("deb", "rpm"):
        return _with_epoch(ecosystem, stated, listed, epoch)
    if stated and listed and not _same(ecosystem, stated, listed):
        raise _two_versions(stated, listed)
    return _plain(ecosystem, stated or listed)


def _with_epoch(ecosystem: str, stated: str, listed: str, epoch: str) -> str:
    first, second = split_epoch(stated), split_epoch(listed)
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


def split_epoch(version: str) -> tuple[str, str]:
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
    without the platform, which lock files write behind (``1.13.0-x86_64-linux``) and RubyGems would read as a prerelease; those
    of Bitnami without the revision of the package (``15.3.0-1``), which advisories leave out and semver reads as a prerelease.
    """
    if ecosystem == "Go":
        return of_go(version)
    if ecosystem == "Bitnami":
        return _REVISION.sub("", version)
    if ecosystem == "RubyGems" and "-" in version:
        return _PLATFORM.sub("", version)
    return version


def of_go(version: str) -> str:
    """A version of Go's own releases (``go1.21rc2``) as its advisories write them (``1.21.0-rc.2``); others without ``v``."""
    plain = re.sub(r"^(?:go|v)(?=\d)", "", version)
    if early := _EARLY_GO.fullmatch(plain):
        return f"{early[1]}.{early[2] or 0}-{early[3]}.{early[4]}"
    return plain
