"""Seccomp: the system calls that this process may still make (Linux 3.5; seccomp(2)).

A call that is not allowed gets EPERM, so that the program can report it and does not crash. Only calls that a reader of files
never needs are forbidden; Landlock decides which files may be read. It does not decide who may change a file's mode, owner,
times, attributes and flags (landlock(7), limitations), and a filter sees no path, so these are forbidden for every file.
"""

from __future__ import annotations

import ctypes
import os
import socket

from arcops.errors import Broken
from arcops.late_dataclass import dataclass
from foundation.processes.kernel import prctl

_PR_SET_PDEATHSIG, _PR_GET_SECCOMP, _PR_SET_SECCOMP, _FILTER = 1, 21, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_CLONE_THREAD, _CLONE_NEW = 0x10000, 0x7E020080
_X32 = 0x40000000
_AF_NETLINK = 16
_TYPE_MASK = 0xF

_NAMES = (
    "socket", "clone", "clone3", "fork", "vfork", "execve", "execveat", "kill", "tgkill", "tkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "pidfd_send_signal", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
    "pidfd_getfd", "kcmp", "kexec_load", "kexec_file_load", "mount", "umount2", "pivot_root", "chroot", "move_mount",
    "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "swapon", "swapoff", "reboot",
    "init_module", "finit_module", "delete_module", "bpf", "perf_event_open", "keyctl", "add_key", "request_key",
    "userfaultfd", "unshare", "setns", "io_uring_setup", "io_uring_enter", "io_uring_register", "acct", "quotactl",
    "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "iopl", "ioperm",
    "name_to_handle_at", "open_by_handle_at", "fanotify_init", "syslog", "setsid", "setpgid", "personality", "mknod",
    "mknodat", "prctl", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes",
    "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr",
    "fremovexattr", "removexattrat", "file_setattr", "ioctl", "open_tree_attr", "truncate",
)  # fmt: skip
_X86 = (
    41, 56, 435, 57, 58, 59, 322, 62, 234, 200, 129, 297, 424, 101, 310, 311, 440, 438, 312, 246, 320, 165, 166, 155, 161, 429,
    428, 430, 431, 432, 433, 442, 167, 168, 169, 175, 313, 176, 321, 298, 250, 248, 249, 323, 272, 308, 425, 426, 427, 163, 179,
    164, 227, 159, 305, 170, 171, 172, 173, 303, 304, 300, 103, 112, 109, 135, 133, 259, 157,
    90, 91, 268, 452, 92, 93, 94, 260, 132, 235, 280, 261, 188, 189, 190, 463, 197, 198, 199, 466, 469, 16, 467, 76,
)  # fmt: skip
_ARM = (
    198, 220, 435, None, None, 221, 281, 129, 131, 130, 138, 240, 424, 117, 270, 271, 440, 438, 272, 104, 294, 40, 39, 41, 51,
    429, 428, 430, 431, 432, 433, 442, 224, 225, 142, 105, 273, 106, 280, 241, 219, 217, 218, 282, 97, 268, 425, 426, 427, 89,
    60, 170, 112, 171, 266, 161, 162, None, None, 264, 265, 262, 116, 157, 154, 92, None, 33, 167,
    None, 52, 53, 452, None, 55, None, 54, None, None, 88, None, 5, 6, 7, 463, 14, 15, 16, 466, 469, 29, 467, 45,
)  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, _X86), "aarch64": (0xC00000B7, _ARM)}
"""The number of each architecture in a filter (linux/audit.h), and its numbers of the calls above (asm/unistd.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What stays allowed: TCP, name lookup by UDP, reading the kernel's routes, Unix sockets, and starting programs;
    ``attributes``: to change modes, owners, times, attributes and flags of files; ``truncate``: to shorten a file by its path.
    ``noted`` are names of calls that a watch refuses instead (`foundation.processes.watched`), which sees what they are for.
    """

    tcp: bool = False
    names: bool = False
    routes: bool = False
    local: bool = False
    programs: bool = False
    attributes: bool = False
    truncate: bool = True
    noted: tuple[str, ...] = ()


class _Line(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.POINTER(_Line)))


def known() -> bool:
    """Does this kernel have filters, and are the calls of this machine listed here?"""
    return os.uname().machine in _MACHINES and prctl(_PR_GET_SECCOMP) >= 0


def number(name: str) -> int | None:
    """The number here of the call *name*, which is one of those that a filter may forbid; ``None`` if this machine has none."""
    return dict(zip(_NAMES, _MACHINES[os.uname().machine][1], strict=True))[name]


def restrict(calls: Calls) -> bool:
    """Forbid the calls to this thread, for ever. False if there are no filters for this kernel or machine.

    Call `foundation.processes.kernel.no_new_privileges` first. Raises `Broken` if there are filters and this one failed.
    """
    if not known():
        return False
    architecture, numbers = _MACHINES[os.uname().machine]
    lines = _filter(architecture, dict(zip(_NAMES, numbers, strict=True)), calls, os.getpid())
    array = (_Line * len(lines))(*(_Line(*line) for line in lines))
    program = _Program(length=len(lines), lines=array)
    if prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program)) != 0:
        raise Broken("the kernel refused the filter of system calls")
    return True


_OF_PROGRAMS = (
    "clone", "clone3", "fork", "vfork", "execve", "execveat", "setsid", "setpgid", "kill", "tkill", "tgkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "pidfd_send_signal", "prctl",
)  # fmt: skip
"""Landlock decides which processes they may send signals to."""
_OF_ATTRIBUTES = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat",
    "futimesat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr",
    "removexattrat", "file_setattr", "ioctl",
)  # fmt: skip
"""A file that was opened to be read is enough for those that take a descriptor, so these are no safer than those of paths."""
_KINDS_OF_FILES = (0x66, 0x58, 0x76, 0x72, 0x94)
"""The kinds of ioctl that file systems answer for ordinary files: most, XFS, ext2, FAT and btrfs (ioctl-number in Linux)."""
_HARMLESS = (0x80086601, 0x80046601, 0x801C581F, 0x80087601, 0x80047601, 0xC020660B, 0x40049409, 0x4020940D, 0xC0189436)
"""Of these kinds, what reads (flags, versions, extents) and what writes only to a file that was opened for it (FICLONE,
FICLONERANGE, FIDEDUPERANGE; linux/fs.h)."""

_Lines = list[tuple[int, int, int, int]]
_REFUSE = (_RETURN, 0, 0, _ERRNO | _EPERM)
_PERMIT = (_RETURN, 0, 0, _ALLOW)


def _filter(architecture: int, numbers: dict[str, int | None], calls: Calls, own: int) -> _Lines:
    """Each call in turn: if it is this one, what to do with it; else go on to the next."""
    lines: _Lines = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), _REFUSE, (_LOAD, 0, 0, _NUMBER)]
    if architecture == _MACHINES["x86_64"][0]:
        lines += [(_AT_LEAST, 0, 1, _X32), _REFUSE]  # the same calls by other numbers
    for name in _NAMES:
        number = numbers[name]
        if number is None:
            continue
        verdict = _verdict(name, calls, own)
        lines += [(_EQUAL, 0, len(verdict), number), *verdict]
    return [*lines, _PERMIT]


def _verdict(name: str, calls: Calls, own: int) -> _Lines:
    if name in calls.noted:
        return [_PERMIT]
    if name == "socket":
        return _sockets(calls)
    if calls.programs and name in _OF_PROGRAMS:
        return [_PERMIT]
    if (calls.attributes and name in _OF_ATTRIBUTES) or (calls.truncate and name == "truncate"):
        return [_PERMIT]
    if name == "ioctl":
        return _of_files()
    if name == "clone":  # a thread is allowed, a process or a namespace is not
        return [(_LOAD, 0, 0, _argument(0)), (_ANY_BIT, 2, 0, _CLONE_NEW), (_ANY_BIT, 0, 1, _CLONE_THREAD), _PERMIT, _REFUSE]
    if name == "clone3":  # a filter cannot read its flags; the C library then uses `clone`
        return [(_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    if name == "prctl":  # it must end with its parent
        return [(_LOAD, 0, 0, _argument(0)), (_EQUAL, 1, 0, _PR_SET_PDEATHSIG), _PERMIT, _REFUSE]
    if name in ("kill", "tgkill"):
        return [(_LOAD, 0, 0, _argument(0)), (_EQUAL, 0, 1, own), _PERMIT, _REFUSE]
    return [_REFUSE]


def _of_files() -> _Lines:
    """Every ioctl but those that change what a file system keeps of a file."""
    lines: _Lines = [(_LOAD, 0, 0, _argument(1))]
    for known in _HARMLESS:
        lines += [(_EQUAL, 0, 1, known), _PERMIT]
    lines.append((_AND, 0, 0, 0xFF00))
    for kind in _KINDS_OF_FILES:
        lines += [(_EQUAL, 0, 1, kind << 8), _REFUSE]
    return [*lines, _PERMIT]


def _sockets(calls: Calls) -> _Lines:
    """Allowed by family; families that reach other machines are also checked by type."""
    lines: _Lines = [(_LOAD, 0, 0, _argument(0))]
    if calls.local:
        lines += [(_EQUAL, 0, 1, socket.AF_UNIX), _PERMIT]
    if calls.routes:
        lines += [(_EQUAL, 0, 1, _AF_NETLINK), _PERMIT]
    if calls.tcp:
        lines += [(_EQUAL, 2, 0, socket.AF_INET), (_EQUAL, 1, 0, socket.AF_INET6), _REFUSE]
        lines += [(_LOAD, 0, 0, _argument(1)), (_AND, 0, 0, _TYPE_MASK), (_EQUAL, 0, 1, socket.SOCK_STREAM), _PERMIT]
        if calls.names:
            lines += [(_EQUAL, 0, 1, socket.SOCK_DGRAM), _PERMIT]
    return [*lines, _REFUSE]


def _argument(number: int) -> int:
    """The offset of the lower half of a call's argument (both architectures are little-endian)."""
    return 16 + 8 * number
