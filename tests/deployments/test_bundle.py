"""A site without a network goes from one release to the next and back, from tars alone, by the programs of the two releases.

No release is out yet. The older one is this source, and the newer one has another version and one more migration. Both are
built into wheels, and lie beside the wheels of what they need.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from arcops.installed import version
from foundation.database.migrating import newest
from tests.adapters.typed import Done
from tests.deployments.building import HOUSE, build
from tests.deployments.local_index import asked, needed, repack
from tests.foundation.backup.sites import PASSPHRASE
from tests.waiting import until

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-8/bundle-for-an-air-gap"), pytest.mark.xdist_group("bundle")]

NEXT = "9.9.9"
_STEP = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("arcops_api_key", sa.Column("colour", sa.Text, nullable=False, server_default="blue"))
"""
LAST = f"{int(newest()) + 1:04}"
_COLUMN = '    Column("revoked", BigInteger, nullable=True),\n'
FROM_A_FOLDER = "import sys; sys.path.insert(0, sys.argv.pop(1)); from adapters.cli.main import main; sys.exit(main())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site with the bundles of the older and of the newer release, and the older one's program in a folder."""

    home: Path
    older: Path
    newer: Path
    unpacked: Path
    environment: Mapping[str, str]

    @property
    def program(self) -> str:
        return str(self.home / "bundles" / "current" / "environment" / "bin" / "arcops")

    def arcops(self, *words: str | Path) -> Done:
        """The program of the bundle that counts."""
        return self._run((self.program, *map(str, words)))

    def unpacked_arcops(self, *words: str | Path, folder: Path | None = None) -> Done:
        """The program in a *folder*: before any bundle was installed, the older one's."""
        return self._run((sys.executable, "-c", FROM_A_FOLDER, str(folder or self.unpacked), *map(str, words)))

    def _run(self, command: tuple[str, ...]) -> Done:
        done = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False, timeout=600)
        return Done(done.returncode, done.stdout, done.stderr)

    def state(self) -> tuple[str, str, str]:
        """The version that counts, what it says of its database's schema, and the API keys."""
        database, keys = self.arcops("database", "status"), self.arcops("access", "key", "list")
        assert database.returncode == keys.returncode == 0, database.stderr + keys.stderr
        (schema,) = (line for line in database.stdout.splitlines() if line.startswith("schema"))
        return self.arcops("--version").stdout.strip(), schema, keys.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("releases")
    now = build(HOUSE, folder / "older")
    later = build(_with_another_step(now.sdist, folder / "source"), folder / "newer")
    for one in (now, later):
        one.sdist.unlink()
        with zipfile.ZipFile(one.wheel) as archive:
            archive.extractall(folder / f"{one.wheel.parent.name}-unpacked")  # noqa: S202  # built above
    for needs in needed(asked("server")).values():
        shutil.copy(repack(needs, folder / "older"), folder / "newer")
    home = folder / "home"
    site = Site(
        home=home,
        older=folder / "older.bundle",
        newer=folder / "newer.bundle",
        unpacked=folder / "older-unpacked",
        environment={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "ARCOPS_HOME": str(home),
            "ARCOPS_PASSPHRASE": "four words of ours",
            "ARCOPS_BACKUP_PASSPHRASE": PASSPHRASE,
        },
    )
    for words in (("keys", "new"), ("keys", "trust", home / "keys" / "arcops.pub")):
        assert site.unpacked_arcops(*words).returncode == 0
    for bundle in (site.older, site.newer):
        program = folder / f"{bundle.stem}-unpacked"
        pieces = (
            "--wheels",
            folder / bundle.stem,
            "--chart",
            HOUSE / "deployments" / "helm" / "arcops",
            "--docs",
            HOUSE / "docs",
        )
        done = site.unpacked_arcops("bundle", "make", bundle, *pieces, folder=program)
        assert done.returncode == 0, done.stderr
    return site


def _with_another_step(sdist: Path, into: Path) -> Path:
    """The source in *sdist*, as the next release: one more migration, the column that it makes, and another version."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (source,) = into.iterdir()
    (source / "PKG-INFO").unlink()
    _change(source / "pyproject.toml", f'version = "{version()}"', f'version = "{NEXT}"')
    column = '    Column("colour", Text, nullable=False, server_default="blue"),\n'
    _change(source / "foundation" / "database" / "tables.py", _COLUMN, _COLUMN + column)
    step = source / "foundation" / "database" / "migrations" / "versions" / f"{LAST}_of_the_next.py"
    step.write_text(_STEP.format(revision=LAST, before=newest()))
    return source


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_from_one_release_to_the_next_and_back(made: Site, tmp_path: Path) -> None:
    done = made.unpacked_arcops("bundle", "install", made.older)
    assert done.returncode == 0, done.stderr
    assert f"bundles/{version()}-" in done.stdout.splitlines()[-1]
    assert made.arcops("access", "key", "new", "robot", "--scopes", "read", "--days", "9").returncode == 0
    before = made.state()
    assert before[0] == f"arcops {version()}"
    assert f"schema {newest()}, the newest" in before[1]
    assert "robot" in before[2]

    killed = subprocess.Popen(
        [made.program, "bundle", "install", str(made.newer)],
        env=dict(made.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    bundles = made.home / "bundles"
    until(lambda: list(bundles.glob(f"{NEXT}-*/environment/bin/python")), "an environment is begun", seconds=300)
    killed.send_signal(signal.SIGKILL)
    killed.wait(timeout=60)
    assert made.state() == before, "a kill leaves the older release"

    done = made.arcops("bundle", "install", made.newer)
    assert done.returncode == 0, done.stderr
    assert f"ArcOps {NEXT} is in " in done.stdout
    assert f"bundles/{NEXT}-" in done.stdout.splitlines()[-1]
    after = made.state()
    assert after == (f"arcops {NEXT}", before[1].replace(newest(), LAST), before[2])
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    assert made.arcops("check", tmp_path / "model", "--policy", "pilot").returncode == 3

    done = made.arcops("bundle", "rollback")
    assert done.returncode == 0, done.stderr
    assert f"bundles/{version()}-" in done.stdout.splitlines()[-1]
    assert made.state() == before
    assert "RED" in made.arcops("store", "list").stdout, "what was judged since is not lost"
    assert made.arcops("store", "check").returncode == 0


def test_files_that_are_no_wheels_leave_the_site_as_it_is(made: Site, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / f"arcops-{version()}-py3-none-any.whl").write_bytes(b"no wheel")
    assert made.unpacked_arcops("bundle", "make", tmp_path / "bad.bundle", "--wheels", wheels).returncode == 0
    there = {one.name for one in (made.home / "bundles").iterdir()}
    done = made.unpacked_arcops("bundle", "install", tmp_path / "bad.bundle")
    assert done.returncode == 2
    assert "the wheels do not make an installation" in done.stderr
    assert "is invalid" in done.stderr
    assert {one.name for one in (made.home / "bundles").iterdir()} == there
