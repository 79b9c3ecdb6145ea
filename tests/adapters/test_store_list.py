"""``arcops store list`` says how much it shows, speaks JSON, and is quiet if its reader has read enough."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.cli.exits import GREEN, RED
from artifacts.private_key import create
from capabilities.keys.keys import RevokeKey, TrustKey, revoke_key, trust_key
from tests.adapters.typed import Done, typed
from tests.kept import checkpoint, finding, fresh, keep, report, result
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


def test_what_is_not_the_stores_and_what_is_backdated_show_and_the_check_is_red(here: Bench, tmp_path: Path) -> None:
    own = fresh(here, tmp_path)
    (own.settings.store / "objects" / "zz").mkdir()
    (own.settings.store / "notes\x1b.txt").write_text("mine")
    quiet = run(own, "store", "check")
    assert quiet.returncode == RED
    assert "UNEXPECTED objects/zz/: The store makes no such folder" in quiet.stdout
    assert "2 unexpected file(s) in the store" in quiet.stdout
    assert "they match the checkpoint" in quiet.stdout, "nothing else is wrong"
    assert "\x1b" not in quiet.stdout
    listed = run(own, "store", "list")
    assert "UNEXPECTED objects/zz/" in listed.stdout
    assert listed.stdout.splitlines()[-1] == "3 of 3"

    old = keep(own, report("m", result("g", finding("g/one")), at=datetime(2026, 1, 1, tzinfo=UTC)))
    checkpoint(own)
    listed = run(own, "store", "list")
    (line,) = [one for one in listed.stdout.splitlines() if "backdated" in one]
    assert old in line
    assert "judged at 2026-01-01 00:00:00 UTC" in line
    said = json.loads(run(own, "store", "check", "--format", "json").stdout)
    (problem,) = said["problems"]
    assert f"objects/{old[7:9]}/{old[9:]}" in problem
    assert "arcops keys revoke" in problem
    assert [one["path"] for one in said["unexpected"]] == ["notes\x1b.txt", "objects/zz/"]
    for path in (own.settings.store / "objects" / "zz", own.settings.store / "notes\x1b.txt"):
        path.rmdir() if path.is_dir() else path.unlink()
    alone = run(own, "store", "check")
    assert alone.returncode == RED
    assert "1 problem(s)" in alone.stdout


def test_a_backdated_artifact_whose_key_was_revoked_is_settled(here: Bench, tmp_path: Path) -> None:
    own = fresh(here, tmp_path)
    stolen = create()
    trust_key(TrustKey(public=stolen.public.pem.decode()), own.place())
    keep(own, report("m", result("g", finding("g/one")), at=datetime(2026, 1, 1, tzinfo=UTC)), signer=stolen)
    checkpoint(own)
    assert run(own, "store", "check").returncode == RED
    revoke_key(RevokeKey(key=stolen.public.id, reason="stolen"), own.place(now=datetime.now(UTC).replace(microsecond=0)))
    settled = run(own, "store", "check")
    assert (settled.returncode, "backdated" in settled.stdout) == (GREEN, False)


def test_a_damaged_index_stops_no_command_and_is_told_once(here: Bench, tmp_path: Path) -> None:
    own = fresh(here, tmp_path)
    for line in (["store", "list"], ["store", "check"], ["store", "review"]):
        (own.settings.store / "index.sqlite").write_bytes(b"garbage" * 999)
        done = subprocess.run(
            [sys.executable, "-m", "adapters.cli", *line], capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, **own.environment},
        )  # fmt: skip
        assert done.returncode == GREEN, done.stdout
        (said,) = done.stderr.splitlines()
        assert said.startswith("arcops: the store's index ")
        assert "made again from the log" in said
