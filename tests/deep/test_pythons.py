"""The wheel on each Python at hand, with each extra: it installs, starts, and judges."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployments.building import HOUSE, build
from tests.house.test_lock import project

pytestmark = pytest.mark.requirement("BASE-6/every-extra-on-every-python")

UV = Path(sys.executable).with_name("uv")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EXTRAS = ("", *sorted(project()["project"]["optional-dependencies"].keys() - {"dev"}))


def at_hand() -> dict[str, str]:
    """The Pythons of this machine that run, by version: those on the path, and pyenv's. It says which are missing."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in PYTHONS:
        named = shutil.which(f"python{version}")
        for program in (*([named] if named else []), *map(str, sorted(pyenv.glob(f"{version}*/bin/python{version}")))):
            if subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0:  # not a shim of nothing
                found.setdefault(version, program)
    print(f"Pythons at hand: {', '.join(found)}; not here: {', '.join(one for one in PYTHONS if one not in found) or 'none'}")
    return found


HERE = at_hand()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(HOUSE, tmp_path_factory.mktemp("dist")).wheel


@pytest.mark.parametrize("python", HERE)
def test_it_installs_with_every_extra_and_judges(python: str, wheel: Path, tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text(re.sub(r"( \\)?\n    --hash=\S+", "", (HOUSE / "requirements-dev.lock").read_text()))
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    for extra in EXTRAS:
        place = tmp_path / "venv"
        environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "HOME": str(tmp_path), "ARCOPS_PASSPHRASE": "four words"}
        environment["ARCOPS_HOME"] = str(tmp_path / f"home-{extra}")
        subprocess.run([UV, "venv", "--quiet", "--no-project", "--python", HERE[python], place], env=environment, check=True)
        wanted = f"arcops[{extra}] @ {wheel.as_uri()}" if extra else f"arcops @ {wheel.as_uri()}"
        install = [UV, "pip", "install", "--quiet", "--python", place / "bin" / "python", "--constraint", pins, wanted]
        done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{python} [{extra}]: {done.stderr}"

        def arcops(
            *words: str, place: Path = place, environment: dict[str, str] = environment
        ) -> subprocess.CompletedProcess[str]:
            command = [place / "bin" / "arcops", *words]
            return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

        assert arcops("keys", "new").returncode == 0, f"{python} [{extra}]"
        judged = arcops("check", "model", "--policy", "pilot")
        assert judged.returncode == 3, f"{python} [{extra}]: {judged.stderr}"
        assert "RED model model" in judged.stdout
        shutil.rmtree(place)
