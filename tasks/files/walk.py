"""The walk: every name under a folder, by descriptors and without following a link, before any byte is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from arcops.seen.tree import LinkSeen, Trouble
from artifacts.beneath import open_below

DEEPEST = 128
MOST_ENTRIES = 2_000_000


class FileIdentity(NamedTuple):
    """What the kernel says of an inode; any write, replacement or touch changes it. A tuple, because there are many."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_of(self, status: os.stat_result) -> bool:
        """Is *status* that of the same inode, unchanged?"""
        return (
            self.inode == status.st_ino
            and self.ctime_ns == status.st_ctime_ns
            and self.mtime_ns == status.st_mtime_ns
            and self.size == status.st_size
            and self.device == status.st_dev
        )


class WalkedEntry(NamedTuple):
    """One regular file as the walk met it."""

    path: str
    identity: FileIdentity
    executable: bool


@dataclass(slots=True)
class Walked:
    """What a walk met."""

    files: list[WalkedEntry] = field(default_factory=list)
    links: list[LinkSeen] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    folders: list[tuple[str, FileIdentity]] = field(default_factory=list)


def shown(name: str) -> str:
    """*name*, as the operating system gave it, with what is not UTF-8 escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def encodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def escapes(path: str, target: str) -> bool:
    """Does a link at *path* (relative to the root) to *target* leave the root? Only its text is judged: other links on the
    way do not matter, because they are reported themselves."""
    if target.startswith("/") or "\0" in target:
        return True
    depth = path.count("/")
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return True
        elif part not in ("", "."):
            depth += 1
    return False


def walk(root: int, tick: Callable[[], None]) -> Walked:
    """Everything below the folder that the descriptor *root* is open on. *tick* is called often and may raise to end it."""
    found = Walked()
    pending = [""]
    entries = 0
    while pending:
        folder = pending.pop()
        try:
            descriptor = open_below(root, folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK)
        except OSError as error:
            found.troubles.append(Trouble(path=shown(folder) or ".", reason=f"the folder cannot be opened: {error.strerror}"))
            continue
        try:
            found.folders.append((folder, FileIdentity.of(os.fstat(descriptor))))
            with os.scandir(descriptor) as listing:
                for item in listing:
                    entries += 1
                    if entries % 256 == 0:
                        tick()
                    if entries > MOST_ENTRIES:
                        found.troubles.append(Trouble(path=".", reason=f"there are more than {MOST_ENTRIES} entries"))
                        return found
                    below = _met(descriptor, item, f"{folder}/{item.name}" if folder else item.name, found)
                    if below:
                        pending.append(below)
        except OSError as error:
            found.troubles.append(Trouble(path=shown(folder) or ".", reason=f"the folder cannot be listed: {error.strerror}"))
        finally:
            os.close(descriptor)
    return found


def _met(folder: int, item: os.DirEntry[str], path: str, found: Walked) -> str:
    """Sort one entry into *found*; returns its path if it is a folder to walk."""
    try:
        status = item.stat(follow_symlinks=False)
    except OSError as error:
        found.troubles.append(Trouble(path=shown(path), reason=f"its kind and size cannot be read: {error.strerror}"))
        return ""
    mode = status.st_mode
    if not path.isascii() and not encodable(path):
        found.troubles.append(Trouble(path=shown(path), reason="its name is not UTF-8, so no signature or list can name it"))
    elif stat.S_ISREG(mode):
        found.files.append(WalkedEntry(path, FileIdentity.of(status), bool(mode & 0o111)))
    elif stat.S_ISDIR(mode):
        if path.count("/") < DEEPEST:
            return path
        found.troubles.append(Trouble(path=path, reason=f"folders are nested more than {DEEPEST} levels deep"))
    elif stat.S_ISLNK(mode):
        found.links.append(_link(folder, item.name, path))
    else:
        found.troubles.append(Trouble(path=path, reason=f"it is {_special(mode)}, not a file"))
    return ""


def _link(folder: int, name: str, path: str) -> LinkSeen:
    try:
        target = os.readlink(name, dir_fd=folder)
    except OSError:
        return LinkSeen(path=path, target="", escapes=True)
    out = escapes(path, target)
    # A path outside is one of this machine, and what is seen is signed and kept: its last name is enough to find it.
    told = f"…/{target.rstrip('/').rpartition('/')[2]}" if out else target
    return LinkSeen(path=path, target=shown(told), escapes=out)


def _special(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "a special file of another kind"
