"""RubyGems: ``Gem::Version``. Words come before numbers, a missing piece is 0, and a hyphen starts a pre-release."""

from __future__ import annotations

import re

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable

_VALID = late(r"[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
_SEGMENT = late(r"[0-9]+|[a-z]+", re.IGNORECASE)
_WORD, _ZERO_BEFORE_WORD, _END, _ZERO_BEFORE_NUMBER, _NUMBER = range(5)


def _strict(version: str) -> SortKey:
    if not _VALID.fullmatch(version):
        raise unparsable("RubyGems", version, "Gem::Version accepts parts of letters and digits, with dots between")
    return _order(version)


def _order(version: str) -> SortKey:
    segments = _canonical(_SEGMENT.findall(version.replace("-", ".pre.")))
    # A zero equals the end, and the next piece that is not zero decides; so each zero gets the rank of that piece.
    key: list[tuple[int | str, ...]] = []
    zero = _END
    for segment in reversed(segments):
        if segment == 0:
            key.append((zero,))
        elif isinstance(segment, int):
            zero = _ZERO_BEFORE_NUMBER
            key.append((_NUMBER, segment))
        else:
            zero = _ZERO_BEFORE_WORD
            key.append((_WORD, segment))
    return (*(part for piece in reversed(key) for part in piece), _END)


def _canonical(texts: list[str]) -> list[int | str]:
    """Numbers up to the first word, then the rest, each without zeros at its end."""
    segments: list[int | str] = [int(text) if text[0] in "0123456789" else text for text in texts]
    first_word = next((index for index, segment in enumerate(segments) if isinstance(segment, str)), len(segments))
    return [*_trimmed(segments[:first_word]), *_trimmed(segments[first_word:])]


def _trimmed(segments: list[int | str]) -> list[int | str]:
    while segments and segments[-1] == 0:
        segments.pop()
    return segments


RUBYGEMS = Scheme(name="RubyGems", strict=_strict, order=_order)
