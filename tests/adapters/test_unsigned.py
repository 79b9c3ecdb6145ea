"""A first look with nothing set up: ``--unsigned`` needs no key, keeps nothing, and is never an exit of 0."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.typed import Done, typed
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear", "ARC-D2/the-exit-code-is-the-verdict")

GREEN, CANNOT, USAGE, RED, AMBER = 0, 1, 2, 3, 4


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path)


@pytest.fixture
def model(here: Bench) -> Path:
    return good_model(here, now=datetime.now(UTC).replace(microsecond=0))


def look(here: Bench, *line: str | Path, **more: str) -> Done:
    environment = {**os.environ, **here.environment, "ARCOPS_KEY": "nowhere.key", **more}
    return typed("check", *line, "--unsigned", environment=environment)


def test_a_green_that_no_one_signed_exits_4_and_nothing_is_kept(here: Bench, model: Path) -> None:
    before = sorted(here.home.rglob("*"))
    done = look(here, model, "--policy", here.policy)
    assert done.returncode == AMBER, done.stdout + done.stderr
    assert "GREEN model tiny sha256:" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("not signed and not kept")
    assert not [path for path in here.home.rglob("*") if path not in before and path.is_file() and "cache" not in path.parts]


def test_a_changed_model_is_red(here: Bench, model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    done = look(here, model, "--policy", here.policy)
    assert done.returncode == RED
    assert "model.safetensors" in done.stdout


def test_a_bare_machine_gets_an_answer(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    done = typed("check", model, "--unsigned", environment={"ARCOPS_HOME": str(tmp_path / "home")})
    assert done.returncode == RED, done.stderr
    assert done.stderr == ""
    assert not (tmp_path / "home" / "store").exists()


def test_a_machine_is_told_too(here: Bench, model: Path) -> None:
    done = look(here, model, "--policy", here.policy, "--format", "json")
    assert done.returncode == AMBER
    assert json.loads(done.stdout)["predicate"]["verdict"] == "GREEN"
    assert "not signed" in done.stderr


@pytest.mark.parametrize(
    "more", [["--output", "x.json"], ["--vsa", "x.json"], ["--key", "x.key"], ["--server", "http://127.0.0.1:1"]]
)
def test_what_signs_or_is_elsewhere_contradicts_it(here: Bench, model: Path, more: list[str]) -> None:
    done = look(here, model, *more)
    assert done.returncode == USAGE
    assert more[0] in done.stderr
