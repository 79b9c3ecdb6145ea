"""A watch over what a boxed program asks the kernel for: which files it opens, what it runs, and which address it calls.

Linux's user notification of seccomp (seccomp_unotify(2), Linux 5.5): the calls wait for the answer of a supervisor. To open a
file or to run a program is only noted, because Landlock decides that; a call to another machine is noted and refused. The text
of a call can be changed by the program while it is read, so this is evidence about programs that do not know of it, and no
wall.
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

from arcops.errors import Broken
from foundation.processes.kernel import syscall

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLS = {
    "x86_64": {2: "open", 257: "openat", 437: "openat2", 59: "execve", 322: "execveat", 42: "connect", 44: "sendto"},
    "aarch64": {56: "openat", 437: "openat2", 221: "execve", 281: "execveat", 203: "connect", 206: "sendto"},
}
"""Numbers of calls (asm/unistd.h)."""
_FILTER_MODE, _LISTENER = 1, 8
_NOTIFY, _ALLOW = 0x7FC00000, 0x7FFF0000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1
_NOTICE, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_UNREACHABLE = 101
_MOST_PATH = 4096


class _Line(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.POINTER(_Line)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Something that a program asked for. ``what`` is ``read``, ``write``, ``run`` or ``connect``; ``place`` the file or the
    address.
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
    for call in _CALLS[machine]:
        lines += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _NOTIFY)]
    lines.append((_RETURN, 0, 0, _ALLOW))
    program = _Program(length=len(lines), lines=(_Line * len(lines))(*(_Line(*line) for line in lines)))
    with socket.socket(fileno=number) as there:
        listener = syscall(_SECCOMP[machine], ctypes.c_uint(_FILTER_MODE), ctypes.c_uint(_LISTENER), ctypes.byref(program))
        if listener < 0:
            raise Broken(f"a start cannot be watched here: {os.strerror(-listener)}")
        there.sendmsg([b"w"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
        os.close(listener)


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
        name = _CALLS[os.uname().machine].get(call, "")
        error = 0
        with suppress(OSError):
            for one in _attempts(name, pid, arguments):
                if len(self.attempts) < 20_000:
                    self.attempts.setdefault(one)
                error = _UNREACHABLE if one.what == "connect" else error
        answer = _ANSWER.pack(number, 0, -error, 0 if error else _CONTINUE)
        libc.ioctl(handle, ctypes.c_ulong(_SEND), ctypes.create_string_buffer(answer, len(answer)))


def _attempts(name: str, pid: int, arguments: list[int]) -> Iterator[Attempt]:
    if name in ("connect", "sendto"):
        at, length = (arguments[1], arguments[2]) if name == "connect" else (arguments[4], arguments[5])
        if at and 0 < length <= 128:
            yield Attempt(what="connect", place=_address(_memory(pid, at, length)))
        return
    folder, at, flags = {
        "open": (-100, arguments[0], arguments[1]),
        "execve": (-100, arguments[0], 0),
    }.get(name, (_signed(arguments[0]), arguments[1], arguments[2]))
    if name == "openat2":
        (flags,) = struct.unpack("=Q", _memory(pid, arguments[2], 8))
    path = os.fsdecode(_memory(pid, at, _MOST_PATH).split(b"\0")[0])
    if not path.startswith("/"):
        where = f"/proc/{pid}/cwd" if folder == -100 else f"/proc/{pid}/fd/{folder}"
        path = os.path.join(os.readlink(where), path)  # noqa: PTH115, PTH118  # bytes of another process, not a path of ours
    if name.startswith("exec"):
        yield Attempt(what="run", place=os.path.normpath(path))
        return
    writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    yield Attempt(what="write" if writes else "read", place=os.path.normpath(path))


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
