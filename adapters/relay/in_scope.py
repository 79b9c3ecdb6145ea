"""A caller's scope parameters at all places of a message in which a value of one may be (`services.host.scoping`)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw

from arcops.errors import Refused
from arcops.identity import Identity
from services.host import envelope
from services.host.envelope import INVALID_PARAMS, Malformed, Message
from services.host.hosted import Row
from services.host.scoping import refuse_completing, refuse_crossing
from services.host.sessions import Session
from services.host.spec import bound_for

_MEMBERS = ("arguments", "context", "inputResponses")
"""Of a call, beside what is completed, and what a person answers to the server in 2026-07-28."""


def refuse_outside(row: Row, caller: Identity, params: Mapping[str, Raw]) -> None:
    """Raise `Refused` if *params* of a request give a scope parameter of *row* another value than *caller* is bound to."""
    bound = bound_for(row.bound, caller.issuer, caller.tenant)
    for one in _MEMBERS:
        if (given := params.get(one)) is not None:
            refuse_crossing(bound, bytes(given))
    if (completed := params.get("argument")) is not None:
        refuse_completing(bound, bytes(completed))


def answer_in_scope(row: Row, session: Session, answer: Message) -> Message:
    """*answer* of a client to what its server asked; an error instead if what a person filled in (``elicitation/create``) is
    outside of their scope.
    """
    if not row.bound:
        return answer
    issuer, tenant, _ = session.owner
    try:
        found = envelope.members(answer.result) or {}
        if "action" in found and "content" in found:
            refuse_crossing(bound_for(row.bound, issuer, tenant), bytes(found["content"]))
    except (Refused, Malformed) as error:
        return envelope.heard(envelope.error(envelope.encoded(answer.id), INVALID_PARAMS, str(error)))
    return answer
