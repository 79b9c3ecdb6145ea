"""Export records of the audit log for another program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from artifacts.writing import stream_new, vacant
from capabilities.audit.place import logs_at, shown
from capabilities.audit.query import QueryAudit, wanted
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.audit.asking import Found, matching
from foundation.audit.ocsf import event

_MOST_TEXT = 32 * 1024 * 1024


class Form(Enum):
    """The form of an export."""

    JSONL = "jsonl"
    """One record a line, with its log, its line there and whether that log verifies."""
    OCSF = "ocsf"
    """One event of the Open Cybersecurity Schema Framework 1.3.0 a line, class API Activity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAudit:
    """Which records, in which form, and to which file."""

    form: Form = field(default=Form.JSONL, metadata=shaped(option="--format"))
    """The form of the lines."""
    since: str = field(default="", metadata=QueryAudit.__dataclass_fields__["since"].metadata)
    """The first moment: a day (2031-12-24, from its beginning in UTC) or a moment (2031-12-24T10:00:00Z)."""
    until: str = field(default="", metadata=QueryAudit.__dataclass_fields__["until"].metadata)
    """The first moment that is too late."""
    output: Path | None = field(default=None, metadata=used(Use.WRITE) | shaped(short="-o"))
    """The new file; without it the lines are answered, if they are not more than 32 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditExported:
    """How many records were exported, what is wrong with the logs that they are from, and the lines if no file was named."""

    records: int
    problems: tuple[str, ...]
    text: str


@tool(title="Export the audit log", scope=Scope.AUDIT, long=True)
def export_audit(ask: ExportAudit, at: Place) -> AuditExported:
    """Write the records of the audit logs as lines of JSON or of OCSF, in the order of each log; each log is verified.

    Nothing is left out that is asked for: a log that does not verify is exported, and marked.
    """
    lines = _Lines(ask, at)
    if ask.output is not None:
        vacant(ask.output, within=at.writable)
        stream_new(ask.output, lines.write, within=at.writable)
        return AuditExported(records=lines.count, problems=tuple(shown(one, at) for one in lines.problems), text="")
    parts, size = list[bytes](), 0
    for line in lines:
        parts.append(line)
        size += len(line)
        if size > _MOST_TEXT:
            raise Refused(f"the records take more than {_MOST_TEXT:,} bytes; name a file for them, or a shorter time")
    return AuditExported(
        records=lines.count, problems=tuple(shown(one, at) for one in lines.problems), text=b"".join(parts).decode()
    )


class _Lines:
    """The lines of an export, made one by one; then ``count`` and ``problems`` are known."""

    def __init__(self, ask: ExportAudit, at: Place) -> None:
        self._wanted = wanted(QueryAudit(since=ask.since, until=ask.until))
        self._say = _as_ocsf if ask.form is Form.OCSF else _as_json
        self._at = at
        self.count = 0
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[bytes]:
        for log in logs_at(self._at):
            self.problems += (f"{log.name}: {one}" for one in log.problems)
            for found in matching(log, self._wanted, self.problems):
                self.count += 1
                yield self._say(found)

    def write(self, file: BinaryIO) -> None:
        """Write all lines to *file*."""
        file.writelines(self)


def _as_json(found: Found) -> bytes:
    verified = "true" if found.verified else "false"
    return (
        f'{{"line":{found.line},"log":"{found.log}","record":'.encode()
        + found.record.line
        + f',"verified":{verified}}}\n'.encode()
    )


def _as_ocsf(found: Found) -> bytes:
    return json.dumps(event(found, _version()), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("arcops")
    except PackageNotFoundError:  # run from a checkout without an installation
        return "0.0.0"
