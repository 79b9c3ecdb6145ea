"""Which headers a row may give to a server of another machine: by name, as its variables are written."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?")
_OF_THE_CONNECTION = frozenset((
    "connection", "cookie", "cookie2", "date", "expect", "forwarded", "host", "http2-settings", "keep-alive", "last-event-id",
    "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via",
))  # fmt: skip
"""What a client of HTTP says itself (RFC 9110, sections 7.6.1 and 10.1), and what belongs to one caller alone."""
_FAMILIES = ("accept", "content-", "mcp-", "proxy-", "sec-", "x-forwarded-")
"""As `_OF_THE_CONNECTION`, by how they begin; ``Mcp-`` are those of the transport."""


def header_of(variable: str) -> str:
    """The header that *variable* stands for, in small letters: ``X_API_KEY`` is ``x-api-key``."""
    return variable.replace("_", "-").lower()


def may_be_given(variable: str) -> bool:
    """May a row give the header that *variable* stands for?"""
    name = header_of(variable)
    return bool(_NAME.fullmatch(variable)) and name not in _OF_THE_CONNECTION and not name.startswith(_FAMILIES)
