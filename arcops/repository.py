"""Addresses of source repositories, compared so that different spellings cannot mislead."""

from __future__ import annotations

from arcops.errors import Refused
from arcops.late_pattern import late

_ADDRESS = late(
    r"(?:git\+)?(?P<scheme>https|http|ssh|git|file)://(?P<host>[A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?P<path>/[^?#\\%\s]*)?"
)


def repository(address: str) -> str:
    """*address* in one spelling: ``scheme://host/path``, without ``git+``, ``@ref``, fragment, ``.git`` and trailing slashes.

    Raises `Refused` if two readers could understand different places: user names (``https://good@evil``), ``%`` escapes,
    ``..``, empty steps, backslashes, queries.
    """
    bare = address.partition("#")[0]
    match = _ADDRESS.fullmatch(bare)
    if match is None:
        raise Refused(f"{address[:200]!r} is not the plain address of a repository; write it as https://host/owner/name")
    path = (match["path"] or "").partition("@")[0].rstrip("/").removesuffix(".git")
    if any(step in ("", ".", "..") for step in path.split("/")[1:]):
        raise Refused(f"{address[:200]!r} has empty steps, '.' or '..' in its path")
    return f"{match['scheme']}://{match['host'].lower()}{path}"


def within(address: str, prefix: str) -> bool:
    """Is *address* the place *prefix* or below it, step by step (``…/org`` holds ``…/org/a`` and not ``…/organisation``)?"""
    place, above = repository(address), repository(prefix)
    return place == above or place.startswith(f"{above}/")
