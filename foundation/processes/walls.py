"""The walls that a child puts around itself before it reads foreign input, so that a fault in a reader does little harm.

No new privileges, no core dump, the files and ports that it was given (Landlock), the calls that reading needs (seccomp).
"""

from __future__ import annotations

import os
import resource
import site
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder

from arcops.errors import Broken
from arcops.late_dataclass import dataclass
from arcops.rooms import HOUSE, ROOMS
from foundation.processes import landlock, seccomp
from foundation.processes.kernel import no_new_privileges, only_files_of_root

_LIBRARIES = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store")
_SETTINGS = (
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
    "/etc/os-release", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random",
)  # fmt: skip
_OF_NETWORK = (
    "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services",
    "/etc/protocols",
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust", "/etc/ca-certificates", "/run/systemd/resolve",
)  # fmt: skip
_OF_DEVICES = ("/sys", "/etc/nvidia", "/etc/alternatives", "/opt", "/run/nvidia")
_DEVICES = ("nvidia", "dri", "dxg", "nvhost", "nvmap")
"""Names of NVIDIA's device nodes begin with this."""
_SHARED = "/dev/shm"  # noqa: S108  # it is named, not made


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """What stays allowed. ``reads`` and ``writes`` are files, or folders with all that is below; ``secrets`` are files that
    are forbidden even there. ``ports`` are TCP ports of other machines; ``names`` allows looking up their addresses.
    ``devices`` allows what GPU libraries need, ``processes`` what the kernel says about processes.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    names: bool = False
    devices: bool = False
    processes: bool = False


def lacking() -> str:
    """A sentence about the walls that this kernel does not have, or nothing."""
    found = landlock.version()
    lacks = [] if found else ["Landlock, so its readers could open every file of this user"]
    if 0 < found < 4:
        lacks.append("Landlock for ports (Linux 6.7)")
    if 0 < found < 6:
        lacks.append("Landlock for signals (Linux 6.12)")
    if not seccomp.known():
        lacks.append("filters of system calls, so its readers could call other machines")
    return f"this kernel lacks {', and '.join(lacks)}" if lacks else ""


def stand(walls: Walls, *, module: str = "") -> None:
    """Put *walls* around this thread and all that it starts, for ever. The package of *module* stays readable too.

    What the kernel lacks is left out, and `lacking` reports it. Raises `Broken` if a wall that it has cannot be set up.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not no_new_privileges():
        return  # then the kernel is older than every other wall too
    if not only_files_of_root():
        raise Broken("the kernel did not drop root's rights from a process that does not need them")
    landlock.restrict(_allowed(walls, module))
    calls = seccomp.Calls(tcp=bool(walls.ports), names=walls.names, local=walls.devices, attributes=walls.devices)
    seccomp.restrict(calls)


def behind(closed: Iterable[str], *, network: bool) -> None:
    """The walls of a third-party program: every file except those *closed*, and other machines only with *network*.

    Raises `Broken` if a wall that the kernel has cannot be set up.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not no_new_privileges():
        return
    everything, lists = landlock.without("/", closed)
    landlock.restrict(landlock.Allowed(everything=everything, lists=lists, any_port=True))
    seccomp.restrict(seccomp.Calls(tcp=network, names=network, routes=network, local=True, programs=True, attributes=True))


def _allowed(walls: Walls, module: str) -> landlock.Allowed:
    wanted = [*(one for one in _code(module) if one != "/"), *_LIBRARIES, *_SETTINGS, *walls.reads]
    if walls.ports:
        wanted += _OF_NETWORK
    if walls.devices:
        wanted += [*_OF_DEVICES, *filter(os.path.isabs, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))]
    wanted.append("/proc" if walls.processes or walls.devices else f"/proc/{os.getpid()}")
    reads: list[str] = []
    lists: list[str] = []
    for path in wanted:
        given, listed = landlock.without(path, walls.secrets) if walls.secrets else ((path,), ())
        reads += given
        lists += listed
    writes = (*walls.writes, *([_SHARED] if walls.devices else ()))  # its libraries share memory there
    devices = ["/dev/null", *(_nodes() if walls.devices else ())]
    return landlock.Allowed(reads=tuple(reads), lists=tuple(lists), writes=writes, devices=tuple(devices), ports=walls.ports)


def _code(module: str) -> Iterable[str]:
    """What this interpreter may import: its own library, the packages beside it, and our packages of our folder."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix)
    yield from (os.path.join(HOUSE, room) for room in ROOMS)  # noqa: PTH118
    yield from (one for one in sys.path if os.path.realpath(one) != os.path.realpath(HOUSE) or one in _packages())
    if sys.pycache_prefix:
        yield sys.pycache_prefix
    whose = module.partition(".")[0]
    spec = PathFinder.find_spec(whose) if whose and whose not in ROOMS else None
    if spec is not None:
        yield from spec.submodule_search_locations or [str(spec.origin)]


def _packages() -> list[str]:
    return site.getsitepackages()


def _nodes() -> Iterable[str]:
    try:
        names = os.listdir("/dev")  # noqa: PTH208
    except OSError:
        return []
    return [f"/dev/{name}" for name in names if name.startswith(_DEVICES)]
