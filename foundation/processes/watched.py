"""A watch over what a boxed program asks the kernel for: files that it opens or changes, what it runs, which address it calls.

Linux's user notification of seccomp (seccomp_unotify(2), Linux 5.5): the calls wait for the answer of a supervisor. To open,
make, move or remove a file or to run a program is only noted, because Landlock decides that; so is an address that it listens
at. A call to another machine or program, a socket of another kind, a change of what Landlock does not decide about, and what
reaches into other processes are noted and refused, whatever their text is. The text can be changed by the program while it is
read, so this is evidence about programs that do not know of it; of walls it is only what is refused.
"""

from __future__ import annotations

import array
import ctypes
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

from arcops.errors import Broken
from foundation.processes import seccomp
from foundation.processes.kernel import syscall

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLS = {
    "x86_64": {
        2: "open", 85: "creat", 257: "openat", 437: "openat2", 59: "execve", 322: "execveat", 254: "inotify_add_watch",
        42: "connect", 44: "sendto", 46: "sendmsg", 307: "sendmmsg", 49: "bind",
        87: "unlink", 263: "unlinkat", 84: "rmdir", 83: "mkdir", 258: "mkdirat", 82: "rename", 264: "renameat",
        316: "renameat2",
        86: "link", 265: "linkat", 88: "symlink", 266: "symlinkat",
    },
    "aarch64": {
        56: "openat", 437: "openat2", 221: "execve", 281: "execveat", 27: "inotify_add_watch",
        203: "connect", 206: "sendto", 211: "sendmsg", 269: "sendmmsg", 200: "bind",
        35: "unlinkat", 34: "mkdirat", 38: "renameat", 276: "renameat2", 37: "linkat", 36: "symlinkat",
    },
}  # fmt: skip
"""Numbers of calls (asm/unistd.h)."""
_REACHING = (
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "mount", "setns", "bpf", "keyctl",
    "perf_event_open", "userfaultfd", "init_module", "finit_module",
)  # fmt: skip
_CHANGING = ("chmod", "chown", "lchown", "utime", "utimes", "setxattr", "lsetxattr", "removexattr", "lremovexattr", "truncate")
_CHANGING_AT = ("fchmodat", "fchmodat2", "fchownat", "utimensat", "futimesat")
REFUSES = ("socket", *_REACHING, *(one for one in _CHANGING if one != "truncate"), *_CHANGING_AT)
"""Names of calls that the watch refuses, so that the filter of the box (`seccomp.Calls.noted`) leaves them to it."""
_PATHS: dict[str, tuple[tuple[str, int, int], ...]] = {
    "creat": (("write", -1, 0),),
    "execve": (("run", -1, 0),),
    "execveat": (("run", 0, 1),),
    "inotify_add_watch": (("read", -1, 1),),
    "unlink": (("write", -1, 0),),
    "unlinkat": (("write", 0, 1),),
    "rmdir": (("write", -1, 0),),
    "mkdir": (("write", -1, 0),),
    "mkdirat": (("write", 0, 1),),
    "rename": (("write", -1, 0), ("write", -1, 1)),
    "renameat": (("write", 0, 1), ("write", 2, 3)),
    "renameat2": (("write", 0, 1), ("write", 2, 3)),
    "link": (("read", -1, 0), ("write", -1, 1)),
    "linkat": (("read", 0, 1), ("write", 2, 3)),
    "symlink": (("write", -1, 1),),
    "symlinkat": (("write", 1, 2),),
    **dict.fromkeys(_CHANGING, (("write", -1, 0),)),
    **dict.fromkeys(_CHANGING_AT, (("write", 0, 1),)),
}
"""What each call does to the path in an argument, which may be relative to the folder in another one (-1: to none)."""
_FILTER_MODE, _LISTENER = 1, 8
_NOTIFY, _ALLOW = 0x7FC00000, 0x7FFF0000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1
_NOTICE, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_UNREACHABLE, _FORBIDDEN = 101, 1
_NETLINK = 16
_MOST_MESSAGES = 64
_MOST_PATH = 4096


class _Line(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.POINTER(_Line)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something that a program asked for. ``what`` is ``read``, ``write``, ``run``, ``connect``, ``listen`` or ``use``;
    ``place`` the file, the address, or the name of the call.
    """

    what: str
    place: str


def known() -> bool:
    """Are the calls of this machine listed here?"""
    return os.uname().machine in _CALLS


def hand_over(number: int) -> None:
    """Put the watch around this process, and send its handle over the socket with this descriptor. Raises `Broken`."""
    machine = os.uname().machine
    if machine not in _CALLS:
        raise Broken("a start cannot be watched on this processor")
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURE[machine]), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    for call in _calls():
        lines += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _NOTIFY)]
    lines.append((_RETURN, 0, 0, _ALLOW))
    program = _Program(length=len(lines), lines=(_Line * len(lines))(*(_Line(*line) for line in lines)))
    with socket.socket(fileno=number) as there:
        # The call that hands the watch over is watched too, so a thread makes it that began before and is under no watch.
        listeners: list[int] = []
        ready = threading.Event()
        sending = threading.Thread(target=_send, args=(there, ready, listeners), daemon=True)
        sending.start()
        listener = syscall(_SECCOMP[machine], ctypes.c_uint(_FILTER_MODE), ctypes.c_uint(_LISTENER), ctypes.byref(program))
        if listener >= 0:
            listeners.append(listener)
        ready.set()
        sending.join()
        if listener < 0:
            raise Broken(f"a start cannot be watched here: {os.strerror(-listener)}")
        os.close(listener)


def _send(there: socket.socket, ready: threading.Event, listeners: list[int]) -> None:
    ready.wait()
    if listeners:
        there.sendmsg([b"w"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", listeners))])


@contextmanager
def watching() -> Iterator[tuple[Watch, int]]:
    """A watch, which answers meanwhile, and the descriptor for the box, which its child must get."""
    ours, theirs = socket.socketpair()
    stop, stopping = os.pipe2(os.O_CLOEXEC)
    given = theirs.detach()
    watch = Watch(ours)
    thread = threading.Thread(target=watch.serve, args=(stop,), daemon=True)
    thread.start()
    try:
        yield watch, given
    finally:
        os.write(stopping, b"x")
        thread.join()
        ours.close()
        for one in (stop, stopping, given):
            os.close(one)


class Watch:
    """The other end: answers the calls of a program until nothing is left of it. Use it in a thread of its own."""

    def __init__(self, there: socket.socket) -> None:
        """*there* is the socket whose peer was given to the box."""
        self._there = there
        self.attempts: dict[Attempt, None] = {}
        """What was asked for, each once, in order; at most some thousands."""
        self.began = False
        """Did the program get under the watch?"""

    def serve(self, stop: int) -> None:
        """Answer until the program is gone, or until the descriptor *stop* can be read."""
        ready, _, _ = select.select([self._there.fileno(), stop], [], [])
        if self._there.fileno() not in ready:
            return
        handles = array.array("i")
        said, extra, _, _ = self._there.recvmsg(1, socket.CMSG_LEN(handles.itemsize), socket.MSG_CMSG_CLOEXEC)
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                handles.frombytes(data[: handles.itemsize])
        if not said or not handles:
            return
        self.began = True
        handle = handles[0]
        asked = select.poll()
        asked.register(handle, select.POLLIN)
        asked.register(stop, select.POLLIN)
        try:
            while True:
                events = dict(asked.poll())
                if stop in events or events.get(handle, 0) & (select.POLLHUP | select.POLLERR):
                    return
                if handle in events:
                    self._one(handle)
        finally:
            os.close(handle)  # what still waits is told that there is no such call

    def _one(self, handle: int) -> None:
        notice = ctypes.create_string_buffer(_NOTICE.size)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ioctl(handle, ctypes.c_ulong(_RECEIVE), notice) < 0:
            return  # it was ended meanwhile
        number, pid, _, call, _, _, *arguments = _NOTICE.unpack(notice.raw)
        name = _calls().get(call, "")
        error = _refused(name, arguments)
        with suppress(OSError):
            for one in _attempts(name, pid, arguments):
                if len(self.attempts) < 20_000:
                    self.attempts.setdefault(one)
                error = error or (_UNREACHABLE if one.what == "connect" else 0)
        answer = _ANSWER.pack(number, 0, -error, 0 if error else _CONTINUE)
        libc.ioctl(handle, ctypes.c_ulong(_SEND), ctypes.create_string_buffer(answer, len(answer)))


@cache
def _calls() -> dict[int, str]:
    """The watched calls of this machine, by their numbers."""
    refused = {found: name for name in (*REFUSES, "truncate") if (found := seccomp.number(name)) is not None}
    return {**refused, **_CALLS[os.uname().machine]}


def _refused(name: str, arguments: list[int]) -> int:
    """The error with which a call is refused, by what no one can change meanwhile; 0 if that does not decide."""
    if name == "connect" or (name == "sendto" and arguments[4]):
        return _UNREACHABLE
    if name == "socket":
        return 0 if _plain(arguments) else _FORBIDDEN
    return _FORBIDDEN if name in REFUSES else 0


def _plain(arguments: list[int]) -> bool:
    """Is it a socket that programs make without harm here: no network is there, and no other program can be reached by it?"""
    family, kind = arguments[0], arguments[1] & 0xF
    if family == socket.AF_UNIX:
        return kind == socket.SOCK_STREAM
    return family in (socket.AF_INET, socket.AF_INET6) and kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)


def _attempts(name: str, pid: int, arguments: list[int]) -> Iterator[Attempt]:
    if name in _PATHS:
        for what, folder, at in _PATHS[name]:
            yield Attempt(what=what, place=_path(pid, arguments, folder, at))
    elif name in ("open", "openat", "openat2"):
        folder, at = (-1, 0) if name == "open" else (0, 1)
        flags = arguments[at + 1]
        if name == "openat2":
            (flags,) = struct.unpack("=Q", _memory(pid, arguments[2], 8))
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        yield Attempt(what="write" if writes else "read", place=_path(pid, arguments, folder, at))
    elif name == "socket":
        if not _plain(arguments) and arguments[0] != _NETLINK:  # with that the C library looks for addresses of this machine
            yield Attempt(what="connect", place=f"a socket of the family {arguments[0]} and the type {arguments[1] & 0xF}")
    elif name in _REACHING:
        yield Attempt(what="use", place=name)
    else:
        what = "listen" if name == "bind" else "connect"
        for at, length in _addresses(name, pid, arguments):
            if at and 0 < length <= 128:
                yield Attempt(what=what, place=_address(_memory(pid, at, length)))


def _addresses(name: str, pid: int, arguments: list[int]) -> Iterator[tuple[int, int]]:
    """The places of a call's addresses in the memory of its process, with their lengths."""
    if name in ("connect", "bind"):
        yield arguments[1], arguments[2]
    elif name == "sendto":
        yield arguments[4], arguments[5]
    elif name in ("sendmsg", "sendmmsg"):
        count = min(arguments[2], _MOST_MESSAGES) if name == "sendmmsg" else 1
        for one in range(count):
            yield struct.unpack("=QI", _memory(pid, arguments[1] + one * 64, 12))


def _path(pid: int, arguments: list[int], folder: int, at: int) -> str:
    """The absolute path in the argument *at*, relative to the folder whose descriptor is in the argument *folder*."""
    where = _signed(arguments[folder]) if folder >= 0 else -100
    path = os.fsdecode(_memory(pid, arguments[at], _MOST_PATH).split(b"\0")[0]) if arguments[at] else ""
    if not path.startswith("/"):
        base = f"/proc/{pid}/cwd" if where == -100 else f"/proc/{pid}/fd/{where}"
        path = os.path.join(os.readlink(base), path)  # noqa: PTH115, PTH118  # of another process, not a path of ours
    return os.path.normpath(path)


def _signed(value: int) -> int:
    return ctypes.c_int(value & 0xFFFFFFFF).value


def _memory(pid: int, at: int, most: int) -> bytes:
    """At most *most* bytes of a process's memory, up to the end of a page that is not there."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123  # not a file
        first = min(most, 4096 - at % 4096)
        memory.seek(at)
        found = memory.read(first) or b""
        if len(found) == first < most and b"\0" not in found:
            with suppress(OSError):
                found += memory.read(most - first) or b""
    return found


def _address(data: bytes) -> str:
    if len(data) < 2:
        return "an unknown address"
    (family,) = struct.unpack("=H", data[:2])
    if family == socket.AF_INET and len(data) >= 8:
        return f"{socket.inet_ntoa(data[4:8])}:{int.from_bytes(data[2:4], 'big')}"
    if family == socket.AF_INET6 and len(data) >= 24:
        return f"[{socket.inet_ntop(socket.AF_INET6, data[8:24])}]:{int.from_bytes(data[2:4], 'big')}"
    if family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(data[2:].lstrip(bytes(1)).split(bytes(1))[0])}"
    return f"an address of the family {family}"
