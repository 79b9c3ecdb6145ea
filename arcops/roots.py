"""The folders below which a caller's files must be, each known by its number in the file system and not only by its name."""

from __future__ import annotations

from pathlib import Path

from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One folder: its path without links, and its ``device`` and ``inode`` when it was opened for this piece of work.

    Code that opens it again, also in another process, compares both, so that another folder is not used by mistake.
    """

    path: Path
    device: int
    inode: int


Roots = tuple[Root, ...] | None

ANYWHERE: Roots = None
"""Every file that this user can read, as on the user's own command line."""
