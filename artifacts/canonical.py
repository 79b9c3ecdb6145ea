"""Canonical JSON: RFC 8785 bytes, the same from every implementation, so that a digest or a signature means one document."""

from __future__ import annotations

import json

from arcops.errors import Refused
from artifacts.typed import JSON

LARGEST = 2**53 - 1
"""The largest integer that every implementation reads back as the same one (RFC 8785, appendix D)."""


def canonical(value: JSON) -> bytes:
    """The RFC 8785 bytes of *value*. Raises `Refused` for what JSON cannot hold (a lone surrogate, an integer past 2**53)."""
    if _simple(value):
        # Without floats and with ASCII keys, the standard library's encoder in C writes the same bytes: RFC 8785 sorts by
        # UTF-16 units, which for ASCII means by code point, and escapes the same characters as this encoder.
        try:
            return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        except (UnicodeEncodeError, RecursionError) as error:
            raise Refused(f"this value has no canonical JSON form: {error}") from error
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise Refused(f"this value has no canonical JSON form: {error}") from error


def _simple(value: JSON) -> bool:
    """Is *value* made only of ASCII keys, strings, booleans, null and integers that RFC 8785 can write?"""
    waiting: list[JSON] = [value]
    keys: set[str] = set()
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is str or item is None or kind is bool:
            continue
        if kind is int:
            if not -LARGEST <= item <= LARGEST:  # type: ignore[operator]  # kind says int, which mypy cannot see
                return False
        elif kind is dict:
            keys.update(item)  # type: ignore[arg-type]  # kind says dict, which mypy cannot see
            waiting.extend(item.values())  # type: ignore[union-attr]  # kind says dict, which mypy cannot see
        elif kind is list:
            waiting.extend(item)  # type: ignore[arg-type]  # kind says list, which mypy cannot see
        else:
            return False
    return all(type(key) is str and key.isascii() for key in keys)
