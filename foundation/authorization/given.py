"""A policy that a process is given whole, instead of a folder that it reads: that of a sidecar, from its configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from arcops.identity import Identity
from foundation.authorization.authorizing import Authorization, Policy
from foundation.authorization.decision import Authorizer
from foundation.authorization.objects import CALL, Objects

SERVERS = "servers/"


class GivenAuthorization(Authorization):
    """Decides by the engines that it was given last, about every caller alike; until then it denies everything."""

    def __init__(self) -> None:
        super().__init__(None, Objects(actions={}, beneath={SERVERS: frozenset((CALL,))}))
        self.give((), "nothing")

    def give(self, engines: Sequence[Authorizer], epoch: str) -> None:
        """Decide by *engines* from now on; *epoch* tells this policy from others."""
        self._given = Policy(epoch=_digest(epoch), roles=self._shipped.roles, engines=tuple(engines))

    def deny(self, why: str) -> None:
        """Deny everything: the policy cannot be used, *why* in a sentence for the operator."""
        self._given = Policy(epoch=_digest(why), roles=self._shipped.roles, wrong=why)

    def policy(self) -> Policy:
        """The policy that is in effect now."""
        return self._given

    def policy_for(self, caller: Identity) -> Policy:
        """The same for every *caller*."""
        return self._given


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"
