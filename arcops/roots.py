"""The folders below which a caller's files lie, each known by what the file system calls it and not by its name alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One folder: its path without links, and its ``device`` and ``inode`` when it was opened for this piece of work.

    Whoever opens it again, in a process of its own too, compares both, so that no other folder is taken for it.
    """

    path: Path
    device: int
    inode: int


Roots = tuple[Root, ...] | None

ANYWHERE: Roots = None
"""Every file that this user can read, as on one's own command line."""
