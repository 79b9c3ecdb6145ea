"""The passphrase of backups, for the tools that make or open one."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from arcops.errors import Refused
from flows.place import Place


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
