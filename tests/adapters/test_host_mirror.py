"""A mirror, from outside and without any network: a wheel that its lock names is installed, judged and started."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.errors import Refused
from services.host.installers.pypi import runtime
from services.host.lock import Lock
from services.host.mirrored import ADVISORIES, FILES, INDEX, Index, Kept, Mirrored, files_of, opened, write
from services.host.spec import Spec
from tests.adapters.typed import Done, typed
from tests.tasks.server.made import advisory, hashed

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")

ODD = Path(__file__).parents[1] / "tasks" / "server" / "odd.py"
PACKAGE = "pypi:made-server==1.0"
POLICY = """\
name: mirrored
description: For a server of the test.
validFor: P7D
gates:
  server-origin: {packages: ["pypi:made-server"]}
  server-contents: {}
  server-licence: {allowed: [MIT]}
  server-advisories: {minAdvisories: 1}
  server-attestations: {absent: accept}
  server-tools: {}
"""
GREEN, REFUSED, RED = 0, 2, 3


def wheel(code: bytes) -> bytes:
    """A wheel of the distribution ``made-server`` with one module."""
    info = "made_server-1.0.dist-info"
    files = {
        "made_server.py": code,
        f"{info}/METADATA": b"Metadata-Version: 2.4\nName: made-server\nVersion: 1.0\nLicense-Expression: MIT\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\nmade-server = made_server:main\n",
    }
    listed = "".join(f"{name},sha256={hashed(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{listed}{info}/RECORD,,\n".encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return made.getvalue()


def export() -> bytes:
    said = advisory("PyPI", "X-1", "no-such-package") | {"modified": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("X-1.json", json.dumps(said))
    return made.getvalue()


@dataclass
class Mirror:
    """A mirror of one server, whose parts a test changes before it is written."""

    folder: Path

    def __post_init__(self) -> None:
        self.wheel, self.export = wheel(ODD.read_bytes()), export()
        sha256 = hashlib.sha256(self.wheel).hexdigest()
        self.lock = Lock(package=PACKAGE, runtime=runtime(), text=f"made-server==1.0 \\\n    --hash=sha256:{sha256}\n")
        self.server = Mirrored(
            name="made",
            spec=Spec(package=PACKAGE),
            lock=self.lock,
            files=(Kept(sha256=sha256, name="made_server-1.0-py3-none-any.whl"),),
        )
        self.members = {f"{FILES}/{sha256}": self.wheel, f"{ADVISORIES}/x": self.export}

    def write(self) -> Path:
        path = self.folder / "servers.tar"
        write(Index(format=1, servers=(self.server,), advisories=(f"{ADVISORIES}/x",)), self.members, path)
        return path


@dataclass
class Site:
    """A site that reaches nothing."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ARCOPS_HOME": str(self.folder / "home"),
            "ARCOPS_PASSPHRASE": "of a test",
            "ARCOPS_HOST_POLICY": "mirrored",
        }

    def arcops(self, *line: str | Path) -> Done:
        return typed(*line, environment=self.environment)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    for line in (
        ("keys", "new"),
        ("keys", "trust", tmp_path / "home" / "keys" / "arcops.pub"),
        ("policy", "register", tmp_path / "policy.yaml"),
    ):
        done = made.arcops(*line)
        assert done.returncode == GREEN, done.stderr
    return made


def test_a_server_of_a_mirror_is_installed_judged_and_may_run(site: Site, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path).write()
    used = site.arcops("host", "mirror", "use", mirror)
    assert used.returncode == GREEN, used.stderr
    assert used.stdout.splitlines() == ["advisories of PyPI", "Next: arcops host gate made"]
    before = site.arcops("host", "explain", "made")
    assert "it was not judged" in before.stdout or "no one has allowed" in before.stdout
    assert before.returncode == RED
    done = site.arcops("host", "gate", "made")
    assert done.returncode == GREEN, done.stdout + done.stderr
    assert "made may run: the next request starts it" in done.stderr
    done = site.arcops("host", "explain", "made")
    explained = done.stdout
    assert done.returncode == GREEN
    assert "made (pypi:made-server==1.0) may run" in explained
    assert "allowed by policy mirrored" in explained
    assert site.arcops("host", "mirror", "use", mirror).returncode == GREEN  # the same once more changes nothing
    assert "may run" in site.arcops("host", "explain", "made").stdout
    assert site.arcops("host", "deny", "made").returncode == GREEN
    for form in ((), ("--format", "json")):
        assert site.arcops("host", "explain", "made", *form).returncode == RED


def test_one_that_is_changed_is_refused_and_changes_nothing(site: Site, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path)
    mirror.members = {name: data[:-1] + b"x" if name.startswith(FILES) else data for name, data in mirror.members.items()}
    done = site.arcops("host", "mirror", "use", mirror.write())
    assert done.returncode == REFUSED
    assert "is not one that the lock of made names" in done.stderr
    assert "no server is hosted yet" in site.arcops("host", "list").stdout
    (tmp_path / "none.tar").write_bytes(b"no tar")
    assert site.arcops("host", "mirror", "use", tmp_path / "none.tar").returncode == REFUSED


def content(data: Callable[[tarfile.TarFile], None], tmp_path: Path) -> None:
    path = tmp_path / "made.tar"
    with tarfile.open(path, "w") as tar:
        data(tar)
    with tarfile.open(path) as tar:
        opened(tar)


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        said = tarfile.TarInfo(name)
        said.size, said.type, said.linkname = len(data), kind, link
        tar.addfile(said, io.BytesIO(data))

    return add


@pytest.mark.parametrize(
    "add",
    [
        member("../x"),
        member("/x"),
        member("x", kind=tarfile.SYMTYPE, link="/etc/shadow"),
        member("x", kind=tarfile.LNKTYPE, link="y"),
        member("x", kind=tarfile.DIRTYPE),
        member("x", kind=tarfile.CHRTYPE),
        member(INDEX, b"{}"),
        member(INDEX, b'{"format":2,"servers":[],"advisories":[]}'),
        member("files/x"),
    ],
)
def test_what_no_mirror_has_is_refused(tmp_path: Path, add: Callable[[tarfile.TarFile], None]) -> None:
    with pytest.raises(Refused):
        content(add, tmp_path)


@pytest.mark.parametrize("name", ["../../x", "a/b", "", "..", "x\0"])
def test_a_file_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    mirror = Mirror(tmp_path)
    mirror.server = replace(mirror.server, files=(replace(mirror.server.files[0], name=name),))
    with tarfile.open(mirror.write()) as tar, pytest.raises(Refused, match="names a file"):
        list(files_of(mirror.server, opened(tar)))


def test_a_row_of_a_mirror_is_checked_as_every_row(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path)
    good = mirror.server
    for other in (
        replace(good, name="metrics"),
        replace(good, spec=replace(good.spec, environment=("LD_PRELOAD=x",))),
        replace(good, spec=replace(good.spec, network="index.example")),
        replace(good, spec=replace(good.spec, reads=("/",))),
        replace(good, lock=replace(good.lock, package="pypi:other==1.0")),
    ):
        mirror.server = other
        with tarfile.open(mirror.write()) as tar, pytest.raises(Refused):
            opened(tar)


def sdist(trace: Path) -> bytes:
    """A source archive of ``made-server`` whose build, by either way of building, leaves a trace."""
    leaves = f"import pathlib; pathlib.Path({str(trace)!r}).write_text('built')\n".encode()
    files = {
        "PKG-INFO": b"Metadata-Version: 2.4\nName: made-server\nVersion: 1.0\nLicense-Expression: MIT\n",
        "setup.py": leaves + b"from setuptools import setup\nsetup(name='made-server', version='1.0')\n",
        "backend.py": leaves,
        "pyproject.toml": b"[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
    }
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, data in files.items():
            member(f"made_server-1.0/{name}", data)(tar)
    return made.getvalue()


def test_a_package_that_would_have_to_be_built_is_refused_and_nothing_of_it_runs(site: Site, tmp_path: Path) -> None:
    mirror, trace = Mirror(tmp_path), tmp_path / "trace"
    data = sdist(trace)
    sha256 = hashlib.sha256(data).hexdigest()
    lock = replace(mirror.lock, text=f"made-server==1.0 \\\n    --hash=sha256:{sha256}\n")
    kept = (Kept(sha256=sha256, name="made_server-1.0.tar.gz"),)
    mirror.server = replace(mirror.server, lock=lock, files=kept)
    mirror.members = {f"{FILES}/{sha256}": data, f"{ADVISORIES}/x": mirror.export}
    assert site.arcops("host", "mirror", "use", mirror.write()).returncode == GREEN
    done = site.arcops("host", "gate", "made")
    assert done.returncode in (REFUSED, RED), done.stdout + done.stderr
    assert not trace.exists()
    assert site.arcops("host", "explain", "made").returncode == RED
