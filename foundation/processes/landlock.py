"""Landlock: the files and ports that this process may still use (Linux 5.13; landlock(7)).

A right that is not given is refused with EACCES. Rules only remove rights, and apply to every later child.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from arcops.errors import Broken
from arcops.late_dataclass import dataclass
from foundation.processes.kernel import syscall

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same number on every architecture
_ASK_VERSION = 1
_BENEATH, _PORT = 1, 2

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_FIRST = (1 << 13) - 1
_CONNECT = 1 << 1
_NET = 0b11  # to bind a TCP port, and to connect to one
_SCOPES = 0b11  # abstract Unix sockets, and signals, of processes outside
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL

_READ = _READ_FILE | _READ_DIR
_WRITE = _FIRST & ~_EXECUTE | _REFER | _TRUNCATE
_DEVICE = _READ | _WRITE_FILE | _TRUNCATE | _IOCTL
_RUN = _READ | _EXECUTE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Port(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What stays allowed. ``reads``, ``writes``, ``runs`` and ``devices`` are files, or folders with all that is below;
    ``lists`` are folders whose names may be read, but not their files. ``ports`` may be connected to by TCP.
    ``everything`` are paths below which the user's own rights apply; ``any_port`` does not restrict TCP.
    """

    reads: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    everything: tuple[str, ...] = ()
    any_port: bool = False


def version() -> int:
    """The version of Landlock's interface in this kernel; 0 if the kernel lacks it or it is switched off."""
    return max(0, syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION)))


def restrict(allowed: Allowed) -> int:
    """Forbid every other file and port to this thread, for ever; returns the `version` that was used.

    Call `foundation.processes.kernel.no_new_privileges` first. A path that does not exist is left out. Raises `Broken` if
    the kernel has Landlock and the call fails.
    """
    known = version()
    if not known:
        return 0
    files = _FIRST | (_REFER if known >= 2 else 0) | (_TRUNCATE if known >= 3 else 0) | (_IOCTL if known >= 5 else 0)
    rules = _Ruleset(files=files, net=_NET if known >= 4 and not allowed.any_port else 0, scoped=_SCOPES if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = _done(syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0)), "make its rules")
    try:
        for rights, paths in (
            (_READ, allowed.reads), (_READ_DIR, allowed.lists), (_WRITE, allowed.writes), (_RUN, allowed.runs),
            (_DEVICE, allowed.devices), (files, allowed.everything),
        ):  # fmt: skip
            _beneath(ruleset, rights & files, paths)
        for port in allowed.ports if rules.net else ():
            rule = _Port(allowed=_CONNECT, port=port)
            _done(syscall(_ADD, ruleset, _PORT, ctypes.byref(rule), ctypes.c_uint32(0)), f"allow the port {port}")
        _done(syscall(_RESTRICT, ruleset, ctypes.c_uint32(0)), "hold")
    finally:
        os.close(ruleset)
    return known


def _beneath(ruleset: int, rights: int, paths: Iterable[str]) -> None:
    for path in dict.fromkeys(paths):
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # a path that does not exist, or that we may not open, needs no rule
            continue
        try:
            folder = stat.S_ISDIR(os.fstat(parent).st_mode)
            rule = _Beneath(allowed=rights if folder else rights & _OF_FILES, parent=parent)
            if rule.allowed:
                _done(syscall(_ADD, ruleset, _BENEATH, ctypes.byref(rule), ctypes.c_uint32(0)), f"allow {path}")
        finally:
            os.close(parent)


def _done(result: int, what: str) -> int:
    if result < 0:
        raise Broken(f"Landlock could not {what}: {os.strerror(-result)}")
    return result


_MOST_BESIDE = 20_000


def without(folder: str, secrets: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """*folder* as paths that may be read and paths that may be listed. No file of *secrets* below it may be read.

    A Landlock rule allows all that is below a folder. So if a secret is below, the files beside it are allowed one by one.
    Raises `Broken` if more than 20,000 files are beside it.
    """
    real = os.path.realpath(folder)
    inside = [one for one in map(os.path.realpath, secrets) if one == real or one.startswith(real.rstrip("/") + "/")]
    if not inside:
        return (folder,), ()
    if real in inside:
        return (), ()
    reads: list[str] = []
    lists = [real]
    with os.scandir(real) as entries:
        for entry in entries:
            if entry.is_symlink():  # the rule of its target decides
                continue
            more, listed = without(entry.path, inside)
            reads += more
            lists += listed
            if len(reads) > _MOST_BESIDE:
                raise Broken(f"{folder} holds a key and more than {_MOST_BESIDE} other files; move the key to its own folder")
    return tuple(reads), tuple(lists)


def existing(paths: Iterable[Path | str]) -> tuple[str, ...]:
    """The *paths* that exist."""
    return tuple(str(path) for path in paths if Path(path).exists())
