"""The passphrase of backups and the private key of their recipient, for the tools that make or open one."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from arcops.errors import Refused
from flows.place import Place

if TYPE_CHECKING:
    from foundation.backup.reading import Opening


def backup_passphrase(at: Place) -> Callable[[], str]:
    """A function that looks it up, once and only if it is needed. It raises `Refused` if no place of it is set."""

    @cache
    def passphrase() -> str:
        from foundation.secrets import referred

        reference = at.settings.backup_passphrase
        if not reference:
            raise Refused(
                "the passphrase of the backup is needed: set ARCOPS_BACKUP_PASSPHRASE, ARCOPS_BACKUP_PASSPHRASE_FILE or "
                "ARCOPS_BACKUP_PASSPHRASE_REF; keep it apart from the backup, because nothing opens it otherwise"
            )
        return referred(os.environ, reference, "passphrase of the backup", tier=at.settings.tier)

    return passphrase


def backup_opening(at: Place) -> Opening:
    """What opens a backup at *at*: the passphrase, and the private key that the operator named."""
    from artifacts.recipients import Identity, read_identity
    from foundation.backup.reading import Opening
    from foundation.secrets import referred

    passphrase, reference = backup_passphrase(at), at.settings.backup_identity

    def identity() -> Identity | None:
        if not reference:
            return None
        what = "private key of the backup's recipient"
        return read_identity(referred(os.environ, reference, what, tier=at.settings.tier), passphrase)

    return Opening(passphrase=passphrase, identity=identity)
