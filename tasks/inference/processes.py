"""Which processes listen at a port of this machine, and their memory: only from /proc, in this network namespace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")

_LISTENS = "0A"
_SOCKET = re.compile(r"socket:\[([0-9]+)\]")
_RESIDENT = re.compile(rb"^VmRSS:\s+([0-9]+) kB$", re.MULTILINE)
_MEMORY = re.compile(rb"^(MemTotal|MemAvailable):\s+([0-9]+) kB$", re.MULTILINE)


def memory(proc: Path = PROC) -> tuple[int, int] | None:
    """The total bytes of the host, and those that are still available; ``None`` if the kernel does not say."""
    try:
        told = {name: int(figure) * 1024 for name, figure in _MEMORY.findall((proc / "meminfo").read_bytes())}
        return told[b"MemTotal"], told[b"MemAvailable"]
    except (OSError, KeyError):
        return None


def listeners(port: int, proc: Path = PROC) -> frozenset[int]:
    """The processes that hold a socket which listens at *port*; empty if this user can see no such process."""
    inodes = set(_inodes(port, proc))
    return frozenset(process for process in _processes(proc) if inodes & set(_sockets(proc / str(process) / "fd")))


def family(ancestors: frozenset[int], proc: Path = PROC) -> frozenset[int]:
    """*ancestors*, and every process that they or their children started."""
    parents: dict[int, int] = {}
    for process in _processes(proc):
        with suppress(OSError, ValueError, IndexError):
            # The name in brackets may hold any characters, also brackets; the text after the last bracket does not.
            parents[process] = int((proc / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
    known, more = set(ancestors), True
    while more:
        found = {process for process, parent in parents.items() if parent in known} - known
        known, more = known | found, bool(found)
    return frozenset(known)


def resident(processes: frozenset[int], proc: Path = PROC) -> int:
    """The sum of their resident sets in bytes; one that has ended counts as 0."""
    total = 0
    for process in processes:
        with suppress(OSError):
            found = _RESIDENT.search((proc / str(process) / "status").read_bytes())
            total += int(found[1]) * 1024 if found else 0
    return total


def _inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                (
                    _,
                    local,
                    _,
                    state,
                    *_,
                ) = fields = line.split()
                if state == _LISTENS and int(local.rpartition(":")[2], 16) == port:
                    yield fields[9]


def _sockets(descriptors: Path) -> Iterator[str]:
    with suppress(OSError):
        for entry in os.scandir(descriptors):
            with suppress(OSError):
                found = _SOCKET.fullmatch(str(Path(entry.path).readlink()))
                if found:
                    yield found[1]


def _processes(proc: Path) -> list[int]:
    return [int(entry.name) for entry in os.scandir(proc) if entry.name.isdecimal()]
