"""Opening what a caller names, below the folders that an operator serves. No link leads out, whenever it is made.

A path is resolved first, which is only a hint. The result is then opened below a handle of its root without following any
link: in one call of the kernel (openat2(2), Linux 5.6), or folder by folder if the kernel has no such call. So a link inside
the roots may be used, and a link that replaces a file after the check leads nowhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from arcops.errors import Refused
from arcops.roots import Root, Roots

OUTSIDE = "the path is outside the folders that this server serves; ask its operator (ARCOPS_ROOTS)"

_OPENAT2 = 437  # the same number on every architecture but alpha
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08  # linux/openat2.h
_LINKED = (errno.ELOOP, errno.EXDEV)
# With O_PATH, a folder on the way needs no permission to be listed. Without it (macOS), it does.
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def held(folders: tuple[Path, ...] | None) -> Roots:
    """*folders* as they are now; nothing can be opened below one that is not there. `None` stays so: no bounds."""
    if folders is None:
        return None
    found = []
    for folder in folders:
        path = Path(os.path.realpath(folder))
        try:
            status = path.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode):
            found.append(Root(path=path, device=status.st_dev, inode=status.st_ino))
    return tuple(found)


def placed(path: Path, folders: tuple[Path, ...] | None) -> Path:
    """*path*, absolute; a relative one lies in the first of *folders*, or in the working folder if there are no bounds."""
    return path if path.is_absolute() else folders[0] / path if folders else path.absolute()


def reach(path: Path, folders: tuple[Path, ...] | None, *, refusal: str = OUTSIDE) -> Path:
    """*path*, absolute; a relative one lies in the first of *folders*. Whether it exists is not looked at.

    Raises `Refused` with *refusal* if it is outside of them. This is a first check, so that a caller is told at once:
    `open_within` checks again when it opens the path.
    """
    absolute = placed(path, folders)
    if folders is None:
        return absolute
    real = _resolved(absolute, refusal)
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in folders):
        raise Refused(refusal)
    return absolute


def open_within(path: Path, flags: int, within: Roots, *, follow: bool = True) -> int:
    """A descriptor on *path*, opened with *flags* below one of the roots. *follow* says whether its last part may be a link.

    Raises `Refused` if it is outside of them, or if a link was put on its way meanwhile; `OSError` as `os.open` does.
    """
    flags |= os.O_CLOEXEC
    if within is None:
        return os.open(path, flags | (0 if follow else os.O_NOFOLLOW))
    with _root_of(path, within, follow=follow) as (root, inside):
        try:
            return open_below(root, inside, flags)
        except OSError as error:
            if error.errno in _LINKED and not (error.errno == errno.ELOOP and not follow):
                raise Refused(OUTSIDE) from error
            raise


def stat_within(path: Path, within: Roots) -> os.stat_result | None:
    """What *path* is, links followed; `None` if there is no such file. Raises as `open_within` does."""
    if within is None:
        try:
            return path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
    with _root_of(path, within, follow=True) as (root, inside):
        folder, _, name = inside.rpartition("/")
        try:
            parent = open_below(root, folder, _STEP)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in _LINKED:
                raise Refused(OUTSIDE) from error
            raise
        try:
            found = os.stat(name or ".", dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return None
        finally:
            os.close(parent)
    if stat.S_ISLNK(found.st_mode):
        raise Refused(OUTSIDE)
    return found


def is_file(path: Path, within: Roots) -> bool:
    """Is *path* a regular file, links followed? Raises as `open_within` does."""
    found = stat_within(path, within)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_folder(path: Path, within: Roots) -> bool:
    """Is *path* a folder, links followed? Raises as `open_within` does."""
    found = stat_within(path, within)
    return found is not None and stat.S_ISDIR(found.st_mode)


def open_below(folder: int, relative: str, flags: int, mode: int = 0o600) -> int:
    """A descriptor on *relative*, parts with ``/`` between them, below the descriptor *folder*; no part of it may be a link.

    Raises `Refused` for a path that leads up or is absolute, and `OSError` as `os.open` does: ELOOP or ENOTDIR for a link.
    """
    flags |= os.O_CLOEXEC
    parts = tuple(relative.split("/"))
    if "" in parts or "." in parts:
        parts = PurePosixPath(relative).parts
    if ".." in parts or relative.startswith("/"):
        raise Refused(OUTSIDE)
    if not parts:
        return os.open(".", flags, dir_fd=folder)
    if len(parts) == 1:  # nothing lies on the way, and the last part is no link
        return os.open(parts[0], flags | os.O_NOFOLLOW, mode, dir_fd=folder)
    if _libc is not None:
        how = _How(flags=flags, mode=mode if flags & os.O_CREAT else 0, resolve=_BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
        name = os.fsencode("/".join(parts))
        found: int = _libc.syscall(_OPENAT2, folder, name, ctypes.byref(how), ctypes.sizeof(how))
        if found >= 0:
            return found
        code = ctypes.get_errno()
        # An older kernel does not know the call, and an older seccomp filter may forbid it. If something on the way is
        # renamed, the call is interrupted or says to try again.
        if code not in (errno.ENOSYS, errno.EPERM, errno.EINTR, errno.EAGAIN):
            raise OSError(code, os.strerror(code), relative)
    return _by_steps(folder, parts, flags, mode)


def _by_steps(folder: int, parts: tuple[str, ...], flags: int, mode: int) -> int:
    here = os.dup(folder)
    try:
        for part in parts[:-1]:
            below = os.open(part, _STEP, dir_fd=here)
            os.close(here)
            here = below
        return os.open(parts[-1], flags | os.O_NOFOLLOW, mode, dir_fd=here)
    finally:
        os.close(here)


@contextmanager
def _root_of(path: Path, within: tuple[Root, ...], *, follow: bool) -> Iterator[tuple[int, str]]:
    """A descriptor on the root that *path* lies in, and where in it."""
    absolute = Path(os.path.abspath(path)) if not path.is_absolute() else path  # noqa: PTH100  # the same, for a name
    real = _resolved(absolute) if follow else _resolved(absolute.parent) / absolute.name
    root = next((one for one in within if real.is_relative_to(one.path)), None)
    if root is None:
        raise Refused(OUTSIDE)
    descriptor = os.open(root.path, _STEP)
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) != (root.device, root.inode):
            raise Refused("a folder that this server serves was replaced during the request; ask again")
        yield descriptor, "" if real == root.path else real.relative_to(root.path).as_posix()
    finally:
        os.close(descriptor)


def _resolved(path: Path, refusal: str = OUTSIDE) -> Path:
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:  # a NUL
        raise Refused(refusal) from error
