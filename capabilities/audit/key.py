"""The public key of the audit log, to be kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from capabilities.audit.place import audit_place
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.audit.keys import public_half


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAuditKey:
    """Nothing is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKey:
    """The key's id, and its public half in PEM."""

    key_id: str
    pem: str


@tool(title="Show the audit log's key", scope=Scope.AUDIT, reads_only=True)
def audit_key(ask: AskAuditKey, at: Place) -> AuditKey:
    """Show the public key that verifies the checkpoints of the audit logs here. Keep a copy of it elsewhere."""
    found = public_half(audit_place(at))
    return AuditKey(key_id=found.id, pem=found.pem.decode())
