"""Canonical JSON: RFC 8785 bytes, the same from every implementation, so that a digest or a signature means one document."""

from __future__ import annotations

from arcops.errors import Refused
from artifacts.typed import JSON


def canonical(value: JSON) -> bytes:
    """The RFC 8785 bytes of *value*. Raises `Refused` on what JSON cannot say (a lone surrogate, an integer past 2**53)."""
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise Refused(f"this value has no canonical JSON form: {error}") from error
