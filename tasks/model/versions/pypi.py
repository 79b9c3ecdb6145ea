"""PyPI: PEP 440, through `packaging`. A version from before PEP 440 has an order (setuptools', before all others), no key."""

from __future__ import annotations

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, Unparsable, unparsable

_COMMON = late(
    r"(?P<release>[0-9]+(?:\.[0-9]+)*)(?:(?P<stage>a|b|rc)(?P<number>[0-9]+))?(?:\.post(?P<post>[0-9]+))?(?:\.dev(?P<dev>[0-9]+))?"
)
"""Versions as PEP 440 normalises them, without epoch and local label, like most: a key takes a fifth of the time this way."""

_LEGACY_PART = late(r"([0-9]+|[a-z]+|\.|-)")
_LEGACY_NAMES = {"pre": "c", "preview": "c", "rc": "c", "-": "final-", "dev": "@"}


def _strict(version: str) -> SortKey:
    if common := _COMMON.fullmatch(version):
        release, letters, number, later, dev = common.groups()
        return _key(
            epoch=0,
            release=[int(part) for part in release.split(".")],
            pre=None if letters is None else (letters, int(number)),
            post=None if later is None else int(later),
            dev=None if dev is None else int(dev),
            local=None,
        )
    from packaging.version import InvalidVersion, Version  # most checks meet only common versions

    try:
        parsed = Version(version)
    except InvalidVersion as error:
        raise unparsable("PyPI", version, "it does not follow PEP 440") from error
    return _key(
        epoch=parsed.epoch,
        release=list(parsed.release),
        pre=parsed.pre,
        post=parsed.post,
        dev=parsed.dev,
        local=parsed.local,
    )


def _key(
    *, epoch: int, release: list[int], pre: tuple[str, int] | None, post: int | None, dev: int | None, local: str | None
) -> SortKey:
    while len(release) > 1 and not release[-1]:
        release.pop()
    stage: SortKey = (1, *pre) if pre is not None else (0,) if post is None and dev is not None else (2,)
    return (
        1,
        epoch,
        tuple(release),
        stage,
        (0,) if post is None else (1, post),
        (1,) if dev is None else (0, dev),
        _local(local) if local else (),
    )


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
