"""Packagist: PHP's ``version_compare`` of versions as Composer's ``VersionParser`` normalises them.

Composer pads to four numbers before it compares, so 1.0 is 1.0.0, and `Scheme.key` does the same. Bare
``version_compare`` sorts 1.0 before 1.0.0; that is `Scheme.lenient`. Branches (``dev-main``, ``1.x-dev``) have no key.
"""

from __future__ import annotations

import re

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable

_MODIFIER = (
    r"[._-]?(?:(?P<stage>stable|beta|b|rc|alpha|a|patch|pl|p)(?P<number>(?:[.-]?[0-9]++)*+))?(?P<dev>[.-]?dev)?"
    r"(?:\+[0-9a-z.+_-]+)?"
)
_CLASSIC = late(rf"v?(?P<core>[0-9]{{1,5}}(?:\.[0-9]+){{0,3}}){_MODIFIER}", re.IGNORECASE)
_DATED = late(rf"v?(?P<core>[0-9]{{4}}(?:[.:-]?[0-9]{{2}}){{1,6}}(?:[.:-]?[0-9]{{1,3}}){{0,2}}){_MODIFIER}", re.IGNORECASE)
_PIECE = late(r"[0-9]+|[^0-9.]+")
_NUMBER_RUN = late(r"[0-9]+")
_FORMS = (("dev", 1), ("a", 2), ("b", 3), ("RC", 4), ("rc", 4), ("#", 5), ("p", 7))
_UNKNOWN, _END, _NUMBER = 0, 5, 6


def _strict(version: str) -> SortKey:
    match = _CLASSIC.fullmatch(version) or _DATED.fullmatch(version)
    if match is None:
        raise unparsable(
            "Packagist", version, "Composer accepts up to four numbers and -alpha, -beta, -RC, -patch; a branch has no order"
        )
    numbers = _NUMBER_RUN.findall(match["core"])
    pieces = numbers + ["0"] * (4 - len(numbers))
    stage = (match["stage"] or "").lower()
    if stage and stage != "stable":
        pieces.append(stage)
        pieces += _NUMBER_RUN.findall(match["number"])
    if match["dev"]:
        pieces.append("dev")
    return _key(pieces)


def _order(version: str) -> SortKey:
    """PHP's ``version_compare``: ``-``, ``_`` and ``+`` are dots, and there is a dot between digits and letters."""
    return _key(_PIECE.findall(re.sub(r"[-_+]", ".", version.removeprefix("v").removeprefix("V"))))


def _key(pieces: list[str]) -> SortKey:
    key: list[int] = []
    for piece in pieces:
        if piece[0] in "0123456789":
            key += (_NUMBER, int(piece))
        else:
            key.append(next((rank for form, rank in _FORMS if piece.startswith(form)), _UNKNOWN))
    return (*key, _END)


PACKAGIST = Scheme(name="Packagist", strict=_strict, order=_order)
