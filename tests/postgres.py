"""A PostgreSQL server of the tests' own: a new cluster in a folder, on a loopback port of its own, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.http.serve import reserved_port
from tests.waiting import until

USER = "arcops"


def _programs() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if found is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    return Path(found).parent


@dataclass(kw_only=True)
class Cluster:
    """A server that can be stopped and started again with the same data. ``url`` is ``postgresql+asyncpg://…``."""

    url: str
    programs: Path
    command: Sequence[str]
    port: int
    log: Path
    _server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("a") as out:
            self._server = subprocess.Popen(list(self.command), stdout=out, stderr=out)
        server = self._server
        until(lambda: _ready(self.programs, self.port, server), "PostgreSQL answers", log=lambda: self.log.read_text()[-2000:])

    def stop(self) -> None:
        """End it at once, with its connections."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for its clients
            self._server.wait()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server that is running."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="arcops-pg-") as name, reserved_port() as port:
        folder = Path(name)
        data = folder / "data"
        as_user = _unprivileged(folder)
        _run([*as_user, str(programs / "initdb"), "-D", str(data), "-U", USER, "--auth=trust", "-E", "UTF8", "--no-sync"])
        command = [
            *as_user, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", name, "-h", "127.0.0.1",
            "-c", "fsync=off", "-c", "max_connections=200",
        ]  # fmt: skip
        url = f"postgresql+asyncpg://{USER}@127.0.0.1:{port}/prefect"
        found = Cluster(url=url, programs=programs, command=command, port=port, log=folder / "log")
        try:
            found.start()
            _run([str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "prefect"])
            yield found
        finally:
            found.stop()


@contextmanager
def postgres() -> Iterator[str]:
    """The server's URL, ``postgresql+asyncpg://…``."""
    with cluster() as found:
        yield found.url


def _ready(programs: Path, port: int, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "PostgreSQL ended"
    asked = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(asked, check=False).returncode == 0


_NO_ONE = 65534
"""The user that Linux gives to what belongs to no user (``/proc/sys/kernel/overflowuid``)."""


def _unprivileged(folder: Path) -> Sequence[str]:
    """PostgreSQL refuses to run as root: what makes a command run as another user, who then owns *folder*."""
    if os.geteuid() != 0:
        return ()
    for find in (lambda: pwd.getpwnam("postgres"), lambda: pwd.getpwuid(_NO_ONE)):
        try:
            user = find()
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    pytest.skip("PostgreSQL does not run as root, and there is no other user here")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")
