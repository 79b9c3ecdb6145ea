"""The audit logs in a backup: as they were up to their last checkpoints, and verified by these.

A log that goes on here has all of them and more, so it stays. The others come back into folders of their own, one for each
backup that they are from, beside the logs that are written here: two machines' logs may have the same name, and a log is never
continued with another key. Which key verifies them, and how long they are, is remembered outside of them. The next backup has
them, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from arcops.errors import ArcOpsError, Refused
from artifacts.canonical import canonical
from artifacts.encryption import ContentKey
from artifacts.log.lines import MOST_LOG, read_whole
from artifacts.log.memory import Remembered
from artifacts.log.merkle import trees
from artifacts.public_key import PublicKey, load_public_key
from artifacts.signed_tar import SignedTar
from artifacts.site_backup import AuditBackedUp, NotBackedUp, SiteBackup
from artifacts.typed import dump
from foundation.audit.keys import public_half
from foundation.audit.place import AuditLog, AuditPlace
from foundation.audit.seals import opened
from foundation.audit.verifying import LogRead, read_log, read_restored
from foundation.settings import Settings

AUDIT = "encrypted/audit"
AUDIT_KEYS = "audit"
_MOST_KEY = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKept:
    """An audit log of a backup: what is said of it, the key that verifies it, and its lines, checkpoints among them."""

    said: AuditBackedUp
    key: PublicKey
    lines: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The file."""
        return b"".join(line + b"\n" for line in self.lines)


def place_of(settings: Settings) -> AuditPlace:
    """Where this site's audit logs are."""
    return AuditPlace.at(settings.audit, settings.memory)


def logs_here(settings: Settings) -> Iterator[LogKept]:
    """Every audit log here, up to its last checkpoint, and every one that a restore brought. Raises `Refused` if one is not
    what was written, or what was brought.
    """
    place = place_of(settings)
    remembered = place.remembered()  # the memory first: a log only grows meanwhile
    for log in place.present():
        key = public_half(place)
        yield from _sound(read_log(log, [key], remembered.get(log.name)), place, log.folder)
    for restored in place.of_backups():
        for found in read_restored(restored, ()):
            if found.there:
                yield from _sound(found, restored, restored.logs)


def carried_away(settings: Settings) -> Iterator[NotBackedUp]:
    """The logs that are remembered and not here."""
    own = place_of(settings)
    for place in (own, *own.of_backups()):
        there = {one.name for one in place.present()}
        for name in sorted(place.remembered().keys() - there):
            shown = f"{place.stamp}/{name}" if place.stamp else name
            yield NotBackedUp(what=f"audit/{shown}", why="it was carried to another folder, or removed")


def key_name(log: str) -> str:
    """The name in a backup of the key that verifies the *log*."""
    return f"{AUDIT_KEYS}/{log.rpartition('/')[0] or 'audit'}.pub"


def refuse_other_logs(tar: SignedTar, backup: SiteBackup) -> None:
    """Raise `Refused` unless *tar* has the logs that *backup* says, and their keys."""
    said = sorted(one.name for one in backup.audit)
    for what, names in ((AUDIT, said), (AUDIT_KEYS, sorted({key_name(one).removeprefix(f"{AUDIT_KEYS}/") for one in said}))):
        if names != sorted(one.removeprefix(f"{what}/") for one in tar.names if one.startswith(f"{what}/")):
            raise Refused(f"{tar.what} has other audit logs than its signed list says")


def logs_in(tar: SignedTar, backup: SiteBackup, content: ContentKey) -> Iterator[LogKept]:
    """The audit logs of *backup* in *tar*, decrypted, each by its own last checkpoint. Raises `Refused` if one is another."""
    for one in backup.audit:
        log = _named(one.name)
        name, by = f"{AUDIT}/{one.name}", key_name(one.name)
        key = load_public_key(tar.read(by, _MOST_KEY), where=by)
        *lines, rest = content.decrypt(tar.read(name, MOST_LOG), name).split(b"\n")
        if rest or not lines or _said(one.name, lines) != one:
            raise Refused(f"the audit log {one.name} in {tar.what} is not the one that its signed list says")
        signed, over = opened(lines[-1], [key], log.origin), trees(lines, {len(lines) - 1})[len(lines) - 1]
        if (signed.size, signed.root) != (len(lines) - 1, over.root):
            raise Refused(f"the audit log {one.name} in {tar.what} is not the one that its checkpoint signs")
        yield LogKept(said=one, key=key, lines=tuple(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """The audit logs that a restore brings to one folder, by their names in the backup."""

    place: AuditPlace
    names: tuple[str, ...]

    @property
    def targets(self) -> tuple[Path, ...]:
        """Every path that is replaced: the folder, and what is remembered outside of it."""
        memories = (path for name in self.names for path in self._log(name).memory.paths)
        return (self.place.logs, self.place.public, *memories)

    @property
    def others(self) -> tuple[str, ...]:
        """The names of logs in that folder which are not of the backup, and stay."""
        mine = {self._log(name).name for name in self.names}
        return tuple(one.name for one in self.place.present() if one.name not in mine)

    def files(self, logs: Iterator[LogKept]) -> Iterator[tuple[Path, bytes]]:
        """Every file that is written, at its place: the logs, their key, and what is remembered of both outside."""
        first = True
        for log in logs:
            if log.said.name not in self.names:
                continue
            if first:
                yield self.place.logs / "audit.pub", log.key.pem
                yield self.place.public, log.key.pem
                first = False
            there = self._log(log.said.name)
            yield there.path, log.text
            what = Remembered(
                store=str(there.folder),
                origin=there.origin,
                size=len(log.lines),
                bytes=len(log.text),
                root=log.said.root,
                newest=None,
                signed=len(log.lines),
            )
            for path in there.memory.paths:
                yield path, canonical(dump(what))

    def _log(self, name: str) -> AuditLog:
        return self.place.log(name.rpartition("/")[2])


def coming(logs: Iterator[LogKept], backup: SiteBackup, settings: Settings) -> tuple[Coming, ...]:
    """Those *logs* of *backup* that are not here, by the folders that they come to. Raises `Refused` if logs of another key are
    there.
    """
    own, found = place_of(settings), dict[AuditPlace, list[str]]()
    for log in logs:
        stamp, _, name = log.said.name.rpartition("/")
        place = own.of_backup(stamp or _own_stamp(backup))
        if _has(own.log(name), log) or (_has(place.log(name), log) and name in place.remembered() and place.public.exists()):
            continue
        if place.public.exists() and public_half(place).id != log.key.id:
            raise Refused(f"{place.logs} has audit logs of another key ({place.public}); move both away, and restore again")
        found.setdefault(place, []).append(log.said.name)
    return tuple(Coming(place=place, names=tuple(names)) for place, names in found.items())


def brought(paths: Collection[str], settings: Settings) -> tuple[Path, ...]:
    """Those of *paths* that are folders of audit logs which a restore brought."""
    return tuple(one.logs for one in place_of(settings).of_backups() if str(one.logs) in paths)


def _named(name: str) -> AuditLog:
    """The log of this *name* in a backup. Raises `Refused` if no log can have it."""
    stamp, slash, log = name.rpartition("/")
    place = AuditPlace(logs=Path("audit"), outside=Path())
    return (place.of_backup(stamp) if slash else place).log(log)


def _own_stamp(backup: SiteBackup) -> str:
    """The moment under which the logs come back that the site of *backup* wrote itself: none of another backup in it."""
    taken = f"{backup.taken:%Y%m%dT%H%M%SZ}"
    known = {one.name.rpartition("/")[0] for one in backup.audit}
    return next(one for one in chain([taken], (f"{taken}-{number}" for number in count(2))) if one not in known)


def _has(here: AuditLog, log: LogKept) -> bool:
    """Does the log *here* have all lines of *log*, and maybe more?"""
    with suppress(ArcOpsError):
        lines = read_whole(here.path)
        return tuple(lines[: len(log.lines)]) == log.lines
    return False


def _sound(found: LogRead, place: AuditPlace, folder: Path) -> Iterator[LogKept]:
    if found.problems:
        raise Refused(
            f"the audit log {folder} is not what was written: {found.problems[0]} Nothing was backed up. Run 'arcops audit "
            "verify', then move this folder away and keep it as evidence"
        )
    if found.lines:
        yield LogKept(said=_said(found.name, found.lines), key=public_half(place), lines=found.lines)


def _said(name: str, lines: Sequence[bytes]) -> AuditBackedUp:
    return AuditBackedUp(name=name, lines=len(lines), root=trees(lines, {len(lines)})[len(lines)].root.hex())
