"""The folders of the audit logs: one for each log, and one outside for what must not be beside them.

    AUDIT/HOST-0001/log       the lines (`foundation.audit.writing`)
    AUDIT/HOST-0001/lock      held by the one process that writes there, as long as it lives
    MEMORY/audit/….json       the memory of each log (`artifacts.log.memory`)
    MEMORY/audit/….leaves     the hash of each line; with it, `arcops audit verify` says which line was changed
    MEMORY/audit/audit.key    the key that signs the checkpoints, and audit.pub, its public half
    MEMORY/audit/masking.key  the key of the arguments' digests

    AUDIT-STAMP/HOST-0001/log      a log that a restore brought back, from the backup that was taken at STAMP
    MEMORY/audit/AUDIT-STAMP.pub   the key that verifies those

Each writing process has a log to itself: the first with a free number that is not full. So processes do not wait for each
other, a crashed one is followed by the next one in the same log, and a full log is never written again.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.log.memory import Memory, Recalled, recalled_in

MOST_LOGS = 9999
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}-[0-9]{4}\Z")
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[0-9]{1,9})?\Z")
_PREFIX = "arcops.local/audit/"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlace:
    """The folder of the logs, and the folder outside of it with the memories and the keys. ``stamp`` is the moment of the
    backup whose logs these are; what is written here has none.
    """

    logs: Path
    outside: Path
    stamp: str = ""

    @classmethod
    def at(cls, audit: Path, memory: Path) -> AuditPlace:
        """The place for the settings' folders."""
        return cls(logs=audit.absolute(), outside=memory.absolute() / "audit")

    @property
    def public(self) -> Path:
        """The key that verifies the logs."""
        return self.outside / (f"{self.logs.name}.pub" if self.stamp else "audit.pub")

    def of_backup(self, stamp: str) -> AuditPlace:
        """The place for the logs of the backup that was taken at *stamp*. Raises `Refused` if that is no such moment."""
        if not _STAMP.match(stamp):
            raise Refused(f"{stamp[:100]!r} is not the moment of a backup, such as 20311224T100000Z")
        return AuditPlace(logs=self.logs.with_name(f"{self.logs.name}-{stamp}"), outside=self.outside, stamp=stamp)

    def of_backups(self) -> tuple[AuditPlace, ...]:
        """The places of all backups whose logs were brought back, or are remembered to have been, by their moments."""
        beside, before = self.logs.parent, f"{self.logs.name}-"
        try:
            there = {one for one in beside.glob(f"{glob.escape(before)}*") if one.is_dir()}
        except OSError as error:
            raise Unavailable(f"the folder {beside} of the audit logs cannot be read: {error.strerror}") from error
        there |= {Path(one.what.store).parent for one in recalled_in(self.outside)}
        stamps = {one.name.removeprefix(before) for one in there if one.parent == beside and one.name.startswith(before)}
        return tuple(self.of_backup(one) for one in sorted(stamps) if _STAMP.match(one))

    def log(self, name: str) -> AuditLog:
        """The log with this *name*. Raises `Refused` if no log can have it."""
        if not _NAME.match(name):
            raise Refused(f"{name[:100]!r} is not the name of an audit log, such as host-0001")
        return AuditLog(name=name, folder=self.logs / name, outside=self.outside)

    def numbered(self, host: str) -> Iterator[AuditLog]:
        """The logs that a process on *host* may write, in their order, whether they are there or not."""
        for number in range(1, MOST_LOGS + 1):
            yield self.log(f"{host}-{number:04}")

    def present(self) -> tuple[AuditLog, ...]:
        """The logs that are there, by name."""
        try:
            names = sorted(one.name for one in self.logs.iterdir() if _NAME.match(one.name) and one.is_dir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable(f"the folder of the audit logs {self.logs} cannot be read: {error.strerror}") from error
        return tuple(self.log(name) for name in names)

    def remembered(self) -> dict[str, Recalled]:
        """By name, the logs of this folder that are remembered, whether they are there or not. Raises `Refused` as a memory."""
        found: dict[str, Recalled] = {}
        for one in recalled_in(self.outside):
            folder = Path(one.what.store)
            if folder.parent == self.logs and _NAME.match(folder.name):
                found[folder.name] = one
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """One log: its name, its folder, and the folder with its memory."""

    name: str
    folder: Path
    outside: Path

    @property
    def path(self) -> Path:
        """The file with its lines."""
        return self.folder / "log"

    @property
    def origin(self) -> str:
        """Its name in its checkpoints."""
        return _PREFIX + self.name

    @property
    def memory(self) -> Memory:
        """What is remembered of it outside."""
        return Memory(self.outside, self.folder)

    @property
    def leaves(self) -> Path:
        """The file with the hash of each line."""
        return self.memory.paths[0].with_suffix(".leaves")


def this_host() -> str:
    """This machine's name as the name of a log may have it."""
    plain = re.sub(r"[^a-z0-9-]+", "-", os.uname().nodename.partition(".")[0].lower()).strip("-")
    return plain[:58] or "host"
