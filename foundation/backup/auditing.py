"""The audit logs in a backup: as they were up to their last checkpoints, and verified by these.

A log that goes on here has all of them and more, so it stays. The others come back into a folder of their own, beside the logs
that are written here: two machines' logs may have the same name, and a log is never continued with another key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from artifacts.encryption import ContentKey
from artifacts.log.lines import MOST_LOG, read_whole
from artifacts.log.merkle import trees
from artifacts.public_key import PublicKey, load_public_key
from artifacts.signed_tar import SignedTar
from artifacts.site_backup import AuditBackedUp, NotBackedUp, SiteBackup
from foundation.audit.keys import public_half
from foundation.audit.place import AuditPlace
from foundation.audit.seals import opened
from foundation.audit.verifying import read_log
from foundation.settings import Settings

AUDIT = "encrypted/audit"
AUDIT_KEY = "audit/audit.pub"
_MOST_KEY = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKept:
    """An audit log of a backup: what is said of it, and its lines, with the checkpoints among them."""

    said: AuditBackedUp
    lines: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The file."""
        return b"".join(line + b"\n" for line in self.lines)


def place_of(settings: Settings) -> AuditPlace:
    """Where this site's audit logs are."""
    return AuditPlace.at(settings.audit, settings.memory)


def key_here(settings: Settings) -> PublicKey | None:
    """The key of the audit logs here, if there are any."""
    place = place_of(settings)
    return public_half(place) if place.present() else None


def logs_here(settings: Settings, key: PublicKey) -> Iterator[LogKept]:
    """Every audit log here, up to its last checkpoint. Raises `Refused` if one is not what was written with *key*."""
    place = place_of(settings)
    remembered = place.remembered()  # the memory first: a log only grows meanwhile
    for log in place.present():
        seen = read_log(log, [key], remembered.get(log.name))
        if seen.problems:
            raise Refused(
                f"the audit log {log.folder} is not what was written: {seen.problems[0]} Nothing was backed up. Run 'arcops "
                "audit verify', then move this folder away and keep it as evidence"
            )
        if seen.lines:
            yield LogKept(said=_said(log.name, seen.lines), lines=seen.lines)


def carried_away(settings: Settings) -> Iterator[NotBackedUp]:
    """The logs that are remembered and not here."""
    place = place_of(settings)
    there = {one.name for one in place.present()}
    for name in sorted(place.remembered().keys() - there):
        yield NotBackedUp(what=f"audit/{name}", why="it was carried to another folder, or removed")


def refuse_other_logs(tar: SignedTar, backup: SiteBackup) -> None:
    """Raise `Refused` unless *tar* has the logs that *backup* says, and their key."""
    names = {one.removeprefix(f"{AUDIT}/") for one in tar.names if one.startswith(f"{AUDIT}/")}
    said = [one.name for one in backup.audit]
    if sorted(said) != sorted(names) or bool(said) is not (AUDIT_KEY in tar.names):
        raise Refused(f"{tar.what} has other audit logs than its signed list says")


def logs_in(tar: SignedTar, backup: SiteBackup, content: ContentKey) -> Iterator[LogKept]:
    """The audit logs of *backup* in *tar*, decrypted, each by its own last checkpoint. Raises `Refused` if one is another."""
    if not backup.audit:
        return
    key, place = load_public_key(tar.read(AUDIT_KEY, _MOST_KEY), where=AUDIT_KEY), AuditPlace(logs=Path(), outside=Path())
    for one in backup.audit:
        name = f"{AUDIT}/{one.name}"
        origin = place.log(one.name).origin
        *lines, rest = content.decrypt(tar.read(name, MOST_LOG), name).split(b"\n")
        if rest or not lines or _said(one.name, lines) != one:
            raise Refused(f"the audit log {one.name} in {tar.what} is not the one that its signed list says")
        signed, over = opened(lines[-1], [key], origin), trees(lines, {len(lines) - 1})[len(lines) - 1]
        if (signed.size, signed.root) != (len(lines) - 1, over.root):
            raise Refused(f"the audit log {one.name} in {tar.what} is not the one that its checkpoint signs")
        yield LogKept(said=one, lines=tuple(lines))


def is_here(log: LogKept, settings: Settings) -> bool:
    """Does the log of this name here have all lines of *log*, and maybe more?"""
    with suppress(ArcOpsError):
        lines = read_whole(place_of(settings).log(log.said.name).path)
        return tuple(lines[: len(log.lines)]) == log.lines
    return False


def folder_for(backup: SiteBackup, settings: Settings) -> Path:
    """The folder into which the logs of *backup* come that are not here."""
    return settings.audit.with_name(f"{settings.audit.name}-{backup.taken:%Y%m%dT%H%M%SZ}")


def _said(name: str, lines: Sequence[bytes]) -> AuditBackedUp:
    return AuditBackedUp(name=name, lines=len(lines), root=trees(lines, {len(lines)})[len(lines)].root.hex())
