"""Collectors that hostile input took over: each tries what a reader of files never needs, and answers with what it got.

They run isolated, in processes that import this module alone. ``Loot`` says of each attempt what came of it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from arcops.collector import Bounds, collector
from arcops.evidence import Body, Seen, Sighting
from arcops.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    what: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loot(Body):
    KIND: ClassVar[str] = "loot"

    attempts: tuple[Attempt, ...]

    def of(self, what: str) -> str:
        return next(one.got for one in self.attempts if one.what == what)


_libc = ctypes.CDLL(None, use_errno=True)


def _attempted(what: str, attempt: Callable[[], object]) -> Attempt:
    try:
        got = f"got {attempt()}"
    except OSError as error:
        got = f"refused: {error.strerror}"
    except KeyError:
        got = "refused: not there"
    return Attempt(what=what, got=got)


def _call(name: str, *arguments: object) -> int:
    given = int(getattr(_libc, name)(*arguments))
    if given < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return given


def _connect(family: int, kind: int, address: object) -> str:
    with socket.socket(family, kind) as made:
        made.settimeout(5)
        made.connect(address)  # type: ignore[arg-type]  # an address of its family
        return "connected"


def _forked() -> int:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def _memory(of: int) -> str:
    with Path(f"/proc/{of}/mem").open("rb") as file:
        return repr(file)


def _all(request: Request) -> tuple[Attempt, ...]:
    """``declared`` is a folder of secrets, of which nothing was allowed: ``key``, ``port``, and what must not be made."""
    assert request.declared is not None
    secrets, parent = request.declared, os.getppid()
    port = int(request.named)
    new = secrets / "written"
    return (
        _attempted("key", lambda: (secrets / "key").read_text()),
        _attempted("list", lambda: list(secrets.iterdir())),
        _attempted("key in the subject", lambda: (request.target / "secret.key").read_text()),
        _attempted("own environment", lambda: os.environ["ARCOPS_PASSPHRASE"]),
        _attempted("own token", lambda: os.environ["PREFECT_API_AUTH_STRING"]),
        _attempted("parent's environment", lambda: "secret" in Path(f"/proc/{parent}/environ").read_text()),
        _attempted("parent's memory", lambda: _memory(parent)),
        _attempted("parent's command", lambda: Path(f"/proc/{parent}/cmdline").read_text()[:20]),
        _attempted("attach", lambda: _call("ptrace", 16, parent, 0, 0)),
        _attempted("signal", lambda: os.kill(parent, 0)),
        _attempted("tcp", lambda: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port))),
        _attempted("udp", lambda: _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port))),
        _attempted("unix", lambda: _connect(socket.AF_UNIX, socket.SOCK_STREAM, str(secrets / "socket"))),
        _attempted("netlink", lambda: _connect(socket.AF_NETLINK, socket.SOCK_RAW, (0, 0))),
        _attempted("write beside", lambda: new.write_text("x")),
        _attempted("write in the subject", lambda: (request.target / "new").write_text("x")),
        _attempted("write to /tmp", lambda: Path(f"/tmp/arcops-{os.getpid()}").write_text("x")),
        _attempted("write in its folder", lambda: Path("note").write_text("x")),
        _attempted("program", lambda: subprocess.run([str(shutil.which("true"))], check=True).returncode),
        _attempted("fork", _forked),
        _attempted("session", os.setsid),
        _attempted("namespace", lambda: _call("unshare", 0x10000000)),
        _attempted("outlive", lambda: _call("prctl", 1, 0, 0, 0, 0)),
        _attempted("subject", lambda: (request.target / "model").read_text()),
        _attempted("thread group", lambda: signal.pthread_kill(_own_thread(), 0)),
    )


def _own_thread() -> int:
    import threading

    return threading.get_ident()


@collector("loot", Loot, version="1", isolated=True)
def robs(request: Request, seen: Seen) -> Sighting[Loot]:
    """With the bounds of a reader of files."""
    return Sighting(body=Loot(attempts=_all(request)))


def _with_port(request: Request) -> Bounds:
    return Bounds(files=(request.target,), ports=(int(request.named),), environment=("ARCOPS_PASSPHRASE", "MODEL_KEY"))


@collector("loot", Loot, version="1", isolated=True, bounds=_with_port)
def calls(request: Request, seen: Seen) -> Sighting[Loot]:
    """With one port, and a variable that it declares; it declares the passphrase too."""
    other = int((request.target / "other").read_text())
    return Sighting(
        body=Loot(
            attempts=(
                *_all(request),
                _attempted("other port", lambda: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", other))),
                _attempted("declared", lambda: os.environ["MODEL_KEY"]),
            )
        )
    )


def _with_devices(request: Request) -> Bounds:
    return Bounds(files=(request.target,), devices=True)


@collector("loot", Loot, version="1", isolated=True, bounds=_with_devices)
def measures(request: Request, seen: Seen) -> Sighting[Loot]:
    """With what the libraries of a GPU need."""
    return Sighting(body=Loot(attempts=_all(request)))
