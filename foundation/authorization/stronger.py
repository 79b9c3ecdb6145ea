"""What a caller has to prove to be allowed what they are denied now: a login of another kind (RFC 9470)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from arcops.identity import Identity
from foundation.authorization.authorizing import Authorization
from foundation.authorization.decision import Decision

_MOST_TRIED = 8


def stronger(caller: Identity, may: Callable[[Identity], Decision], at: Authorization) -> tuple[str, ...]:
    """The values of ``acr`` with which *may* would allow what it denies *caller*, in the order of their names.

    Only values that roles of this caller demand are tried, and each with all the ``amr`` that these roles demand: who logs in
    in that way has to show them, too. Empty if no login changes the answer, and if the roles demand ``amr`` alone, which
    RFC 9470 has no word for.
    """
    lacking = at.policy_for(caller).roles.unproven(caller)
    amr = caller.amr.union(*(one.amr for one in lacking))
    tried = sorted({acr for one in lacking for acr in one.acr if acr != caller.acr})[:_MOST_TRIED]
    return tuple(acr for acr in tried if may(replace(caller, acr=acr, amr=amr)).allowed)
