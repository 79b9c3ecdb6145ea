"""What a person types to find an artifact: a part of the subject's name, or the beginning of a digest."""

from __future__ import annotations

from arcops.late_pattern import late

_DIGEST = late(r"(?:(?P<algorithm>[a-z0-9]{2,16}):)?(?P<hex>[0-9a-f]{0,128})\Z")
_LEAST = 4
"""Hex digits without their algorithm: fewer would find artifacts by chance."""
_BY_NAME = "instr(lower(subject), lower(?)) > 0"
_AFTER_HEX = "g"


def digest_part(typed: str) -> str:
    """The beginning of a digest in *typed*, such as ``sha256:2c26`` or ``2c26b4``, in lower case; empty if it is not one.

    The mark with which pages shorten a digest may follow.
    """
    text = typed.strip().rstrip("…").rstrip(".").lower()
    found = _DIGEST.match(text)
    if found is None or len(found["hex"]) < (1 if found["algorithm"] else _LEAST):
        return ""
    return text


def searched(typed: str) -> tuple[str, list[str]]:
    """A condition of SQL for the table ``entry``, made of texts of ours alone, and the values for its question marks."""
    part = digest_part(typed)
    if not part:
        return _BY_NAME, [typed]
    if ":" in part:
        between = [part, part + _AFTER_HEX]
        own, named = "artifact >= ? AND artifact < ?", "digest >= ? AND digest < ?"
        values = [*between, *between]
    else:
        own = "artifact >= ? AND artifact < ?"
        named = "substr(digest, instr(digest, ':') + 1, ?) = ?"
        values = [f"sha256:{part}", f"sha256:{part}{_AFTER_HEX}", str(len(part)), part]
    return f"({_BY_NAME} OR ({own}) OR position IN (SELECT position FROM named WHERE {named}))", [typed, *values]  # noqa: S608  # texts of ours
