"""Who calls: the one word for a caller that every floor uses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A caller: who vouches for them, in which tenant, and their id there; never an e-mail, nor `sub` alone. ``roles`` and
    ``scopes`` are what the issuer grants. ``acr`` and ``amr`` are how they proved who they are, as the issuer says it; empty if
    it does not.
    """

    issuer: str
    tenant: str
    id: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    acr: str = ""
    amr: frozenset[str] = frozenset()
