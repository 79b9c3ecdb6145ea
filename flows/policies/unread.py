"""The plan of a run that could not be done: every collector's evidence is missing, for one reason, so the verdict is RED."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from arcops.errors import ArcOpsError
from arcops.evidence import Cause
from arcops.policy import Policy
from arcops.request import Request
from flows.plan import AnyGate, Plan, make_plan
from flows.runners.looking import Found, missing

UNREAD = " (could not be read)"
"""The end of the name of such a policy."""
NOTHING = f"sha256:{hashlib.sha256(b'').hexdigest()}"
"""Its digest: the digest of no bytes."""


def plan_or_all(
    request: Request, policy: str, gates: Callable[[Policy | None], Iterable[AnyGate]], read: Callable[[str], Policy]
) -> Plan:
    """The plan of *policy*, which *read* reads, with those of *gates* that it names.

    If the policy cannot be read, or names none of the gates: the plan of all *gates* by their own strict defaults, without a
    policy. Raises `arcops.errors.Refused` if there are no gates.
    """
    try:
        found = read(policy)
        return make_plan(request, found, gates=gates(found))
    except (ArcOpsError, OSError):
        known = tuple(gates(None))
        return make_plan(request, unread(f"{Path(policy).name[:100]}{UNREAD}", known), gates=known)


def nothing_seen(plan: Plan, cause: Cause, reason: str) -> Mapping[str, Found]:
    """An answer for every collector of *plan*: nothing was seen, because of *reason*."""
    return MappingProxyType({one.body.KIND: missing(one, cause, reason) for one in plan.collectors})


def unread(name: str, gates: Iterable[AnyGate]) -> Policy:
    """The replacement for a policy that could not be read: every one of *gates* by its own strict defaults."""
    return Policy(
        name=name,
        digest=NOTHING,
        valid_for=timedelta(days=1),
        gates=MappingProxyType({gate.id: gate.policy() for gate in gates}),
    )
