"""PyPI: PEP 440, through `packaging`. A version from before PEP 440 has an order (setuptools', before all others), no key."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, Unparsable, unparsable

_LEGACY_PART = late(r"([0-9]+|[a-z]+|\.|-)")
_LEGACY_NAMES = {"pre": "c", "preview": "c", "rc": "c", "-": "final-", "dev": "@"}


def _strict(version: str) -> SortKey:
    try:
        parsed = Version(version)
    except InvalidVersion as error:
        raise unparsable("PyPI", version, "it does not follow PEP 440") from error
    release = list(parsed.release)
    while len(release) > 1 and not release[-1]:
        release.pop()
    unstaged: SortKey = (0,) if parsed.post is None and parsed.dev is not None else (2,)
    stage: SortKey = (1, *parsed.pre) if parsed.pre is not None else unstaged
    post: SortKey = (0,) if parsed.post is None else (1, parsed.post)
    dev: SortKey = (1,) if parsed.dev is None else (0, parsed.dev)
    return (1, parsed.epoch, tuple(release), stage, post, dev, _local(parsed.local))


def _local(local: str | None) -> SortKey:
    """A local label: words before numbers, and no label before any label."""
    key: list[int | str] = []
    for part in (local or "").split("."):
        if part:
            key += (1, int(part)) if part.isdigit() else (0, part)
    return tuple(key)


def _order(version: str) -> SortKey:
    try:
        return _strict(version)
    except Unparsable:
        return (0, _legacy(version.lower()))


def _legacy(version: str) -> SortKey:
    """setuptools' old order: numbers padded to eight digits, words marked, trailing zeros and hyphens dropped before words."""
    key: list[str] = []
    for found in (*_LEGACY_PART.split(version), "final"):
        part = _LEGACY_NAMES.get(found, found)
        if not part or part == ".":
            continue
        if part[0] in "0123456789":
            key.append(part.zfill(8))
            continue
        while part < "final" and key and key[-1] == "*final-":
            key.pop()
        while key and key[-1] == "00000000":
            key.pop()
        key.append(f"*{part}")
    return tuple(key)


PYPI = Scheme(name="PyPI", strict=_strict, order=_order)
