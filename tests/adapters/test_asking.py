"""The passphrase question at a real terminal: it is seen, comes before any work, and the first signal ends it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.cli.asking import Remembered, asker
from arcops.errors import Refused
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-D2/the-exit-code-is-the-verdict", "ARC-1/errors-are-clear")

GREEN, CANNOT, USAGE, RED = 0, 1, 2, 3
_SECONDS = 600.0


class Terminal:
    """``arcops`` at a pseudo-terminal of its own."""

    def __init__(self, here: Bench, *arguments: str | Path) -> None:
        self.master, slave = pty.openpty()
        environment = {**os.environ, **here.environment, "TERM": "xterm", "COLUMNS": "80"}
        environment.pop("ARCOPS_PASSPHRASE", None)
        environment.pop("ARCOPS_PASSPHRASE_FILE", None)
        command = ["import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", *command, sys.executable, "-m", "adapters.cli", *map(str, arguments)],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        )  # fmt: skip
        self.slave = slave  # open here too, so that its settings can be read after the end
        self.shown = ""

    def until(self, text: str, *, most: float = _SECONDS) -> str:
        """What was shown, as soon as it ends with *text* and nothing hides it."""
        self._read(lambda: text in self.shown, most)
        assert text in self.shown, self.shown
        return self.shown

    def ended(self) -> int:
        self._read(lambda: self.process.poll() is not None, _SECONDS)
        code = self.process.wait(timeout=60)
        self._read(lambda: False, 0.05)
        return code

    def _read(self, enough: Callable[[], bool], most: float) -> None:
        end = time.monotonic() + most
        while not enough() and time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.shown += os.read(self.master, 4096).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="module")
def model(here: Bench) -> Path:
    return good_model(here, now=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def lines(here: Bench, model: Path, tmp_path: Path) -> dict[str, list[str | Path]]:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    manifest = tmp_path / "pod.yaml"
    manifest.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: b}]}\n", encoding="utf-8"
    )
    return {
        "check": ["check", model, "--policy", here.policy],
        "check --vsa": ["check", model, "--policy", here.policy, "--vsa", tmp_path / "vsa.json"],
        "sign": ["sign", copy],
        "revoke": ["keys", "revoke"],
        "admit": ["admit", manifest],
        "network": ["network", "check", manifest],
        "gpu": ["gpu", "check"],
        "new key": ["keys", "new", tmp_path / "new.key"],
        "mcp": ["mcp"],
    }


OPENING = ["check", "check --vsa", "sign", "revoke", "admit", "network", "gpu", "new key", "mcp"]


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for one in made:
        one.close()


@pytest.mark.parametrize("name", OPENING)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_question_is_the_last_line_and_the_first_signal_ends(
    here: Bench, lines: dict[str, list[str | Path]], terminals: list[Terminal], name: str, number: signal.Signals
) -> None:
    terminal = Terminal(here, *lines[name])
    terminals.append(terminal)
    shown = terminal.until("key: ")
    assert shown.splitlines()[-1].startswith("passphrase")
    assert "\x1b" not in shown
    if number is signal.SIGINT:
        terminal.type("\x03")
    else:
        terminal.process.send_signal(number)
    assert terminal.ended() == CANNOT
    assert "arcops: stopped by" in terminal.shown.splitlines()[-1]
    assert terminal.shown.splitlines()[-1].startswith("arcops: ")
    assert terminal.echoes()
    assert not list(here.home.glob("store/objects/*/*"))


def test_one_question_is_enough_and_the_check_goes_on(
    here: Bench, lines: dict[str, list[str | Path]], terminals: list[Terminal], tmp_path: Path
) -> None:
    terminal = Terminal(here, *lines["check --vsa"], "--output", tmp_path / "sealed.json")
    terminals.append(terminal)
    terminal.until("key: ")
    terminal.type(f"{here.environment['ARCOPS_PASSPHRASE']}\n")
    assert terminal.ended() in (GREEN, RED), terminal.shown
    assert terminal.shown.count("passphrase of") == 1
    assert (tmp_path / "sealed.json").is_file()
    shutil.rmtree(here.home / "store")


@pytest.mark.parametrize("typed_in", ["\x04", "wrong\n"])
def test_no_answer_and_a_wrong_one_are_told_in_one_sentence(
    here: Bench, lines: dict[str, list[str | Path]], terminals: list[Terminal], typed_in: str
) -> None:
    terminal = Terminal(here, *lines["check"])
    terminals.append(terminal)
    terminal.until("key: ")
    terminal.type(typed_in)
    assert terminal.ended() == USAGE
    assert terminal.shown.splitlines()[-1].startswith("arcops: the ")
    assert "bug" not in terminal.shown


@pytest.mark.parametrize(
    "line",
    [["check", "nowhere"], ["check", "MODEL", "--policy", "nonesuch"], ["sign", "nowhere"], ["network", "check", "nowhere"]],
)
def test_what_is_not_there_is_told_before_the_question(
    here: Bench, model: Path, terminals: list[Terminal], line: list[str]
) -> None:
    terminal = Terminal(here, *(model if one == "MODEL" else one for one in line))
    terminals.append(terminal)
    assert terminal.ended() == USAGE
    assert "passphrase" not in terminal.shown


def test_a_signal_before_the_question_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    monkeypatch.setattr("adapters.cli.asking.ask", lambda what: what)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    person = asker(stop)
    assert person is not None
    assert person("a pin") == "a pin"
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        person("a pin")


def test_a_door_that_is_open_asks_no_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.cli.asking.ask", lambda what: f"{what}!")
    remembered = Remembered()
    assert remembered("a pin") == "a pin!"
    remembered.opened()
    assert remembered("a pin") == "a pin!"
    with pytest.raises(Refused, match="the other is needed: set ARCOPS_PASSPHRASE"):
        remembered("other")
