"""The wheel and the source archive: the same bytes each time, and everything in them that the product needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from arcops.rooms import ROOMS
from tests.deployments.building import HOUSE, Built, build

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-6/a-wheel-of-the-same-bytes")]

OTHERS = {"prefect.yaml": "flows/prefect.yaml"}
"""Files outside of the packages that ride in them."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(HOUSE, tmp_path_factory.mktemp("dist"))


def test_what_is_built_from_the_source_archive_is_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """In another folder, at another time, with other permissions: nothing of the machine is in a release."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    (source / "PKG-INFO").unlink()  # the builder writes it beside the sources
    for file in source.rglob("*"):
        if file.is_file():
            file.chmod(file.stat().st_mode & 0o700)
            os.utime(file, (1_000_000_000, 1_000_000_000))
    again = build(source, tmp_path / "dist")
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes()


def test_a_changed_line_changes_the_bytes(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    changed = source / "arcops" / "verdict.py"
    changed.write_text(changed.read_text() + "#\n")
    assert build(source, tmp_path / "dist").wheel.read_bytes() != built.wheel.read_bytes()


def test_every_file_of_the_packages_rides_in_the_wheel_and_no_other(built: Built) -> None:
    """Policies, templates, schemas, migrations, pages' styles: a file that is left behind is missed at a user's first."""
    here = {
        str(file.relative_to(HOUSE))
        for room in ROOMS
        for file in (HOUSE / room).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    with zipfile.ZipFile(built.wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == here | set(OTHERS.values())
    assert any(name.endswith("sovereign.yaml") for name in inside)


def test_the_source_archive_holds_what_a_builder_and_a_tester_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "Makefile", "requirements.lock", "tests/conftest.py", "prefect.yaml"} <= names
    assert not [name for name in names if name.startswith((".venv", "build/", ".git/")) or name.endswith((".key", ".pyc"))]


def test_an_unpacked_wheel_is_the_whole_product(built: Built, tmp_path: Path) -> None:
    """Away from the checkout: its policies are read, a check is RED by its own rules, and a shell gets its completion."""
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(unpacked)  # noqa: S202  # built above
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")

    def arcops(*words: str) -> subprocess.CompletedProcess[str]:
        # The checkout is on no path: the installation is editable, so its finder must not be asked first.
        program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from adapters.cli.main import main; sys.exit(main())"
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ARCOPS_PASSPHRASE": "four words of ours"}
        return subprocess.run(
            [sys.executable, "-c", program, str(unpacked), *words],
            cwd=tmp_path,
            env={**environment, "ARCOPS_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
        )

    assert arcops("policy", "check", "sovereign").returncode == 0
    assert arcops("keys", "new").returncode == 0
    judged = arcops("check", "model", "--policy", "pilot")
    assert judged.returncode == 3, judged.stderr
    assert "RED" in judged.stdout
    assert "complete" in arcops("completion", "bash").stdout
