"""What a part asks besides what its subject is: an artifact that was made for another ask is no answer to this one."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import fields
from pathlib import Path
from typing import Any

from arcops.errors import Refused
from artifacts.beneath import open_within
from flows.place import Place
from flows.subjects.release.describing import DescribedPart

_PLAIN = frozenset(("target", "attached"))
"""Fields that say what the subject is, or bring evidence about it. Everything else changes what is asked."""
_LARGE = 16 * 1024 * 1024
_MOST_FILES = 100_000


def asked(part: DescribedPart, policy: str, at: Place, *, live: bool) -> str:
    """The digest (64 digits) of what *part* asks under the policy with this digest, with the content of each file that it names
    besides its target; empty if its target's content and the policy say all of it.

    Raises `Refused` if a file cannot be read.
    """
    subject: Any = part.subject  # every subject is a dataclass
    given = {one.name: getattr(subject, one.name) for one in fields(subject)}
    if not given:
        return ""  # such as a node as it is: its name and site say all of it
    more = {one.name for one in fields(subject) if one.name not in _PLAIN and given[one.name] != one.default}
    if not more and not live:
        return ""
    seen = [
        f"{name} {path.name} {_content(path, at)}"
        for name, value in sorted(given.items())
        if live or name != "target"
        for path in (value if isinstance(value, tuple) else (value,))
        if isinstance(path, Path)
    ]
    said = json.dumps([part.what.flow, policy, _told(given), seen], sort_keys=True)
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()


def _told(given: dict[str, object]) -> dict[str, object]:
    """What was given, as text; a path by its own name, because its content is told beside."""
    return {
        name: [one.name if isinstance(one, Path) else repr(one) for one in (value if isinstance(value, tuple) else (value,))]
        for name, value in given.items()
    }


def _content(path: Path, at: Place) -> str:
    """SHA-256 over every file below *path*; of a large file, what the system says of it: size, times and number."""
    try:
        descriptor = open_within(path, os.O_RDONLY | os.O_NONBLOCK, at.within)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            return _of_file(descriptor)
        total, count = hashlib.sha256(), 0
        for folder, folders, names, here in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
            folders.sort()
            for name in sorted(names):
                count += 1
                if count > _MOST_FILES:
                    raise Refused(f"{path} has more than {_MOST_FILES:,} files, too many to name what is asked by it")
                total.update(f"{folder}/{name}\0{_of_entry(name, here)}\n".encode(errors="surrogateescape"))
        return total.hexdigest()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _of_entry(name: str, folder: int) -> str:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        return f"{stat.S_IFMT(status.st_mode)} {os.readlink(name, dir_fd=folder) if stat.S_ISLNK(status.st_mode) else ''}"
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        return _of_file(descriptor)
    finally:
        os.close(descriptor)


def _of_file(descriptor: int) -> str:
    status = os.fstat(descriptor)
    if status.st_size > _LARGE:
        return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    found = hashlib.sha256()
    while part := os.read(descriptor, 1 << 20):
        found.update(part)
    return found.hexdigest()
