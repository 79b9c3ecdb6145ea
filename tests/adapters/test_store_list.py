"""``arcops store list`` says how much it shows, speaks JSON, and is quiet if its reader has read enough."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.adapters.typed import Done, typed
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear", "ARC-1/people-can-read-it")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = bench(tmp_path_factory.mktemp("listed"))
    now = datetime.now(UTC).replace(microsecond=0)
    model = good_model(made, now=now)
    for seconds in range(3):
        made.check(model, now=now + timedelta(seconds=seconds))
    return made


def run(here: Bench, *line: str | Path) -> Done:
    return typed(*line, environment={**os.environ, **here.environment})


def test_it_says_how_many_there_are_in_all(here: Bench) -> None:
    few, all_ = run(here, "store", "list", "--limit", "2"), run(here, "store", "list")
    assert few.stdout.splitlines()[-1] == "2 of 3; --limit shows more"
    assert len(few.stdout.splitlines()) == 3
    assert all_.stdout.splitlines()[-1] == "3 of 3"
    assert not any("  " in line for line in all_.stdout.splitlines())
    assert run(here, "store", "list", "--subject", "other").stdout == "0 of 0\n"


def test_it_speaks_json(here: Bench) -> None:
    said = json.loads(run(here, "store", "list", "--format", "json", "--limit", "1").stdout)
    assert said["total"] == 3
    assert [one["verdict"] for one in said["artifacts"]] == ["GREEN"]


@pytest.mark.parametrize("line", ["store list", "store list --format json", "explain", "policy list", "store --help"])
def test_a_reader_that_has_read_enough_ends_it_quietly(here: Bench, line: str) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "adapters.cli", *line.split()], stdout=write, stderr=subprocess.PIPE, text=True, check=False,
        timeout=120, stdin=subprocess.DEVNULL, env={**os.environ, **here.environment},
    )  # fmt: skip
    os.close(write)
    assert ended.stderr == ""
    assert ended.returncode == 1
