"""The files of a site's policy: ``roles.yaml`` and ``*.cedar`` in one folder. They are read whole, or not at all."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.private_folder import refuse_if_open
from artifacts.reading import read_file

ROLES_FILE, CEDAR_ENDING = "roles.yaml", ".cedar"
MOST_FILES = 200
_MOST_BYTES = 1024 * 1024
_SETTLED_SECONDS = 2.0
"""Two changes within one tick of a file system's clock have the same time, so a file that changed lately is read again."""
_TRIES = 3

Signature = tuple[tuple[str, int, int, int, int, int, int], ...]
"""Name, device, inode, size, times of change and mode of the folder, whose name is empty, and of each file: what tells that
something changed, also who may change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFiles:
    """What the folder has: the roles, or nothing, and the Cedar policies by the names of their files."""

    roles: bytes | None
    cedar: Mapping[str, bytes]


def signature(folder: Path) -> Signature | None:
    """What the folder looks like now; ``None`` if it is not there. Raises `Unavailable` if it can't be looked at."""
    try:
        with os.scandir(folder) as entries:
            found = [(one.name, one.stat()) for one in entries if not one.name.startswith(".")]
        found.append(("", folder.stat()))
    except FileNotFoundError:
        if os.path.lexists(folder):
            raise Unavailable(f"the folder {folder} has a link that leads nowhere") from None
        return None
    except OSError as error:
        raise Unavailable(f"the folder {folder} cannot be read: {error.strerror}") from error
    return tuple(
        sorted(
            (name, seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_mode)
            for name, seen in found
        )
    )


def settled(seen: Signature | None, now: float | None = None) -> bool:
    """Is every change that *seen* shows old enough that another one would look different?"""
    newest = max((max(one[4], one[5]) for one in seen or ()), default=0)
    return abs((time.time() if now is None else now) - newest / 1e9) > _SETTLED_SECONDS


def read_policy_files(folder: Path) -> tuple[PolicyFiles, Signature]:
    """The files in *folder*, and how it looked before and after they were read.

    Hidden files are left out: Kubernetes mounts a ConfigMap with some. Raises `Refused` for any other file, because a policy
    with a mistaken name would have no effect; for a folder or a file that every user may change; and `Unavailable` if it is
    being changed, or can't be read.
    """
    for _ in range(_TRIES):
        before = signature(folder)
        if before is None:
            raise Unavailable(f"the folder {folder} is not there")
        found = _read(folder, [name for name, *_ in before if name])
        if signature(folder) == before:
            return found, before
    raise Unavailable(f"the files in {folder} change while they are read; they are read again with the next call")


def _read(folder: Path, names: list[str]) -> PolicyFiles:
    refuse_if_open(folder, "a policy")
    if len(names) > MOST_FILES:
        raise Refused(f"{folder} has more than {MOST_FILES} files; put the policies into fewer")
    for name in names:
        if name != ROLES_FILE and not name.endswith(CEDAR_ENDING):
            raise Refused(f"{folder} has {name!r}, which is not {ROLES_FILE} or *{CEDAR_ENDING}; rename it or move it away")
    contents = {name: _bytes(folder / name) for name in names}
    return PolicyFiles(
        roles=contents.get(ROLES_FILE), cedar={name: data for name, data in contents.items() if name != ROLES_FILE}
    )


def _bytes(path: Path) -> bytes:
    try:
        seen = path.stat()
        if seen.st_mode & stat.S_IWOTH and not os.statvfs(path).f_flag & os.ST_RDONLY:
            raise Refused(f"every user of this machine can change {path}; check it, and run 'chmod o-w {path}'")
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    return read_file(path, _MOST_BYTES)
