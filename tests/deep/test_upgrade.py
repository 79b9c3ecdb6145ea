"""From the real program of the schema before to this one by a bundle, and back: a full clone has its commit."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from arcops.installed import version
from foundation.database.migrating import newest
from tests.deployments.building import HOUSE
from tests.deployments.local_index import asked, needed, repack
from tests.deployments.test_bundle import Site
from tests.foundation.backup.sites import PASSPHRASE

pytestmark = pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")


def git(*words: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not here, so there is no program of before")
    done = subprocess.run([program, *words], cwd=HOUSE, capture_output=True, check=False)
    if done.returncode or not done.stdout.strip():
        pytest.skip(f"the history of this checkout has no commit before the newest schema: {done.stderr.decode()[:200]}")
    return done.stdout


def wheel_of(source: Path, into: Path) -> Path:
    """The wheel of *source*, unpacked into a folder beside *into*, which gets it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = into.glob("arcops-*.whl")
    unpacked = into.with_name(f"{into.name}-unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)  # noqa: S202  # built here
    return unpacked


def test_from_the_program_of_the_schema_before_and_back(tmp_path: Path) -> None:
    step = f"foundation/database/migrations/versions/{newest()}_*.py"
    commit = git("log", "-1", "--diff-filter=A", "--format=%H", "--", step).decode().strip()
    tree = git("archive", f"{commit}^")
    with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    before, now = wheel_of(tmp_path / "source", tmp_path / "before"), wheel_of(HOUSE, tmp_path / "wheels")
    for one in needed(asked("server")).values():
        repack(one, tmp_path / "wheels")
    home = tmp_path / "home"
    site = Site(
        home=home,
        older=before,
        newer=tmp_path / "site.bundle",
        unpacked=now,
        environment={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "ARCOPS_HOME": str(home),
            "ARCOPS_PASSPHRASE": "four words of ours",
            "ARCOPS_BACKUP_PASSPHRASE": PASSPHRASE,
        },
    )

    def old(*words: str | Path) -> str:
        done = site.unpacked_arcops(*words, folder=before)
        assert done.returncode == 0, done.stderr
        return done.stdout

    old("keys", "new")
    old("keys", "trust", home / "keys" / "arcops.pub")
    old("access", "key", "new", "robot", "--scopes", "read", "--days", "9")
    keys, schema = old("access", "key", "list"), old("database", "status")
    assert f"schema {int(newest()) - 1:04}, the newest" in schema
    for words in (("bundle", "make", site.newer, "--wheels", tmp_path / "wheels"), ("bundle", "install", site.newer)):
        done = site.unpacked_arcops(*words)
        assert done.returncode == 0, done.stderr
    version_now, schema_now, keys_now = site.state()
    assert (version_now, keys_now) == (f"arcops {version()}", keys)
    assert f"schema {newest()}, the newest" in schema_now
    refused = site.unpacked_arcops("access", "key", "list", folder=before)
    assert refused.returncode == 2, "the program of before does not touch a newer schema"
    assert newest() in refused.stderr
    assert site.arcops("bundle", "rollback").returncode == 0
    assert (old("access", "key", "list"), old("database", "status")) == (keys, schema)
