"""Debian and Ubuntu: ``[epoch:]upstream[-revision]``, ordered as deb-version(7) says."""

from __future__ import annotations

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable

_VALID = late(r"(?:[0-9]+:)?[0-9][A-Za-z0-9.+~:-]*")
_RUN = late(r"([^0-9]*)([0-9]*)")


def _strict(version: str) -> SortKey:
    upstream = version.rpartition("-")[0] if "-" in version else version
    if not _VALID.fullmatch(version) or not upstream.rpartition(":")[2] or version.endswith("-"):
        raise unparsable(
            "Debian", version, "it must begin with a digit, then letters, digits and . + - ~ may follow (deb-version(7))"
        )
    return _order(version)


def _order(version: str) -> SortKey:
    epoch, colon, rest = version.partition(":")
    if colon and not (epoch.isascii() and epoch.isdigit()):
        raise unparsable("Debian", version, f"its epoch {epoch!r} is not a number")
    text = rest if colon else version
    upstream, dash, revision = text.rpartition("-")
    if not dash:
        upstream, revision = text, ""
    return (int(epoch) if colon else 0, _part(upstream), _part(revision))


def _part(text: str) -> SortKey:
    """Alternately a run of non-digits and a number.

    In a run, ``~`` comes before the end, the end before letters, letters before the rest. Each run ends with 0, and each part
    with one more 0, so that plain comparison of integers gives the documented order.
    """
    key: list[int | str | SortKey] = []
    for run, digits in _RUN.findall(text):
        if run or digits:
            key += [_weight(character) for character in run]
            key += (0, int(digits or "0"))
    return (*(key or [0, 0]), 0)


def _weight(character: str) -> int:
    if character == "~":
        return -1
    code = ord(character)
    return code if character.isascii() and character.isalpha() else code + 256


DEBIAN = Scheme(name="Debian", strict=_strict, order=_order)
