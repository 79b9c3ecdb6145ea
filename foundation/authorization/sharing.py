"""What a policy does not allow, the owner of a thing may share: with the holders of a role, or with one caller.

A share adds to what roles allow and takes nothing away from what they, or Cedar, deny.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from arcops.errors import Refused
from arcops.identity import Identity

_MOST_WORD = 200


class With(StrEnum):
    """With what a thing is shared."""

    ROLE = "role"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Share:
    """``who`` is the name of a role, or issuer, tenant and id of a caller with commas between."""

    kind: With
    who: str

    def __str__(self) -> str:
        """As `read_share` reads it."""
        return f"{self.kind.value}:{self.who}"

    def covers(self, caller: Identity, counting: Collection[str], known: Collection[str]) -> bool:
        """Is it with *caller*? *counting* are their roles that count here, *known* the roles that the policy has: of another
        role the token of the caller is enough, because no policy asks more for it.
        """
        if self.kind is With.USER:
            return self.who == named(caller)
        return self.who in (counting if self.who in known else caller.roles)


def named(caller: Identity) -> str:
    """*caller*, as a share names them."""
    return f"{caller.issuer},{caller.tenant},{caller.id}"


def read_share(text: str) -> Share:
    """The share that *text* names: ``role:NAME``, or ``user:ISSUER,TENANT,ID``. Raises `Refused` for anything else."""
    kind, _, who = text.partition(":")
    if who.isprintable() and who == who.strip():
        if kind == With.ROLE and 0 < len(who) <= _MOST_WORD and "," not in who:
            return Share(kind=With.ROLE, who=who)
        parts = who.split(",")
        if kind == With.USER and len(parts) == 3 and parts[0] and parts[2] and all(len(one) <= _MOST_WORD for one in parts):
            return Share(kind=With.USER, who=who)
    raise Refused(f"{text[:100]!r} names no one to share with; write role:NAME, or user:ISSUER,TENANT,ID as a token has them")
