"""The two eras of MCP: revisions with a handshake and sessions, and revisions in which each request says all of it."""

from __future__ import annotations

from enum import StrEnum


class Era(StrEnum):
    """How a client or a server speaks."""

    LEGACY = "legacy"
    """Up to 2025-11-25: ``initialize``, then a session."""
    MODERN = "modern"
    """From 2026-07-28: ``server/discover``, and what a client is in ``_meta`` of each request."""


LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Every revision with a handshake, oldest first."""
LEGACY_VERSION = LEGACY_VERSIONS[-1]
MODERN_VERSION = "2026-07-28"
META = "io.modelcontextprotocol/"
"""Before the names of the protocol's own fields in ``_meta``."""


def lower_version(asked: str, spoken: str) -> str:
    """What is said to a client that *asked* for a revision, of a server that was *spoken* to in another one.

    Revisions with a handshake only add to one another, so a client that asks for an older one can be served in it.
    """
    if asked in LEGACY_VERSIONS and spoken in LEGACY_VERSIONS:
        return min(asked, spoken)
    return spoken if spoken in LEGACY_VERSIONS else LEGACY_VERSION
