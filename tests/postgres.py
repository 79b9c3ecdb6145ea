"""A PostgreSQL server of the tests' own: a new cluster in a folder, on a loopback port of its own, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


@contextmanager
def postgres() -> Iterator[str]:
    """The server's URL, ``postgresql+asyncpg://…``."""
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
        log = folder / "log"
        with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as server:
            try:
                until(lambda: _ready(programs, port, server), "PostgreSQL answers", log=lambda: log.read_text()[-2000:])
                _run([str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "prefect"])
                yield f"postgresql+asyncpg://{USER}@127.0.0.1:{port}/prefect"
            finally:
                server.terminate()


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
