"""The calls to the kernel that Python has no name for (Linux; elsewhere each says that it is not there)."""

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
    """What the kernel gives for it, or minus the error's number (prctl(2))."""
    if _libc is None:
        return -_ENOSYS
    nothing = ctypes.c_ulong(0)
    given = _libc.prctl(option, ctypes.c_ulong(value), more, nothing, nothing)
    return int(given) if given >= 0 else -ctypes.get_errno()


def syscall(number: int, *arguments: object) -> int:
    """What system call *number* gives, or minus the error's number."""
    if _libc is None:
        return -_ENOSYS
    given = _libc.syscall(ctypes.c_long(number), *arguments)
    return int(given) if given >= 0 else -ctypes.get_errno()


def end_with(parent: int, number: int) -> None:
    """Ask the kernel to send this process the signal *number* when the thread that started it is gone, however that ends."""
    prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        raise SystemExit(1)


def no_new_privileges() -> bool:
    """From now on no program that this process runs may gain rights, such as by a set-user-id bit."""
    return prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def only_files_of_root() -> bool:
    """Keep of root's rights only those to open every file (capabilities(7)); who has none of them loses nothing.

    With ``CAP_PERFMON`` the environment of every process may be read, whatever Landlock says (Linux 6.18).
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
    """Let no other process of this user read this one's memory and environment (``/proc/PID``), nor attach to it.

    A process that holds a secret asks for it as soon as it begins: the environment that a process began with stays readable,
    whatever it changes later. Root may read it all the same.
    """
    return prctl(_PR_SET_DUMPABLE, 0) == 0
