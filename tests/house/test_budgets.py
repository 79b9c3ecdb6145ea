"""What the tests may cost: every folder has its budget, together they fit, and a run of everything is held to them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.budgets import BEGINNING, BUDGETS, CORES, MOST_MINUTES, Folder, pace, said

HOUSE = Path(__file__).resolve().parents[2]
SAMPLE = """
import time
import pytest

def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

@pytest.mark.parametrize("number", range(12))
def test_cheap(number):
    pass

def test_dear():
    burn(0.3)

@pytest.mark.site
def test_of_a_site():
    burn(0.3)
"""
CONFTEST = """
from tests.budgets import Budget, Spending

def pytest_configure(config):
    config.pluginmanager.register(Spending(config, {"dear": Budget(BUDGET)}, Budget(900)), "spending")
"""


def folders() -> set[str]:
    """Those of ``tests`` that a run of everything takes."""
    with (HOUSE / "pyproject.toml").open("rb") as file:
        left_out = tomllib.load(file)["tool"]["pytest"]["ini_options"]["norecursedirs"]
    tests = HOUSE / "tests"
    return {one.relative_to(tests).parts[0] for one in tests.glob("*/**/test_*.py")} - set(left_out)


def test_every_folder_has_a_row_and_every_row_a_folder() -> None:
    assert set(BUDGETS) == folders()


@pytest.mark.parametrize("kind", ["tests", "site"])
def test_together_they_fit(kind: str) -> None:
    together = sum(getattr(one, kind) for one in (*BUDGETS.values(), BEGINNING))
    assert together / CORES < MOST_MINUTES * 60


def test_a_slower_machine_gets_more_and_a_faster_one_no_less() -> None:
    assert pace() >= 1


def test_coverage_is_measured_of_all_that_is_installed() -> None:
    with (HOUSE / "pyproject.toml").open("rb") as file:
        tools = tomllib.load(file)["tool"]
    assert tools["coverage"]["run"]["source"] == tools["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert tools["coverage"]["report"]["fail_under"] >= 80


def test_only_the_ten_slowest_are_named() -> None:
    folder = Folder()
    for number in range(15):
        folder.add(number, [(number, f"test {number}")])
    table, over = said({"a": folder, "b": Folder(1)}, 2, {"a": 100, "b": 5}, 3)
    assert [line.split() for line in table[1:]] == [
        ["a", "105.0", "100.0"], ["b", "1.0", "5.0"], ["(beginning)", "2.0", "3.0"], ["together", "108.0", "108.0"],
    ]  # fmt: skip
    assert over[0] == "a: 105.0 seconds of CPU, and its budget is 100.0 (tests/budgets.py)"
    assert [line.split(" ", 5)[-1].split(maxsplit=1)[1] for line in over[1:]] == [f"test {one}" for one in range(14, 4, -1)]


@pytest.mark.parametrize(
    ("workers", "budget", "asked", "code"),
    [
        ("2", "0.1", (), 1),
        ("0", "0.1", (), 1),
        ("0", "900", (), 0),
        ("0", "0.1", ("-k", "dear"), 0),
        ("0", "0.1", ("sample/dear",), 0),
        ("0", "900, 0.1", ("-m", "site"), 1),
    ],
    ids=["over", "over in one process", "within", "some by name", "some by folder", "of a site"],
)
def test_a_whole_run_that_costs_more_fails_and_says_what(
    tmp_path: Path, workers: str, budget: str, asked: tuple[str, ...], code: int
) -> None:
    (tmp_path / "sample" / "dear").mkdir(parents=True)
    (tmp_path / "sample" / "dear" / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "sample" / "conftest.py").write_text(CONFTEST.replace("BUDGET)}", f"{budget})}}"))
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = sample\nmarkers = site: of a site\n")
    plugins = ["-p", "no:cacheprovider", *(["-p", "xdist.plugin", "-n", workers] if workers != "0" else [])]
    mark = () if "-m" in asked else ("-m", "not site")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *mark, *asked],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert ("seconds of CPU" in done.stdout) is (asked in ((), ("-m", "site")))
    if code:
        place = done.stdout.index("over budget")
        assert "dear: 0." in done.stdout[place:]
        assert "test_sample.py::test_dear" in done.stdout[place:] or "test_sample.py::test_of_a_site" in done.stdout[place:]
        assert done.stdout[place:].count("test_sample.py::") == (10 if not asked else 1)
