"""Tokens of a cluster's service accounts, checked by the cluster's keys, and which accounts may come with one.

The API server itself says more (`foundation.identity.reviewing`): by its keys alone, a token counts until it ends, also if its
pod or account is gone. The caller is ``sub``, and in the groups that the API server puts every service account in
(Kubernetes, "Authenticating", service account tokens), and in one of its own name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from arcops.late_pattern import late
from foundation.claims import NotAccepted
from foundation.identity.accepted import Accepted
from foundation.tokens import Tokens

_ACCOUNT = late(r"system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})")


@dataclass(slots=True, kw_only=True)
class AccountTokens(Tokens):
    """As `Tokens`. Accounts of ``namespace`` alone are let in, and only ``account`` if it is named; empty is any."""

    namespace: str = ""
    account: str = ""

    def accepted(self, token: str, also: str = "") -> Accepted:
        """As `Tokens.accepted`; raises `NotAccepted` for another account."""
        found = Tokens.accepted(self, token, also)
        said = _ACCOUNT.fullmatch(found.identity.id)
        if said is None:
            raise NotAccepted("the token is of no service account of this cluster")
        namespace, account = said[1], said[2]
        if self.namespace and namespace != self.namespace:
            raise NotAccepted(f"service accounts of the namespace {self.namespace} are let in here, and no others")
        if self.account and account != self.account:
            raise NotAccepted(f"the service account {self.namespace}/{self.account} is let in here, and no other")
        groups = ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}", found.identity.id)
        return replace(found, identity=replace(found.identity, roles=found.identity.roles | frozenset(groups)))
