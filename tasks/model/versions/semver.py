"""Semantic Versioning 2.0.0 (section 11, precedence), as npm, crates.io, Go, Hex and others use it.

Go adds a leading ``v``, shorthand such as ``v1.2`` (golang.org/x/mod/semver) and toolchain names such as ``go1.21rc2``; its
pseudo-versions are ordinary pre-releases. Pub also orders build metadata (pub_semver), which the specification ignores.
"""

from __future__ import annotations

import re

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable

_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_STRICT = late(
    rf"[v=]?(?P<core>[0-9]+(?:\.[0-9]+){{0,2}})(?:-(?P<pre>{_IDENTIFIERS}))?(?:\+(?P<build>{_IDENTIFIERS}))?",
)
_LOOSE = late(r"v?(?P<core>[0-9.]*)(?P<rest>.*)", re.DOTALL)
_TOOLCHAIN = late(r"go(?P<core>[0-9]+\.[0-9]+(?:\.[0-9]+)?)(?:(?P<stage>beta|rc)(?P<number>[0-9]+))?")


def identifiers(text: str) -> SortKey:
    """Dot-separated identifiers: numbers before words, numbers by value, words by ASCII, fewer before more."""
    key: list[int | str] = []
    for part in text.split("."):
        key += (0, int(part)) if part.isascii() and part.isdigit() else (1, part)
    return tuple(key)


def _key(numbers: list[int], pre: str, build: str | None = None) -> SortKey:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    stage: SortKey = (0, identifiers(pre)) if pre else (1,)
    if build is None:
        return (major, minor, patch, stage)
    return (major, minor, patch, stage, (1, identifiers(build)) if build else (0,))


def _strict(name: str, *, parts: int, builds: bool = False, toolchain: bool = False) -> Scheme:
    """A scheme that requires at least *parts* numbers, and orders *builds* if its tools do."""

    def strict(version: str) -> SortKey:
        go = _TOOLCHAIN.fullmatch(version) if toolchain else None
        if go is not None:
            return _key(_numbers(go["core"]), f"{go['stage']}.{go['number']}" if go["stage"] else "")
        match = _STRICT.fullmatch(version)
        if match is None or match["core"].count(".") + 1 < parts:
            raise unparsable(name, version, "write a semantic version like 1.2.3, 1.2.3-rc.1 or 1.2.3+build")
        return _key(_numbers(match["core"]), match["pre"] or "", (match["build"] or "") if builds else None)

    def loose(version: str) -> SortKey:
        go = _TOOLCHAIN.fullmatch(version) if toolchain else None
        if go is not None:
            return strict(version)
        match = _LOOSE.fullmatch(version)
        if match is None:
            raise unparsable(name, version, "it has no number")
        numbers = _numbers(match["core"])
        # More than three numbers are not a semantic version; the rest then counts as one trailing label, as in OSV's own
        # tools.
        rest = match["rest"] + "".join(f".{number}" for number in numbers[3:])
        pre, _, build = rest.partition("+")
        return _key(numbers, pre.removeprefix("-"), build if builds else None)

    return Scheme(name=name, strict=strict, order=loose)


def _numbers(core: str) -> list[int]:
    return [int(part) for part in core.split(".") if part]


SEMVER = _strict("semantic", parts=3)
TAG = _strict("semantic", parts=1)
GO = _strict("Go", parts=1, toolchain=True)
PUB = _strict("Pub", parts=3, builds=True)
