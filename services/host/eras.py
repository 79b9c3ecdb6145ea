"""The two eras of MCP: revisions with a handshake and sessions, and revisions in which each request says all of it."""

from __future__ import annotations

from enum import StrEnum


class Era(StrEnum):
    """How a client or a server speaks."""

    LEGACY = "legacy"
    """Up to 2025-11-25: ``initialize``, then a session."""
    MODERN = "modern"
    """From 2026-07-28: ``server/discover``, and what a client is in ``_meta`` of each request."""
