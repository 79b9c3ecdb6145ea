"""Revocation lists: the keys, identities and artifacts that no longer count, as an in-toto statement to be signed.

The predicate says when the list was issued, so that a policy can require a recent list even if nothing was revoked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from arcops.errors import Refused
from arcops.seen.signatures import Revoked
from artifacts.envelope import strict_json
from artifacts.wire import canonical, from_json, to_json

PREDICATE_TYPE = "https://arcops.dev/predicates/revocations/v1"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """What was revoked, as of ``issued_at``. An empty list says that nothing was."""

    issued_at: datetime
    revoked: tuple[Revoked, ...] = ()

    def __post_init__(self) -> None:
        if self.issued_at.tzinfo is None:
            raise Refused(f"the revocation list was issued at {self.issued_at}, which has no time zone")
        for entry in self.revoked:
            if sum(map(bool, (entry.key, entry.identity, entry.sha256))) != 1:
                raise Refused("each entry of a revocation list must name exactly one of 'key', 'identity' and 'sha256'")
            if entry.issuer and not entry.identity:
                raise Refused("an entry of a revocation list names an issuer without an identity")
            if entry.at.tzinfo is None or not entry.reason.strip():
                raise Refused("each entry of a revocation list needs a reason, and a time with a time zone")


def revocation_statement(listed: RevocationList) -> bytes:
    """The canonical bytes (RFC 8785) of the in-toto statement of *listed*: the payload to sign as a DSSE envelope."""
    predicate = to_json(listed)
    digest = hashlib.sha256(canonical(predicate)).hexdigest()
    return canonical(
        {
            "_type": _STATEMENT_TYPE,
            "subject": [{"name": "revocations", "digest": {"sha256": digest}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
    )


def parse_revocations(payload: bytes) -> RevocationList:
    """The list in the statement *payload*; its signature is checked elsewhere. Raises `Refused` on anything else."""
    statement = strict_json(payload, "the revocation list")
    if not isinstance(statement, dict) or statement.get("_type") != _STATEMENT_TYPE:
        raise Refused("the revocation list is not an in-toto statement of version 1")
    if statement.get("predicateType") != PREDICATE_TYPE:
        raise Refused(f"the statement's type is {statement.get('predicateType')!r}, not a revocation list ({PREDICATE_TYPE})")
    return from_json(RevocationList, canonical(statement.get("predicate")))
