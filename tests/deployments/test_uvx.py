"""One command on a machine with nothing but uv: from there to a verdict of the server, by the wheel that would be released."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.adapters.serving import served
from tests.deployments.building import HOUSE, build
from tests.deployments.local_index import asked, needed, repack
from tests.waiting import until

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-6/one-command-by-uvx"), pytest.mark.xdist_group("uvx")]

UVX = Path(sys.executable).with_name("uvx")
OFFLINE = ("--no-config", "--quiet", "--offline", "--no-index")
LONGEST = 300.0
"""Seconds: what may pass from nothing to the first verdict."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, and what it needs with the extra ``all``."""
    folder = tmp_path_factory.mktemp("index")
    build(HOUSE, folder)
    for have in needed(asked("all")).values():
        repack(have, folder)
    return folder


def test_from_nothing_to_a_first_verdict(index: Path, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    home = tmp_path / "home"
    model = tmp_path / "models" / "tiny"
    model.mkdir(parents=True)
    (model / "config.json").write_text('{"model_type": "tiny"}')
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "ARCOPS_HOME": str(home),
        "ARCOPS_PASSPHRASE": "four words of ours",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    uvx = (str(UVX), *OFFLINE, "--find-links", str(index), "--python", sys.executable)
    started = time.monotonic()
    for words in (("keys", "new"), ("keys", "trust", "home/keys/arcops.pub")):
        subprocess.run([*uvx, "arcops[all]", *words], env=environment, cwd=tmp_path, check=True, capture_output=True)
    with served("server", program=(*uvx, "arcops[all]"), env=environment, cwd=tmp_path) as site:
        until(lambda: httpx2.get(f"{site.url}/readyz", timeout=60).status_code == 200, "ready", seconds=LONGEST)
        judged = subprocess.run(
            [*uvx, "arcops[all]", "--server", site.url, "check", "models/tiny", "--policy", "pilot"],
            env=environment, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
    took = time.monotonic() - started
    assert judged.returncode == 3, judged.stderr
    assert "RED model tiny" in judged.stdout
    assert took < LONGEST
    record_property("seconds", round(took, 1))
    print(f"from nothing to a first verdict: {took:.1f} s")


def test_without_the_extra_the_command_that_is_missing_says_which(index: Path, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "uv")}
    uvx = (str(UVX), *OFFLINE, "--find-links", str(index), "--python", sys.executable)
    done = subprocess.run([*uvx, "arcops", "server"], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "arcops[server]" in done.stderr
