"""What is in an installed folder: every file by its digest, and a quick look that says if any of it may have changed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused

_PART = 1 << 20
_OF_THIS_MACHINE = re.compile(rb"venv/(?:pyvenv\.cfg|bin/python[0-9.]*|lib64|\.lock|(?:.*/)?__pycache__(?:/.*)?)", re.DOTALL)
"""What uv writes for one machine: the way to its interpreter, and bytecode with the times of files. It is compared with what
was installed on this machine like everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """``digest`` is over the names, kinds, rights to execute and bytes of everything; ``content`` leaves out what an installer
    makes for one machine, so that it is the same wherever the same lock was installed. ``look`` is what `look` gave with it.
    """

    digest: str
    content: str
    look: bytes
    files: int = 0


def seen(folder: Path, *, most: int = 1 << 40) -> Tree:
    """Read all of *folder*. Raises `Refused` for what is neither file, folder nor link, and for more than *most* bytes."""
    before = look(folder)
    whole, content_only, size, files = hashlib.sha256(), hashlib.sha256(), 0, 0
    for path, status in _walked(folder):
        name = os.fsencode(path.relative_to(folder))
        if stat.S_ISDIR(status.st_mode):
            content = b"d"
        elif stat.S_ISLNK(status.st_mode):
            content = b"l" + os.fsencode(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            size, files = size + status.st_size, files + 1
            if size > most:
                raise Refused(f"{folder} has more than {most} bytes")
            content = (b"x" if status.st_mode & 0o111 else b"f") + _digest(path)
        else:
            raise Refused(f"{path} is neither a file, a folder nor a link; it cannot be part of a hosted server")
        entry = len(name).to_bytes(4, "big") + name + len(content).to_bytes(4, "big") + content
        whole.update(entry)
        if not _of_this_machine(name):
            content_only.update(entry)
    after = look(folder)
    if before != after:
        raise Refused(f"{folder} changed while it was read; try again when no one writes there")
    return Tree(digest=f"sha256:{whole.hexdigest()}", content=f"sha256:{content_only.hexdigest()}", look=after, files=files)


def look(folder: Path) -> bytes:
    """A digest of the names, sizes, inodes and times of everything in *folder*, without reading a file.

    The kernel sets the time of a change (ctime), and no program can set it back, so the same look is the same content, as long
    as the machine's clock is not set back.
    """
    whole = hashlib.sha256()
    for path, status in _walked(folder):
        name = os.fsencode(path.relative_to(folder))
        facts = (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        whole.update(name + b"\0" + repr(facts).encode() + b"\n")
    return whole.digest()


def _of_this_machine(name: bytes) -> bool:
    return _OF_THIS_MACHINE.fullmatch(name) is not None


def _walked(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        for entry in sorted(os.scandir(here), key=lambda one: one.name):
            path, status = here / entry.name, entry.stat(follow_symlinks=False)
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)


def _digest(path: Path) -> bytes:
    whole = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        while part := os.read(descriptor, _PART):
            whole.update(part)
    finally:
        os.close(descriptor)
    return whole.digest()
