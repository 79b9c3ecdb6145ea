"""The house holds: floors are kept, gates are pure, and a planted import shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from arcops.rooms import ROOMS

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.requirement("ARC-0/code-keeps-to-its-place", "ARC-0/gates-are-pure"),
    pytest.mark.xdist_group("floors"),
]


PLANTED = [
    ("gates", "import subprocess"),
    ("gates", "from os import environ"),
    ("gates", "import prefect"),
    ("gates", "import socket"),
    ("gates", "import artifacts.wire"),
    ("gates", "import tasks.files.reading"),
    ("gates/model", "import gates.gpu.words"),
    ("gates/inference", "import gates.gpu.versions"),
    ("gates/network", "import gates.cluster.cluster.words"),
    ("reach", "import os"),
    ("amend", "import os"),
    ("amend", "import reach.world"),
    ("reach", "import gates.attachments"),
    ("tasks", "import prefect"),
    ("tasks", "import flows.plan"),
    ("tasks/model", "import tasks.gpu.gpus"),
    ("tasks/signing", "import tasks.model.tree"),
    ("capabilities", "import adapters.cli"),
    ("capabilities/network", "import capabilities.gpu.bench"),
    ("arcops", "import pydantic"),
    ("arcops", "import artifacts.wire"),
    ("artifacts", "import foundation.settings"),
    ("flows", "import capabilities"),
    ("tasks", "import httpx2"),
    ("flows", "from requests import get"),
    ("adapters/mcp", "import websockets.sync.client"),
    ("artifacts", "import ssl"),
    ("foundation", "import socket"),
    ("foundation/telemetry", "from http.client import HTTPConnection"),
    ("adapters", "def later() -> None:\n    from kubernetes.client import ApiClient"),
]
"""The folder of a module, and what it imports that it may not."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(folder), "COLUMNS": "200"},
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        shutil.copytree(HOUSE / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "pyproject.toml", folder)
    return folder


def test_every_floor_is_kept(house: Path) -> None:
    result = lint(house)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def planted(house: Path) -> str:
    """What is said of the house with every import of `PLANTED` in it at once, each in a module of its own."""
    intruders = [house / room / f"intruder{number}.py" for number, (room, _) in enumerate(PLANTED)]
    for intruder, (_, line) in zip(intruders, PLANTED, strict=True):
        intruder.write_text(f'"""Planted."""\n\n{line}\n')
    try:
        result = lint(house)
    finally:
        for intruder in intruders:
            intruder.unlink()
    assert result.returncode != 0
    return result.stdout


@pytest.mark.parametrize("number", range(len(PLANTED)), ids=lambda number: ": ".join(PLANTED[number]))
def test_a_planted_import_shows(planted: str, number: int) -> None:
    room = PLANTED[number][0].replace("/", ".")
    assert re.search(rf"\b{re.escape(room)}\.intruder{number}\b", planted)


def test_the_contract_on_subjects_names_every_subject_of_the_gates() -> None:
    contracts = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = {module for one in contracts if one["type"] == "independence" for module in one["modules"]}
    assert {one for one in named if one.startswith("gates.")} == {
        f"gates.{path.parent.name}" for path in (HOUSE / "gates").glob("*/__init__.py")
    }


@pytest.mark.parametrize(("room", "most"), [("gates", 5), ("tasks", 6), ("flows", 10)])
def test_what_a_room_shares_stays_little(room: str, most: int) -> None:
    """With more boxes at the first level, beside one for each subject, no one finds anything in them."""
    subjects = {path.stem for path in (HOUSE / "arcops" / "subjects").glob("[a-z]*.py")}
    boxes = {one.name for one in (HOUSE / room).iterdir() if one.suffix == ".py" or (one / "__init__.py").exists()} - subjects
    assert len(boxes - {"__init__.py"}) <= most


def test_no_file_of_ours_grows_past_one_idea() -> None:
    long = {
        str(path.relative_to(HOUSE)): lines
        for room in ROOMS
        for path in (HOUSE / room).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
