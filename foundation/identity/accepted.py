"""What a caller showed, once it was accepted: who they are, and until when it counts."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """``until`` is when it ends and ``issued`` when it was given out, in seconds since 1970; ``id`` is its issuer's name.

    Without ``issued`` it may be of any age; without ``id`` (``jti``, RFC 7519, section 4.1.7) it has no name. ``audiences`` are
    those that it is for, as its issuer says (``aud``); empty for what is only for this place.
    """

    identity: Identity
    until: float
    issued: float | None = None
    id: str = ""
    audiences: frozenset[str] = frozenset()


def who(identity: Identity) -> tuple[str, str, str]:
    """What names a caller, without what they are granted."""
    return identity.issuer, identity.tenant, identity.id
