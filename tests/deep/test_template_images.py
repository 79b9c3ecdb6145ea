"""The images of the templates, built by Buildah from their own Dockerfiles on a base of Debian's packages: they start as no
one, and answer a client.

It takes root, Buildah, mmdebstrap and their mirror of Debian, and some minutes. The wheels are what the lock names, by hash,
and the backend that a project is built with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from adapters.http.serve import reserved_port
from services.host.scaffold.kinds import Language
from tests.adapters.serving import Served
from tests.adapters.test_host_deploy import called, text_of
from tests.adapters.typed import typed
from tests.deep.test_images import DOCKER, ISOLATED, Store, run, running
from tests.waiting import until

pytestmark = pytest.mark.requirement("HOST-007/template-images-build-and-start")

BACKEND = ("hatchling>=1.27,<2", "pip")
NO_INDEX = "[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The bases: Debian with Python, whose pip takes wheels of a folder, and one with Node's own program."""
    for program in ("buildah", "mmdebstrap", "node"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not here; images are not built")
    if os.geteuid() != 0:
        pytest.skip("images are built as root here")
    folder = tmp_path_factory.mktemp("templates")
    made = Store(folder=folder)
    run(DOCKER / "wheels.sh", folder / "wheels", PYTHON=sys.executable)
    run(sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", folder / "wheels", *BACKEND)
    run(DOCKER / "base.sh", folder / "bases")
    made.imported("ours/debian", folder / "bases" / "build-base.tar")
    container = made("from", "localhost/ours/debian")
    (folder / "pip.conf").write_text(NO_INDEX)
    made("add", "-q", container, folder / "pip.conf", "/etc/pip.conf")
    made("commit", "-q", "--rm", container, "ours/python")
    container = made("from", "scratch")
    made("add", "-q", container, os.path.realpath(str(shutil.which("node"))), "/usr/local/bin/node")
    made("commit", "-q", "--rm", container, "ours/node")
    yield made
    made("umount", "--all")
    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of a template, with a folder in place of its home, at an address of this machine."""

    store: Store
    name: str
    home: Path

    def line(self, *command: str, **environment: str) -> list[str]:
        container = self.store("from", "--pull-never", self.name)
        given = [f"--env={name}={value}" for name, value in environment.items()]
        volume = f"--volume={self.home}:/home/server/arcops"
        return [*self.store.engine, "run", "--isolation", "chroot", *given, volume, container, "--", *command]

    def done(self, *command: str) -> str:
        """What *command* says, run in the image as its own user."""
        done = subprocess.run(self.line(*command), capture_output=True, text=True, check=False, env=ISOLATED)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def started(self, port: int, *more: str) -> Iterator[subprocess.Popen[str]]:
        """Its own program with its own arguments, except the *port*, until the block ends."""
        said = self.store.config(self.name)
        arguments = [str(port) if one == "8430" else one for one in said["Cmd"]]
        line = self.line(*said["Entrypoint"], *arguments, *more, ARCOPS_PUBLIC_URL=f"http://127.0.0.1:{port}")
        with running(line, ISOLATED, heard=subprocess.DEVNULL) as process:
            yield process


@pytest.mark.parametrize("language", Language)
def test_it_builds_without_a_network_starts_as_no_one_and_answers(language: Language, store: Store, tmp_path: Path) -> None:
    there = {"ARCOPS_HOME": str(tmp_path / "made")}
    done = typed("host", "new", "echo", "--language", language.value, environment=there, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    name = f"localhost/ours/echo-{language.value}"
    bases = [f"--build-arg={one.upper()}=localhost/ours/{one}" for one in {"python", language.value}]
    more = ("--pull-never", f"--volume={store.folder}/wheels:/wheels:ro", "-t", name)
    run("unshare", "--net", *store.engine, "build", *more, *bases, tmp_path / "echo")
    assert store.config(name)["User"] == "10001:10001"
    image = Image(store=store, name=name, home=tmp_path / "home")
    image.home.mkdir()
    os.chown(image.home, 10001, 10001)
    assert image.done("id", "-u").strip() == "10001"
    made = image.done("arcops", "access", "key", "new", "client", "--scopes", "read", "--days", "1")
    id_, secret = made.split()[0], made.split("secret ")[1].split()[0]
    with reserved_port() as port, image.started(port, "--share", f"user:arcops,,{id_}") as process:
        host = Served(url=f"http://127.0.0.1:{port}")

        def ready() -> bool:
            assert process.poll() is None, "it ended"
            try:
                return httpx2.get(f"{host.url}/readyz", timeout=5).status_code == 200
            except httpx2.HTTPError:
                return False

        until(ready, "the server of the image is ready", seconds=300)
        assert called(host, "no-such-key").status_code == 403, "without an issuer only keys open it"
        assert text_of(called(host, secret)) == "hello"
        assert users_of(process.pid) == {10001}
        assert {one.stat().st_uid for one in image.home.rglob("*")} == {10001}


def users_of(group: int) -> set[int]:
    """The users of the processes of the process group *group* that are not Buildah's."""
    found = set()
    for one in Path("/proc").glob("[0-9]*"):
        try:
            line = (one / "cmdline").read_bytes()
            if os.getpgid(int(one.name)) == group and b"buildah" not in line:
                found.add(one.stat().st_uid)
        except OSError:
            continue
    return found
