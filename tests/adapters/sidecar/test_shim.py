"""The shim: a process for each connection, bytes unchanged, half-closes, signals, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.adapters.sidecar.world import shim, shimmed, until

pytestmark = pytest.mark.requirement("OPER-3/standard-streams-are-bridged")
PYTHON = [sys.executable, "-I", "-S", "-c"]


def joined(at: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(30)
    made.connect(str(at))
    return made


def rest(of: socket.socket) -> bytes:
    found = b""
    while part := of.recv(1 << 16):
        found += part
    return found


def answers(at: Path) -> bool:
    with joined(at) as one:
        try:
            one.sendall(b"b")
            return one.recv(1) == b"b"
        except OSError:
            return False


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_bytes_go_both_ways_unchanged(tmp_path: Path) -> None:
    at, data = tmp_path / "s", os.urandom(3_000_000)
    with shimmed(at, ["cat"]), joined(at) as one:
        sending = threading.Thread(target=lambda: (one.sendall(data), one.shutdown(socket.SHUT_WR)))
        sending.start()
        assert rest(one) == data
        sending.join()


def test_an_end_of_input_lets_it_say_the_rest(tmp_path: Path) -> None:
    at = tmp_path / "s"
    code = "import sys; all = sys.stdin.buffer.read(); sys.stdout.buffer.write(b'%d read' % len(all))"
    with shimmed(at, [*PYTHON, code]), joined(at) as one:
        one.sendall(b"x" * 100_000)
        one.shutdown(socket.SHUT_WR)
        assert rest(one) == b"100000 read"


def test_each_connection_has_a_process_of_its_own(tmp_path: Path) -> None:
    at = tmp_path / "s"
    with shimmed(at, [*PYTHON, "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"]):
        with joined(at) as one, joined(at) as two:
            first, second = int(one.recv(100)), int(two.recv(100))
            assert first != second
            one.close()
            until(lambda: gone(first))
            assert not gone(second)
        until(lambda: gone(second))


def test_no_more_than_the_most(tmp_path: Path) -> None:
    at = tmp_path / "s"
    with shimmed(at, ["cat"], "--most", "2", stderr=subprocess.DEVNULL):
        with joined(at) as one, joined(at) as two:
            for each in (one, two):
                each.sendall(b"a")
                assert each.recv(1) == b"a"
            with joined(at) as three:
                assert rest(three) == b""
        until(lambda: answers(at))  # as soon as theirs have ended


def test_one_that_does_not_end_is_ended_with_all_that_it_began(tmp_path: Path) -> None:
    at = tmp_path / "s"
    code = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen(['sleep', '300']); print(os.getpid(), child.pid, flush=True); time.sleep(300)"
    )
    with shimmed(at, [sys.executable, "-c", code], "--grace", "0.1"), joined(at) as one:
        pids = [int(each) for each in one.recv(100).split()]
        one.close()
        until(lambda: all(gone(pid) for pid in pids))


def test_what_it_leaves_behind_ends_and_holds_no_connection_open(tmp_path: Path) -> None:
    at = tmp_path / "s"
    code = "import subprocess; child = subprocess.Popen(['sleep', '300']); print(child.pid, flush=True)"
    with shimmed(at, [sys.executable, "-c", code]), joined(at) as one:
        pid = int(rest(one))
        until(lambda: gone(pid))


@pytest.mark.parametrize(
    ("code", "status"), [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137), ("pass", 0)]
)
def test_its_exit_code_is_passed_on(tmp_path: Path, code: str, status: int) -> None:
    at = tmp_path / "s"
    with shimmed(at, [*PYTHON, code], "--once", stderr=subprocess.PIPE) as process, joined(at) as one:
        assert rest(one) == b""
        assert process.wait(30) == status
        said = process.stderr.read().decode() if process.stderr is not None else ""
        assert ("ended by itself" in said) is bool(status)


@pytest.mark.parametrize(("command", "status"), [("/no/such/command", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_be_run_ends_it(tmp_path: Path, command: str, status: int) -> None:
    at = tmp_path / "s"
    with shimmed(at, [command], stderr=subprocess.PIPE) as process, joined(at) as one:
        rest(one)
        assert process.wait(30) == status
        assert process.stderr is not None
        assert command in process.stderr.read().decode()


def test_there_is_no_shell(tmp_path: Path) -> None:
    at = tmp_path / "s"
    with shimmed(at, ["echo", "$HOME; id", "`id`"]), joined(at) as one:
        assert rest(one) == b"$HOME; id `id`\n"


def test_told_to_end_it_serves_until_no_one_is_connected(tmp_path: Path) -> None:
    at = tmp_path / "s"
    with shimmed(at, ["cat"], "--linger", "0") as process, joined(at) as one:
        one.sendall(b"before ")
        assert one.recv(7) == b"before "
        process.send_signal(signal.SIGTERM)
        one.sendall(b"after")
        assert one.recv(5) == b"after"
        with joined(at) as late:  # who connects may be ending calls of its own
            late.sendall(b"late")
            assert late.recv(4) == b"late"
        assert process.poll() is None
        one.close()
        assert process.wait(30) == 0
    assert not at.exists()


def test_told_to_end_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    at = tmp_path / "s"
    with shimmed(at, ["cat"], "--linger", "0", "--drain", "0.2") as process, joined(at) as one:
        one.sendall(b"x")
        assert one.recv(1) == b"x"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert rest(one) == b""
        assert process.wait(30) == 0
        assert time.monotonic() - began >= 0.2


def test_other_signals_are_passed_on(tmp_path: Path) -> None:
    at = tmp_path / "s"
    code = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, lambda *_: os.write(1, b'hup\\n'));"
        "os.write(1, b'there\\n'); sys.stdin.read()"
    )
    with shimmed(at, [*PYTHON, code]) as process, joined(at) as one:
        assert one.recv(100) == b"there\n"
        process.send_signal(signal.SIGHUP)
        assert one.recv(100) == b"hup\n"


def test_it_installs_itself(tmp_path: Path) -> None:
    there = tmp_path / "shim"
    subprocess.run([str(shim()), "--install", str(there)], check=True)
    assert there.read_bytes() == shim().read_bytes()
    assert there.stat().st_mode & 0o777 == 0o755
    assert subprocess.run([str(there)], capture_output=True, check=False).returncode == 64
    refused = subprocess.run([str(shim()), "--install", str(tmp_path / "no" / "shim")], capture_output=True, check=False)
    assert refused.returncode == 1
    assert b"No such file" in refused.stderr


@pytest.mark.parametrize("given", [["--most", "0"], ["--most", "x"], ["--grace"], ["--wrong"], ["--most", "65"]])
def test_what_it_does_not_know_is_refused(tmp_path: Path, given: list[str]) -> None:
    command = [str(shim()), "--socket", str(tmp_path / "s"), *given, "--", "cat"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 64


def test_it_needs_no_library(tmp_path: Path) -> None:
    head = shim().read_bytes()[:4096]
    assert b"/lib64/ld-linux" not in head, "it is not static"


def test_silence_costs_nothing(tmp_path: Path) -> None:
    """A half-closed connection must not be polled again and again."""
    at = tmp_path / "s"
    code = "import os, sys, time; os.close(0); print('there', flush=True); time.sleep(300)"
    with shimmed(at, [*PYTHON, code], "--grace", "300") as process, joined(at) as one:
        assert one.recv(100) == b"there\n"
        one.shutdown(socket.SHUT_WR)
        before = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        time.sleep(0.3)
        after = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        assert after - before <= 2
