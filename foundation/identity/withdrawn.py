"""What was revoked, at one moment, and whether it names what a caller shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import floor

from arcops.identity import Identity
from foundation.claims import NotAccepted
from foundation.identity.accepted import Accepted, who


class Revoked(NotAccepted):
    """What the caller shows was revoked here. Get a new token."""

    def __init__(self, said: str, caller: Identity) -> None:
        super().__init__(said)
        self.caller = caller


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What tells one state of the revocations from another."""

    count: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What does not count: ``tokens`` by SHA-256, ``ids`` as issuer and ``jti``, and of ``callers`` what was issued until then,
    in seconds since 1970.
    """

    state: State | None = None
    tokens: frozenset[bytes] = frozenset()
    ids: frozenset[tuple[str, str]] = frozenset()
    callers: Mapping[tuple[str, str, str], float] = field(default_factory=dict)

    def refuse(self, shown: Accepted, digests: Iterable[bytes]) -> None:
        """Raise `Revoked` if *shown* was revoked. *digests* are of its text, and of each other text that says the same."""
        caller = shown.identity
        if not self.tokens.isdisjoint(digests) or (shown.id and (caller.issuer, shown.id) in self.ids):
            raise Revoked("the token was revoked here; get a new one", caller)
        until = self.callers.get(who(caller))
        if until is not None and (shown.issued is None or floor(shown.issued) <= until):  # a moment here may be a whole second
            raise Revoked("every token that its caller had was revoked here; get a new one", caller)
