"""Backups of the whole site: make one, verify one, put one back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.passphrase import backup_opening, backup_passphrase
from capabilities.sealed_file import MOST_KEY_BYTES, SealedFile, SealedFileHere
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.public_key import PublicKey
    from artifacts.site_backup import SiteBackup
    from foundation.backup.reading import Verified


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What of the site is not in a backup, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupShown:
    """What a backup has: the site, when it was made and by which version, the store's log, the tables of the database, the
    audit logs, the ids of the keys that signed it, and those of the recipients who can open it; without any, a passphrase does.
    """

    site: str
    taken: datetime
    version: str
    signers: tuple[str, ...]
    entries: int
    artifacts: int
    schema: str
    tables: int
    rows: int
    files: int
    audit_logs: int
    audit_lines: int
    recipients: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBackup:
    """The file to write the backup to, and who may open what is encrypted in it."""

    file: Path = field(metadata=used(Use.HERE) | shaped(positional=True))
    """The new file for the backup."""
    recipients: tuple[str, ...] = field(default=(), metadata=shaped(option="--recipient", text_of=MOST_KEY_BYTES))
    """Public keys (X25519, PEM) of those who may open it; then no passphrase does, and this machine cannot read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupMade:
    """The backup, and where it is."""

    path: Path
    backup: BackupShown


@tool(title="Back the site up", scope=Scope.TRUST, long=True)
def make_backup(ask: MakeBackup, at: Place) -> BackupMade:
    """Write the store, its log, the database, the audit logs, the keys, what is trusted and the configuration of this site to
    one signed file.

    Keys, rows and audit logs are encrypted to the recipients, or else with the passphrase of backups
    (ARCOPS_BACKUP_PASSPHRASE). The site may work then.
    """
    from artifacts.recipients import read_recipient
    from foundation.backup.making import make  # with SQLAlchemy it costs start-up time

    signer = at.signer()
    made = make(
        ask.file,
        at.settings,
        signer=signer,
        passphrase=backup_passphrase(at),
        now=at.now(),
        recipients=tuple(read_recipient(one.encode(), where="the key of a recipient") for one in ask.recipients),
    )
    return BackupMade(path=ask.file, backup=_shown(made, (signer.public.id,), made.log.entries))


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyBackup(SealedFile):
    """Which backup to verify, and by which keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupVerified:
    """A backup that is sound. ``opened``: what is encrypted was decrypted and checked too, as what opens it was at hand."""

    backup: BackupShown
    opened: bool


@tool(title="Verify a backup", scope=Scope.READ, reads_only=True, long=True)
def verify_backup(ask: VerifyBackup, at: Place) -> BackupVerified:
    """Check every byte of a backup: its signature, its log by proofs, each artifact; and what is encrypted, at one's own
    command line and if what opens it is set (ARCOPS_BACKUP_PASSPHRASE, ARCOPS_BACKUP_IDENTITY).
    """
    from artifacts.signed_tar import opened_tar
    from foundation.backup.reading import open_secrets, verify

    with opened_tar(ask.file, f"the backup {at.told(ask.file)}", at.within) as tar:
        verified = verify(tar, _keys(ask.keys, at))
        settings, backup = at.settings, verified.backup
        at_hand = (settings.backup_passphrase and backup.locks) or (settings.backup_identity and backup.recipients)
        opened = bool(at_hand) and not at.remote
        if opened:
            open_secrets(tar, backup, backup_opening(at))
    return BackupVerified(backup=_looked(verified), opened=opened)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreBackup(SealedFileHere):
    """Which backup to put in the place of this site."""

    replace: bool = False
    """Put aside what is here, and restore the backup in its place."""
    lose_newer: bool = False
    """Accept that entries are lost which this machine remembers and the backup does not have yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRestored:
    """What was restored. ``kept_store``: the store here has all of the backup's log and more, so it stayed as it is. ``aside``
    is what was there before: remove it when all is well. ``audit`` are folders with audit logs that were not here.
    ``problems`` are what the store's check finds now.
    """

    backup: BackupShown
    kept_store: bool
    aside: tuple[Path, ...]
    audit: tuple[Path, ...]
    problems: tuple[str, ...]


@tool(title="Restore a backup", scope=Scope.TRUST, destructive=True, long=True, restores=True)
def restore_backup(ask: RestoreBackup, at: Place) -> BackupRestored:
    """Put a backup in the place of this site: all of it is verified first, and it is restored whole or not at all.

    Stop every host before. A site that has something else is refused, unless it may be replaced; a log that is another than
    this machine remembers is always refused. If it was cut off, run the same again. It is done on the machine itself only.
    """
    if at.remote:
        raise Refused("a site is only restored on the machine itself, with 'arcops backup restore'; ask its operator")
    from artifacts.store import Store
    from foundation.backup.restoring import Permitted, restore

    keys = _keys(ask.keys, at)
    done = restore(
        ask.file,
        at.settings,
        keys=keys,
        opening=backup_opening(at),
        now=at.now(),
        permitted=Permitted(replace=ask.replace, lost=ask.lose_newer),
    )
    with Store.at(at.settings) as store:
        problems = store.check(keys)
    return BackupRestored(
        backup=_looked(done.verified),
        kept_store=done.kept_store,
        aside=done.aside,
        audit=done.audit,
        problems=problems,
    )


def _keys(pems: tuple[str, ...], at: Place) -> tuple[PublicKey, ...]:
    from capabilities.kept import counting_keys

    return counting_keys(pems, at)


def _looked(verified: Verified) -> BackupShown:
    return _shown(verified.backup, verified.signers, len({one.artifact for one in verified.entries}))


def _shown(backup: SiteBackup, signers: tuple[str, ...], artifacts: int) -> BackupShown:
    tables = backup.database.tables
    return BackupShown(
        site=backup.site,
        taken=backup.taken,
        version=backup.version,
        signers=signers,
        entries=backup.log.entries,
        artifacts=artifacts,
        schema=backup.database.schema,
        tables=len(tables),
        rows=sum(one.rows for one in tables),
        files=len(backup.parts),
        audit_logs=len(backup.audit),
        audit_lines=sum(one.lines for one in backup.audit),
        recipients=tuple(one.recipient for one in backup.recipients),
        left_out=tuple(LeftOut(what=one.what, why=one.why) for one in backup.left_out),
    )
