"""System calls that Python has no function for (Linux; on other systems each answers that it does not exist)."""

from __future__ import annotations

import ctypes
import os
import sys

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

_ENOSYS = 38
_CAPABILITIES_3 = 0x20080522
_OF_FILES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def prctl(option: int, value: int = 0, more: object = ctypes.c_ulong(0)) -> int:
    """The kernel's answer, or minus the error's number (prctl(2))."""
    if _libc is None:
        return -_ENOSYS
    nothing = ctypes.c_ulong(0)
    given = _libc.prctl(option, ctypes.c_ulong(value), more, nothing, nothing)
    return int(given) if given >= 0 else -ctypes.get_errno()


def syscall(number: int, *arguments: object) -> int:
    """The answer of system call *number*, or minus the error's number."""
    if _libc is None:
        return -_ENOSYS
    given = _libc.syscall(ctypes.c_long(number), *arguments)
    return int(given) if given >= 0 else -ctypes.get_errno()


def end_with(parent: int, number: int) -> None:
    """Ask the kernel to send this process the signal *number* when the thread that started it ends, for any reason."""
    prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        raise SystemExit(1)


def end_at_once() -> None:
    """As `end_with` by SIGKILL, for a process whose parent is outside of its namespace, so that it cannot be asked for."""
    prctl(_PR_SET_PDEATHSIG, 9)


def no_new_privileges() -> bool:
    """From now on, a program that this process runs cannot gain rights, such as by a set-user-id bit."""
    return prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def only_files_of_root() -> bool:
    """Drop root's rights, except those to open every file (capabilities(7)). A process without root's rights loses nothing.

    With ``CAP_PERFMON`` a process can read the environment of every other, whatever Landlock says (Linux 6.18).
    """
    if _libc is None:
        return False
    header = _CapabilityHeader(version=_CAPABILITIES_3, pid=0)
    had = (_Capabilities * 2)()
    if _libc.capget(ctypes.byref(header), had) != 0:
        return False
    kept = (_Capabilities * 2)(_Capabilities(effective=had[0].effective & _OF_FILES, permitted=had[0].permitted & _OF_FILES))
    return bool(_libc.capset(ctypes.byref(header), kept) == 0)


def hide_memory() -> bool:
    """Stop other processes of this user from reading this one's memory and environment (``/proc/PID``), or attaching to it.

    A process with a secret calls this as soon as it begins, because its first environment stays readable, whatever it changes
    later. Root can still read it.
    """
    return prctl(_PR_SET_DUMPABLE, 0) == 0
