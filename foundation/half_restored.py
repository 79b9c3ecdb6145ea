"""Is a restore of the whole site under way, or was one cut off? Then the site may be half the old one and half the new one."""

from __future__ import annotations

import os
from pathlib import Path

from arcops.errors import Refused

RESTORING = "restoring"
"""The file in the folder of the memory that says so (`foundation.backup.journal`)."""


def is_half(memory: Path) -> bool:
    """Is there a restore that did not end?"""
    return os.path.lexists(memory / RESTORING)


def refuse_half(memory: Path) -> None:
    """Raise `Refused` if there is a restore that did not end."""
    if is_half(memory):
        raise Refused(
            f"this site is being restored, or that was cut off ({memory / RESTORING}): nothing is done before it has ended; "
            "run the same command again ('arcops backup restore', 'arcops bundle install' or 'arcops bundle rollback')"
        )
