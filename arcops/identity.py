"""Who calls: the one word for a caller that every floor uses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A caller: who vouches for them, in which tenant, and their id there; never an e-mail, nor `sub` alone. ``roles`` and
    ``scopes`` are what the issuer grants.
    """

    issuer: str
    tenant: str
    id: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
