"""Work that is handed to a warm process looks to the one that started it as if it ran itself: streams, end, signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foundation.processes.handed import CODE, TAKEN
from foundation.processes.starting import python
from foundation.processes.warm import received
from tests.waiting import until

pytestmark = pytest.mark.requirement("ARC-D1/deployments-run-on-a-site", "ARC-4/no-failed-collector-is-green")

WORK = "tests.foundation.warm_work"
ENVIRONMENT = {"PATH": os.defpath, "ARCOPS_SAMPLE": "1"}


@dataclass(frozen=True, kw_only=True)
class Warm:
    at: Path
    process: subprocess.Popen[bytes]
    log: Path


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """At a path that is longer than a socket's path may be."""
    folder = tmp_path_factory.mktemp("warm") / ("far" * 50)
    folder.mkdir()
    log, at = folder / "log", folder / "socket"
    with log.open("wb") as out, subprocess.Popen(
        python("foundation.processes.warm", str(at), WORK, WORK), env=ENVIRONMENT, stdout=out, stderr=out, cwd="/"
    ) as process:  # fmt: skip
        until(lambda: "ready" in log.read_text(), "it is warm", log=log.read_text)
        yield Warm(at=at, process=process, log=log)
        process.terminate()


def begin(at: Path, told: str, folder: Path, **more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        python("foundation.processes.handed", str(at), WORK),
        env={**ENVIRONMENT, "WORK": told, **more}, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def listening_at(at: Path) -> socket.socket:
    """In the place of a warm process."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(at))
    listening.listen()
    return listening


def said(begun: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What it says at its beginning."""
    assert begun.stdout is not None
    found: dict[str, Any] = json.loads(begun.stdout.readline())
    return found


def ended(begun: subprocess.Popen[bytes]) -> tuple[dict[str, Any], bytes]:
    """What it has said when it ends, and its errors."""
    out, errors = begun.communicate()
    return json.loads(out), errors


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("code", [0, 3])
def test_its_streams_folder_environment_and_exit_code_are_those_of_who_handed_it_over(
    warm: Warm, tmp_path: Path, code: int
) -> None:
    with begin(warm.at, str(code), tmp_path) as begun:
        found, errors = ended(begun)
    assert found == {"parent": warm.process.pid, "self": found["self"], "folder": str(tmp_path), "told": str(code)}
    assert (begun.returncode, errors) == (code, b"said at the end\n")


def test_work_ends_after_its_threads_and_after_what_asked_to_be_called_at_the_end(warm: Warm, tmp_path: Path) -> None:
    with begin(warm.at, "late", tmp_path) as begun:
        _, errors = ended(begun)
    assert begun.returncode == 0
    assert errors.splitlines()[1:] == [b"a thread that goes on", b"asked to be called at the end"]


@pytest.mark.parametrize(("told", "said_last"), [("word", b"a word"), ("error", b"ValueError: an error")])
def test_work_that_ends_with_a_word_or_an_error_says_so_and_ends_as_a_failure(
    warm: Warm, tmp_path: Path, told: str, said_last: bytes
) -> None:
    with begin(warm.at, told, tmp_path) as begun:
        _, errors = ended(begun)
    assert (begun.returncode, errors.splitlines()[-1]) == (1, said_last)


def test_another_environment_is_not_taken_and_the_work_is_done_all_the_same(warm: Warm, tmp_path: Path) -> None:
    with begin(warm.at, "5", tmp_path, ARCOPS_SAMPLE="other", PYTHONPATH="/elsewhere") as begun:
        found, _ = ended(begun)
    assert (found["self"], begun.returncode) == (begun.pid, 5)
    told = warm.log.read_text()
    assert "ARCOPS_SAMPLE, PYTHONPATH" in told
    assert "/elsewhere" not in told, "values may be secret"


def test_without_a_warm_process_the_work_is_done_all_the_same(tmp_path: Path) -> None:
    with begin(tmp_path / "none" / "socket", "6", tmp_path) as begun:
        assert ended(begun)[0]["self"] == begun.pid
    assert begun.returncode == 6


def test_a_signal_is_passed_on(warm: Warm, tmp_path: Path) -> None:
    with begin(warm.at, "wait", tmp_path) as begun:
        assert said(begun)["parent"] == warm.process.pid
        begun.send_signal(signal.SIGTERM)
        begun.communicate()  # its streams stay open until it ends: work that cannot write errs before it hears the signal
    assert begun.returncode == 7, "as the work answered it"


def test_a_signal_that_comes_while_the_work_is_handed_over_reaches_the_work(tmp_path: Path) -> None:
    at = tmp_path / "socket"
    with listening_at(at) as listening, begin(at, "0", tmp_path) as begun:
        taken, _ = listening.accept()
        with taken:
            received(taken).close()
            begun.send_signal(signal.SIGTERM)
            taken.sendall(TAKEN)
            taken.settimeout(60)
            assert taken.recv(1) == bytes([signal.SIGTERM])
            taken.sendall(CODE.pack(7))
    assert begun.returncode == 7


def test_a_signal_that_comes_before_the_work_is_refused_ends_it(tmp_path: Path) -> None:
    at = tmp_path / "socket"
    with listening_at(at) as listening, begin(at, "wait", tmp_path) as begun:
        refused, _ = listening.accept()
        with refused:
            received(refused).close()
            begun.send_signal(signal.SIGTERM)
            refused.sendall(b"n")
    assert begun.returncode == -signal.SIGTERM


def test_work_that_is_killed_shows_as_killed(warm: Warm, tmp_path: Path) -> None:
    with begin(warm.at, "die", tmp_path) as begun:
        ended(begun)
    assert begun.returncode == -signal.SIGKILL


def test_work_ends_with_the_one_that_handed_it_over(warm: Warm, tmp_path: Path) -> None:
    with begin(warm.at, "wait", tmp_path) as begun:
        found = said(begun)
        begun.kill()
        until(lambda: gone(found["self"]), "the work is ended, too")


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\0\0\2{}", b"\xff\xff\xff\xff", b"\0\0\0\5[[[[["])
def test_what_is_no_work_does_no_harm(warm: Warm, tmp_path: Path, sent: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as asked:
        folder = os.open(warm.at.parent, os.O_RDONLY)
        asked.connect(f"/proc/self/fd/{folder}/{warm.at.name}")
        os.close(folder)
        asked.sendall(sent)
    with begin(warm.at, "0", tmp_path) as begun:
        assert ended(begun)[0]["parent"] == warm.process.pid


def test_only_this_user_reaches_it(warm: Warm) -> None:
    assert warm.at.stat().st_mode & 0o077 == 0


def test_work_does_not_outlive_the_warm_process(tmp_path: Path) -> None:
    at, log = tmp_path / "socket", tmp_path / "log"
    command = python("foundation.processes.warm", str(at), WORK, WORK)
    with log.open("wb") as out, subprocess.Popen(command, env=ENVIRONMENT, cwd="/", stdout=out) as process:
        until(lambda: "ready" in log.read_text(), "it is warm")  # its socket is there before it listens
        with begin(at, "wait", tmp_path) as begun:
            found = said(begun)
            process.kill()
        assert begun.returncode == 1, "an end without an answer is not a good end"
        until(lambda: gone(found["self"]), "the work is ended, too")
