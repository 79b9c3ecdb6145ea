"""How many processes one program may have, itself and all that it starts, whatever else its user runs.

For an ordinary user the kernel counts in a user namespace of its own (user_namespaces(7), Linux 5.14). The limit does not hold
for root, so root's programs are counted by a control group (cgroups(7), the controller ``pids``).
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from arcops.errors import Broken
from foundation.processes.kernel import syscall

_UNSHARE = {"x86_64": 272, "aarch64": 97}
_NEWUSER, _NEWNET, _NEWPID, _NEWNS = 0x10000000, 0x40000000, 0x20000000, 0x20000
_CONTROLLERS = "cgroup.subtree_control"
_PREFIX = "arcops-box-"


def alone(*, network: bool, processes: bool = False, files: bool = False) -> bool:
    """Enter namespaces of our own: of users, if this is not root, and unless *network* of a network without any address. With
    *processes*, the next child is the first of a namespace of processes, which all end with it; with *files*, what is put over
    other files is so for this process alone.

    False if this machine forbids that; then nothing has changed.
    """
    number = _UNSHARE.get(os.uname().machine)
    uid, gid = os.getuid(), os.getgid()
    flags = (0 if uid == 0 else _NEWUSER) | (0 if network else _NEWNET) | (_NEWPID if processes else 0)
    flags |= _NEWNS if files else 0
    if number is None or (flags and syscall(number, flags) < 0):
        return False
    if flags & _NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return True


def bound(most: int, *, alone: bool) -> None:
    """At most *most* processes and threads from now on. *alone*: this process is in a user namespace of its own.

    Raises `Broken` if this machine cannot hold it to that.
    """
    if os.getuid() == 0:
        _grouped(most)
        return
    there = 0 if alone else _of_this_user()
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = most + there if hard == resource.RLIM_INFINITY else min(most + there, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (wanted, wanted))


def _grouped(most: int) -> None:
    for top in _tops():
        for left in top.glob(f"{_PREFIX}*"):
            if not Path("/proc", left.name.removeprefix(_PREFIX)).exists():  # else another one is just beginning
                with suppress(OSError):
                    left.rmdir()  # only one that is empty can be removed
        group = top / f"{_PREFIX}{own_number()}"
        try:
            group.mkdir(exist_ok=True)
            (group / "pids.max").write_text(str(most))
            (group / "cgroup.procs").write_text("0")  # it means this process
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        return
    raise Broken(
        "this machine cannot bound the processes that a server of root starts, because it has no control group for that; run "
        "the host as an ordinary user"
    )


def own_number() -> str:
    """This process's number as the file system of processes knows it, also in a namespace of its own."""
    return os.readlink("/proc/self")  # noqa: PTH115  # a number, not a path


def _tops() -> list[Path]:
    """The places in which groups that count processes can be made: in the first version's tree, or in the second's."""
    found = []
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        fields = line.split()
        place, kind, options = Path(fields[4]), fields[fields.index("-") + 1], fields[-1].split(",")
        if kind == "cgroup" and "pids" in options:
            found.append(place)
        if kind == "cgroup2":
            with suppress(OSError):
                own = next(one for one in Path("/proc/self/cgroup").read_text().splitlines() if one.startswith("0::"))
                above = place / own[3:].strip("/")
                found += [one for one in (above, above.parent) if "pids" in (one / _CONTROLLERS).read_text().split()]
    return found


def _of_this_user() -> int:
    """How many threads this user has now."""
    count, uid = 0, os.getuid()
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            with suppress(OSError):
                if one.stat().st_uid == uid:
                    count += len(list((one / "task").iterdir()))
    return count
