"""The whole job without a network: in a namespace of its own, with nothing in it but a loopback that is down."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.models import bench, good_model

pytestmark = pytest.mark.requirement("ARC-2/air-gapped-opens-no-connection", "ARC-1/verified-offline")


def alone(*command: str) -> list[str]:
    """*command* in an empty network namespace; if the system does not allow one, the test is skipped and says so."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace can be made here (unshare -rn)")
    return [unshare, "-rn", *command]


def test_check_and_verify_need_no_network(tmp_path: Path) -> None:
    here = bench(tmp_path)
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
    home = tmp_path / "elsewhere"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **here.environment}
    artifact = tmp_path / "result.json"
    for arguments in (
        ("check", str(model), "--policy", str(here.policy), "--output", str(artifact)),
        ("verify", str(artifact), "--key", str(here.public)),
    ):
        command = alone(sys.executable, "-m", "adapters.cli", *arguments)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    assert not list(home.iterdir()), "nothing is written to a home that was not named"


@pytest.mark.requirement("ARC-C5/same-verdict-byte-for-byte")
def test_two_sites_come_to_the_same_result(tmp_path: Path) -> None:
    """Other folders, other keys, another number of threads: the same subject, evidence digests, findings and verdict."""
    first = bench(tmp_path / "one")
    model = good_model(first)
    elsewhere = tmp_path / "two" / "tiny"
    second = bench(tmp_path / "two")
    shutil.copytree(model, elsewhere)
    for key in (first.settings.trust / "keys").iterdir():
        for other in (second.settings.trust / "keys").iterdir():
            other.unlink()
        shutil.copy(key, second.settings.trust / "keys")
    reports = [first.check(model).report, second.check(elsewhere).report]
    assert reports[0] == reports[1]
