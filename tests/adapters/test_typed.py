"""A process of ``arcops`` prints and ends as `typed` says of a line in this process, which is what most tests ask instead."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.typed import typed
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-D2/the-exit-code-is-the-verdict")

GREEN, CANNOT, USAGE, RED, AMBER = 0, 1, 2, 3, 4
WAIVER = """
waivers:
  - rule: integrity/executables
    anyContent: true
    about: config.json
    owner: Ada
    reason: packed on another system
    expires: 2026-12-31T00:00:00Z
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("typed"))


@pytest.fixture(scope="module")
def named(here: Bench) -> dict[str, Path]:
    """What the lines below name in capitals."""
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
    folder = here.home.parent
    executable = folder / "executable" / model.name
    shutil.copytree(model, executable)
    (executable / "config.json").chmod(0o755)
    waived = folder / "waived.yaml"
    waived.write_text(here.policy.read_text() + WAIVER.replace("2026", str(datetime.now(UTC).year)))
    sealed = folder / "sealed.json"
    made = typed("check", model, "--policy", here.policy, "--output", sealed, environment=around(here))
    assert made.returncode == GREEN, made.stdout + made.stderr
    return {
        "MODEL": model, "EXECUTABLE": executable, "POLICY": here.policy, "WAIVED": waived, "SEALED": sealed,
        "PUBLIC": here.public, "OTHER": bench(folder / "other").public, "NOWHERE": folder / "nowhere",
    }  # fmt: skip


def around(here: Bench) -> dict[str, str]:
    return {**os.environ, **here.environment, "COLUMNS": "200"}


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (GREEN, "check MODEL --policy POLICY"),
        (AMBER, "check EXECUTABLE --policy WAIVED"),
        (RED, "check EXECUTABLE --policy POLICY"),
        (GREEN, "check MODEL --policy POLICY --format junit"),
        (USAGE, "check MODEL --policy nonesuch"),
        (USAGE, "check MODEL --output NOWHERE/NOWHERE/out.json"),
        (USAGE, "check"),
        (GREEN, "verify SEALED --key PUBLIC"),
        (RED, "verify SEALED --key OTHER"),
        (GREEN, "explain weights/imports"),
        (GREEN, "network reach --help"),
        (USAGE, "network"),
        (USAGE, "nonsense"),
    ],
)
def test_it_ends_with_the_code_and_prints_the_same(here: Bench, named: dict[str, Path], code: int, line: str) -> None:
    words = [re.sub("[A-Z]{2,}", lambda found: str(named[found[0]]), word) for word in line.split()]
    said = typed(*words, environment=around(here))
    ended = subprocess.run(
        [sys.executable, "-m", "adapters.cli", *words], capture_output=True, text=True, check=False, timeout=600,
        stdin=subprocess.DEVNULL, env=around(here),
    )  # fmt: skip
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert said.returncode == code, said.stdout + said.stderr
    assert (timeless(ended.stdout), timeless(ended.stderr)) == (timeless(said.stdout), timeless(said.stderr))


def test_a_process_reads_what_it_is_fed(here: Bench) -> None:
    line = ["admit", "-", "--policy", str(here.admission)]
    said = typed(*line, environment=around(here), fed="no: manifest\n")
    ended = subprocess.run(
        [sys.executable, "-m", "adapters.cli", *line], capture_output=True, text=True, check=False, timeout=600,
        input="no: manifest\n", env=around(here),
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (said.returncode, said.stdout, said.stderr)
    assert ended.returncode != GREEN


def timeless(said: str) -> str:
    """*said* without what is another each time: moments, and the digests of what holds one."""
    return re.sub(r"[0-9a-f]{64}|[0-9a-f]{2}/[0-9a-f]{62}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?", "…", said)
