"""Becomes a hosted server, inside a box: the files that its row names, no network unless it says so, and a most of everything.

``sys.argv`` holds the box as JSON, and the program with its arguments. Unlike `foundation.processes.walls`, nothing is left
out: what this machine cannot enforce is refused with the reason, and the program does not run.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from arcops.errors import Broken
from foundation.processes import landlock, seccomp
from foundation.processes.crowd import alone, bound, own_number
from foundation.processes.kernel import end_at_once, no_new_privileges, only_files_of_root
from foundation.processes.rooted import WRITABLE, enter_root

LIBRARIES = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store")
SETTINGS = (
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
    "/etc/os-release", "/etc/alternatives", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/host.conf",
    "/etc/gai.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/services", "/etc/protocols",
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust",
    "/etc/gitconfig", "/etc/inputrc", "/etc/terminfo", "/run/systemd/resolve",
    "/sys/devices/system/cpu", "/sys/fs/cgroup", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version",
    "/proc/version_signature", "/proc/uptime", "/proc/loadavg", "/proc/sys", "/proc/filesystems", "/proc/mounts",
)  # fmt: skip
"""What a runtime reads of a machine; no secret is in it."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random", "/dev/tty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """``runs`` may be read and run, ``reads`` read, ``writes`` read and written: files, or folders with all that is below.

    ``network``: it may reach other machines. ``files``, ``processes`` and ``bytes`` are the most open files, processes with
    threads, and bytes of memory of its own. ``watched`` is the descriptor of a socket that gets a watch over its calls, or -1.

    With ``root`` it sees that tree as its whole machine, and the first of ``writes`` in it as `rooted.WRITABLE`.
    ``environment`` has variables (``NAME=value``) that the program gets besides: they mean nothing to what builds the box.
    """

    runs: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    network: bool = False
    files: int = 1024
    processes: int = 256
    bytes: int = 4 << 30
    watched: int = -1
    root: str = ""
    environment: tuple[str, ...] = ()


def boxed(box: Box, command: Sequence[str]) -> list[str]:
    """The command that runs *command* in *box*. It keeps its number and its streams, and ends with 126 if a wall fails."""
    from foundation.processes.starting import python  # the box itself does not need it

    ends = signal.SIGKILL if box.watched >= 0 else None
    return python("foundation.processes.box", json.dumps(told(box)), *command, ends_with_us=ends)


def told(box: Box) -> dict[str, Any]:
    """*box* as JSON's values, for another process."""
    return asdict(box)


def box_told(said: Mapping[str, Any]) -> Box:
    """The box that `told` told."""
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    return Box(**given)


def lacking() -> str:
    """A sentence that says which wall this machine does not have, without which no server runs; empty if it has all."""
    lacks = [] if landlock.version() else ["Landlock (Linux 5.13)"]
    if not seccomp.known():
        lacks.append("filters of system calls for this processor")
    return f"this machine lacks {' and '.join(lacks)}, so it cannot hold a hosted server to its row" if lacks else ""


def enter(box: Box, *, apart: bool) -> None:
    """Put this process into *box*, for ever. *apart*: it is in namespaces of its own (`crowd.alone`).

    Raises `Broken` if something of it cannot be enforced here.
    """
    watch = _watch() if box.watched >= 0 else None  # before the walls: its module could not be read behind them
    if why := lacking():
        raise Broken(why)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for what, most in ((resource.RLIMIT_NOFILE, box.files), (resource.RLIMIT_DATA, box.bytes)):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    bound(box.processes, alone=apart)
    inside: tuple[str, ...] = ()
    if box.root:
        if not apart:
            raise Broken("this machine forbids namespaces, in which the program of an image sees its own files alone")
        inside = enter_root(box.root, box.writes[0], network=box.network)
    if not no_new_privileges():
        raise Broken("the kernel did not forbid new rights")
    if not only_files_of_root():
        raise Broken("the kernel did not drop root's rights from a process that does not need them")
    landlock.restrict(
        landlock.Allowed(
            reads=(*SETTINGS, f"/proc/{own_number()}", *box.reads),
            writes=(WRITABLE,) if box.root else box.writes,
            runs=inside if box.root else (*LIBRARIES, *box.runs),
            devices=DEVICES,
            lists=("/",) if box.root else (),
            any_port=box.network,
        )
    )
    # In a network of its own without any address, a socket reaches no one; a program may still try, which is watched.
    sockets = box.network or box.watched >= 0
    shortens = landlock.version() >= 3  # an older one does not decide which files may be shortened by their path
    noted = _noted() if watch is not None else ()
    calls = seccomp.Calls(tcp=sockets, names=sockets, routes=box.network, programs=True, truncate=shortens, noted=noted)
    seccomp.restrict(calls)
    if watch is not None:
        watch(box.watched)


def _watch() -> Callable[[int], None]:
    from foundation.processes.watched import hand_over

    return hand_over


def _noted() -> tuple[str, ...]:
    from foundation.processes.watched import REFUSES

    return REFUSES


def _first_of_all() -> None:
    """Go on as the first process of its namespace: when it ends, or this one does, all that it started ends."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
    end_at_once()


def _environment(box: Box, surrounding: Mapping[str, str]) -> dict[str, str]:
    """What the program gets. In a tree of its own, this machine's paths mean nothing, and those of the tree do."""
    given = dict(one.partition("=")[::2] for one in box.environment)
    if not box.root:
        return {**given, **surrounding}
    there = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), WRITABLE)
    return {**given, **surrounding, **there, "PATH": given.get("PATH", os.defpath)}


def become(box: Box, command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Enter *box* and become the program *command*, which gets *environment*. Ends with 126, and the reason, if that fails.

    This process has one thread, and nothing of it is needed any more: a fork may become what was asked for, which is faster
    than an interpreter of its own.
    """
    try:
        apart = alone(network=box.network, processes=box.watched >= 0, files=bool(box.root))
        if box.watched >= 0:
            if not apart:
                raise Broken(
                    "this machine forbids namespaces, so what a server starts could outlive its first words; gate it on "
                    "another machine: its verdict counts here too"
                )
            _first_of_all()
        enter(box, apart=apart)
        os.execve(command[0], list(command), _environment(box, environment))  # noqa: S606  # no shell is wanted
    except (Broken, OSError) as error:
        os.write(2, f"it does not run: {error}\n".encode(errors="backslashreplace"))
    os._exit(126)


def main() -> None:
    """`become` what the arguments say: the box, and the command."""
    become(box_told(json.loads(sys.argv[1])), sys.argv[2:], os.environ)


if __name__ == "__main__":
    main()
