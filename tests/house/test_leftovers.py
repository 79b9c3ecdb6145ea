"""However a run of the tests ends, no process is left of it: not one in a session of its own, nor one that lost its parent."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import until

HOUSE = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(sys.platform != "linux", reason="the warden uses calls that only Linux has (prctl, /proc)"),
]

CONFTEST = """
import os
from pathlib import Path

pytest_plugins = ["tests.leftovers"]


def pytest_configure(config):
    name = "worker" if hasattr(config, "workerinput") else "controller"
    Path(__file__).with_name(name).write_text(f"{os.getpid()} {os.getppid()}")
"""

CHILD = """
import os, signal, sys, time
for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(one, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if not os.fork():
        open(os.path.join(sys.argv[1], "up"), "w").close()
        time.sleep(float(sys.argv[2]))
        os._exit(0)
    os._exit(0)
time.sleep(float(sys.argv[2]))
"""

SAMPLE = f"""
import subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = float((HERE / "seconds").read_text())


def test_it():
    command = [sys.executable, "-c", {CHILD!r}, str(HERE), str(SECONDS)]
    subprocess.Popen(command, env={{}}, start_new_session=True)
    while not (HERE / "up").exists():
        time.sleep(0.02)
    if (HERE / "begun").exists():
        return  # the worker before this one was killed
    (HERE / "begun").touch()
    time.sleep((HERE / "waits").exists() * 600)
"""


@dataclass
class Run:
    """A run of pytest with one worker, whose one test started a child that left its session, and that one's orphan."""

    folder: Path
    process: subprocess.Popen[bytes]
    terminal: int

    def number(self, name: str, which: int = 0) -> int:
        return int((self.folder / name).read_text().split()[which])

    def alive(self) -> dict[int, bytes]:
        """Every process of it with its command line, found by the folder in that or in its environment."""
        words = str(self.folder).encode()
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if words in command + (entry / "environ").read_bytes():
                    found[int(entry.name)] = command
        return found


@contextmanager
def run(folder: Path, *, waits: bool, seconds: float = 600) -> Iterator[Run]:
    """It is up when the orphan is. Its terminal is one of its own."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_sample.py").write_text(SAMPLE)
    (folder / "seconds").write_text(str(seconds))
    if waits:
        (folder / "waits").touch()
    environment = {
        **os.environ, "PYTHONPATH": str(HOUSE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "ITS_FOLDER": str(folder),
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "no:cacheprovider", "-n1", f"--rootdir={folder}", "."]
    with ExitStack() as stack:
        master, slave = pty.openpty()
        stack.callback(os.close, master)
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=slave, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=_at_its_terminal,
        )  # fmt: skip
        os.close(slave)
        stack.callback(process.wait, 600)
        stack.callback(process.kill)
        until(lambda: (folder / "up").exists(), "the sample is up", log=(folder / "log").read_text)
        yield Run(folder=folder, process=process, terminal=master)


def _at_its_terminal() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background job, which hears no Ctrl-C
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def to(name: str, sent: signal.Signals, which: int = 0) -> Callable[[Run], None]:
    return lambda run: os.kill(run.number(name, which), sent)


def to_the_run(*sent: signal.Signals) -> Callable[[Run], None]:
    def send(run: Run) -> None:
        for one in sent:
            run.process.send_signal(one)

    return send


def to_all_by_name(run: Run) -> None:
    """As ``pkill -KILL -f "pytest -q"``, and only of this run."""
    for one, command in run.alive().items():
        if b"pytest\0-q" in command:
            os.kill(one, signal.SIGKILL)


def typed(keys: bytes) -> Callable[[Run], None]:
    def type_them(run: Run) -> None:
        for key in keys:
            os.write(run.terminal, bytes([key]))

    return type_them


WAYS = {
    "Ctrl-C": typed(b"\x03"),
    "Ctrl-C twice": typed(b"\x03\x03"),
    "SIGINT": to_the_run(signal.SIGINT),
    "SIGTERM": to_the_run(signal.SIGTERM),
    "SIGKILL": to_the_run(signal.SIGKILL),
    "SIGKILL by name": to_all_by_name,
    "SIGKILL of the warden below": to("controller", signal.SIGKILL, 1),
    "SIGKILL of the controller": to("controller", signal.SIGKILL),
    "SIGKILL of a worker": to("worker", signal.SIGKILL),
    "SIGKILL of a worker's warden": to("worker", signal.SIGKILL, 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_of_an_interrupted_run(tmp_path: Path, way: str) -> None:
    with run(tmp_path, waits=True) as begun:
        assert len(begun.alive()) == 7, "three wardens, the run, its worker, the child and the orphan"
        WAYS[way](begun)
        until(lambda: not begun.alive(), "all have ended", log=lambda: str(begun.alive()))
        assert begun.process.wait(600) != 0
        named = way == "SIGKILL of a worker's warden"  # then the run itself ends by itself
        assert ("left by the tests" in (tmp_path / "log").read_text()) is named


def test_a_process_that_a_run_leaves_is_named_and_fails_it(tmp_path: Path) -> None:
    with run(tmp_path, waits=False) as begun:
        assert begun.process.wait(600) == 1
        assert begun.alive() == {}
        said = (tmp_path / "log").read_text()
        assert "1 passed" in said
        assert said.count("left by the tests, and ended now: ") == 2, "the child and the orphan"


def test_what_ends_by_itself_soon_is_no_matter(tmp_path: Path) -> None:
    with run(tmp_path, waits=False, seconds=2) as begun:
        assert begun.process.wait(600) == 0
        assert begun.alive() == {}
        assert "left by the tests" not in (tmp_path / "log").read_text()


def test_nothing_is_left_of_a_bench_that_is_ended(tmp_path: Path) -> None:
    """It starts servers and workers, in sessions of their own. Here it is ended while it works, whatever it has started."""
    told = {**os.environ, "ITS_FOLDER": str(tmp_path), "TMPDIR": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benches.engine"], cwd=HOUSE, env=told, stdout=log, stderr=log, start_new_session=True
        )
    begun = Run(folder=tmp_path, process=process, terminal=-1)
    try:
        until(lambda: len(begun.alive()) >= 3, "two wardens and the bench", log=(tmp_path / "log").read_text)
        until(lambda: list(tmp_path.glob("arcops-bench-*")), "it works", log=(tmp_path / "log").read_text)
    finally:
        process.send_signal(signal.SIGTERM)
    until(lambda: not begun.alive(), "all have ended", log=lambda: str(begun.alive()))
    assert process.wait(600) != 0
