"""A process that sees a tree of files as its whole machine, with the devices, the processes and one folder to write in.

It needs namespaces of its own (`foundation.processes.crowd`), and is for a program that comes with all that it needs, as an
image does. mount_namespaces(7), pivot_root(2).
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from arcops.errors import Broken
from foundation.processes.kernel import syscall

WRITABLE = "/tmp"  # noqa: S108  # inside of the tree, in which no one else is
"""The folder to write in, as the process sees it."""
POINTS = ("dev", "proc", "sys", "tmp")
"""Folders that the tree has to have, on which something is put; what is in them is not seen."""
FILES = ("etc/resolv.conf", "etc/hosts")
"""Files of this machine that a process with a network sees instead of those of the tree, which has to have them."""
DEVICES = ("null", "zero", "full", "urandom", "random")
_MOUNT, _UMOUNT, _PIVOT = {"x86_64": (165, 166, 155), "aarch64": (40, 39, 41)}.get(os.uname().machine, (-1, -1, -1))
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE, _DETACH = 2, 4, 8, 4096, 16384, 1 << 18, 2


def enter_root(root: str, home: str, *, network: bool) -> tuple[str, ...]:
    """See *root* alone from now on, and the folder *home* as `WRITABLE`; the folders of the tree, as they are called then.

    Raises `Broken` if the kernel does not do it.
    """
    _put("none", "/", "", _REC | _PRIVATE, "keep what is put there to itself")
    _put(root, root, "", _BIND | _REC, "see its files")
    _put("tmpfs", f"{root}/dev", "tmpfs", _NOSUID | _NOEXEC, "have devices", "mode=755,size=64k")
    for name in DEVICES:
        Path(root, "dev", name).touch()
        _put(f"/dev/{name}", f"{root}/dev/{name}", "", _BIND, f"have /dev/{name}")
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        Path(root, "dev", name).symlink_to(target)
    _put("/proc", f"{root}/proc", "", _BIND | _REC, "see processes")
    _put(home, root + WRITABLE, "", _BIND, "have a folder to write in")
    for name in FILES if network else ():
        if Path("/", name).exists() and not Path(root, name).is_symlink():
            _put(os.path.realpath(f"/{name}"), f"{root}/{name}", "", _BIND, f"see /{name}")
    os.chdir(root)
    _done(syscall(_PIVOT, b".", b"."), "make the tree its root")
    _done(syscall(_UMOUNT, b".", _DETACH), "forget the files of this machine")
    os.chdir("/")
    return tuple(f"/{one.name}" for one in os.scandir("/") if one.name not in POINTS)


def _put(what: str, place: str, kind: str, flags: int, said: str, more: str = "") -> None:
    done = syscall(_MOUNT, what.encode(), place.encode(), kind.encode() or None, ctypes.c_ulong(flags), more.encode() or None)
    _done(done, said)


def _done(answer: int, what: str) -> None:
    if answer < 0:
        raise Broken(f"the program of an image cannot {what} here: {os.strerror(-answer)}")
