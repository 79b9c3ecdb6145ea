"""``arcops backup``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from adapters.cli import files, surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import GREEN, RED
from adapters.cli.options import Signing
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.backup.backup import (
        BackupMade,
        BackupRestored,
        BackupShown,
        BackupVerified,
        MakeBackup,
        RestoreBackup,
        VerifyBackup,
    )

BACKUP = group("backup", "Back the whole site up to one signed file, verify it, and restore it.")


@command(
    "backup make",
    "capabilities.backup.backup:make_backup",
    own=Signing,
    reads={"recipients": files.recipient_text},
    example="site.backup --recipient offsite.pub",
)
def make(given: Given[MakeBackup, BackupMade, Signing]) -> None:
    """Write the site's store, database, keys and configuration to one new file."""
    made = answer(given.tool, given.ask(), surroundings.place(key=given.own.key))
    _print(made.backup)
    print(printable(f"backup {made.path}"))


@command(
    "backup verify",
    "capabilities.backup.backup:verify_backup",
    own=Answering,
    reads={"keys": files.key_text},
    example="site.backup --key team.pub",
)
def verify(given: Given[VerifyBackup, BackupVerified, Answering]) -> None:
    """Check every byte of a backup, its log and each artifact. It changes nothing."""

    def show(found: BackupVerified) -> None:
        _print(found.backup)
        if found.opened:
            print("sound, also what is encrypted")
        else:
            needed = "ARCOPS_BACKUP_IDENTITY_FILE" if found.backup.recipients else "ARCOPS_BACKUP_PASSPHRASE"
            print(f"sound; what is encrypted was not opened, because {needed} is not set")

    shown(given, show)


@command(
    "backup restore",
    "capabilities.backup.backup:restore_backup",
    reads={"keys": files.key_text},
    example="site.backup --key team.pub",
)
def restore(given: Given[RestoreBackup, BackupRestored, None]) -> int:
    """Put a backup in the place of this site, whole or not at all. Stop every host before."""
    done = answer(given.tool, given.ask(), surroundings.place())
    _print(done.backup)
    if done.kept_store:
        print("The store stayed: it has all of the backup's log, and more.")
    for path in done.audit:
        print(printable(f"audit logs {path}: they are not continued; 'arcops audit' verifies and searches them"))
    for path in done.aside:
        print(printable(f"before {path}"))
    for problem in done.problems:
        print(printable(f"arcops: {problem}"), file=sys.stderr)
    print("Keys and callers that were revoked after the backup was made count again: revoke them again.")
    return RED if done.problems else GREEN


def _print(backup: BackupShown) -> None:
    rows = f"{backup.rows:,} rows in {backup.tables} tables ({backup.schema})" if backup.schema else "no database"
    print(printable(f"{backup.site or 'a site without a name'}, {backup.taken:%Y-%m-%d %H:%M} UTC, version {backup.version}"))
    print(f"{backup.artifacts:,} artifacts in {backup.entries:,} entries of the log; {rows}; {backup.files:,} other files")
    print(f"opened by: {', '.join(backup.recipients) or 'the passphrase of backups'}")
    print(f"{backup.audit_lines:,} lines in {backup.audit_logs:,} audit logs")
    for one in backup.left_out:
        print(printable(f"not in it: {one.what} ({one.why})"))
