"""Verify the audit logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.audit.place import logs_at, shown
from capabilities.contract import Scope, tool
from flows.place import Place

_MOST_KEY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAudit:
    """By which keys, and in which other folders."""

    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM) that may have signed the logs, such as one from `arcops audit key` that was kept elsewhere; if none is
    given, the key of this site."""
    carried: tuple[Path, ...] = field(default=(), metadata=used(Use.HERE))
    """Folders to which full logs were carried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogVerified:
    """One log: how many records it has, how many lines are signed and how many are remembered outside of it."""

    name: str
    records: int
    lines: int
    """Records and the checkpoints between them, up to the last checkpoint, which signs all of them."""
    unsigned: int
    """Lines after the last checkpoint, which do not count: their writer died, or is writing them now."""
    remembered: int | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditVerified:
    """Every log that is here or remembered, by name. All is well if no log has a problem."""

    logs: tuple[LogVerified, ...]

    @property
    def problems(self) -> int:
        """How many problems there are in all."""
        return sum(len(one.problems) for one in self.logs)


@tool(title="Verify the audit log", scope=Scope.AUDIT, reads_only=True, long=True)
def verify_audit(ask: VerifyAudit, at: Place) -> AuditVerified:
    """Read all audit logs, and say which record was changed, removed, added or moved since it was written.

    Each log is checked against its last checkpoint, which signs all lines before it, and against the memory outside of the log.
    """
    if ask.keys and at.remote:
        raise Refused("a caller over the network may not choose the key of the audit log; leave the keys out")
    found = tuple(
        LogVerified(
            name=log.name,
            records=log.records,
            lines=len(log.lines),
            unsigned=log.unsigned,
            remembered=log.remembered,
            problems=tuple(shown(one, at) for one in log.problems),
        )
        for log in logs_at(at, ask.keys, ask.carried)
    )
    return AuditVerified(logs=found)
