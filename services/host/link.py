"""One running server, shared by the sessions that use it."""

from __future__ import annotations


class Link:
    """To be filled in."""
