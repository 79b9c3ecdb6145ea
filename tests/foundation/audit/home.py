"""A home with an audit log, records for it, and its bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from foundation.audit.audit import Audit
from foundation.audit.keys import open_keys, public_half
from foundation.audit.place import AuditPlace, this_host
from foundation.audit.record import Actor, Outcome, Record
from foundation.audit.verifying import LogRead, read_logs
from foundation.audit.writing import LogWriter, open_next
from foundation.settings import Settings, read_settings

AT = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
ADA = Actor(issuer="https://issuer.example", tenant="t-1", id="0f1e")
CALL = Record(
    at=AT,
    action="tools/call",
    outcome=Outcome.DONE,
    actor=ADA,
    door="mcp",
    tool="check_model",
    object="sha256:" + "2c" * 32,
    verdict="GREEN",
    latency_us=1234,
    trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    request="req-1",
    tier="air-gapped",
    source="127.0.0.1",
)


def calls(count: int) -> list[Record]:
    """So many different records, a second apart."""
    return [replace(CALL, at=AT + timedelta(seconds=one), request=f"req-{one}") for one in range(count)]


def settings_in(folder: Path, **more: str) -> Settings:
    return read_settings({"ARCOPS_HOME": str(folder), **more})


def place_in(folder: Path) -> AuditPlace:
    settings = settings_in(folder)
    return AuditPlace.at(settings.audit, settings.memory)


def opened(folder: Path, **more: str) -> Audit:
    return Audit.open(settings_in(folder, **more), now=lambda: AT)


def writer_in(folder: Path) -> LogWriter:
    place = place_in(folder)
    return open_next(place, this_host(), open_keys(place).signer)


def written(folder: Path, batches: Sequence[int]) -> Path:
    """The file of a log with a batch of so many records each."""
    writer = writer_in(folder)
    records = iter(calls(sum(batches)))
    for size in batches:
        batch = [next(records) for _ in range(size)]
        writer.append([one.line for one in batch], newest=batch[-1].at)
    writer.close()
    return writer.log.path


def read_in(folder: Path) -> list[LogRead]:
    place = place_in(folder)
    return list(read_logs(place, [public_half(place)]))


def problems_in(folder: Path) -> list[str]:
    return [problem for log in read_in(folder) for problem in log.problems]


def changed(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of the file *path*."""
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"".join(line + b"\n" for line in change(lines)))
