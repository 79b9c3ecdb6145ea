"""A command of ours in a child of its own: its arguments are a list, no shell reads them, and a signal ends it with us."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping

from arcops.errors import Unavailable
from foundation.processes.environments import of_installer, of_sealer
from foundation.processes.starting import PIPE, Child, TimeoutExpired, empty_folder, python, start
from services.host.runbooks.checking import Ran

MOST_SECONDS = 30 * 60
_LOOK_SECONDS = 0.5
Runs = Callable[[tuple[str, ...]], Ran]
"""Runs a command of ours."""


def runs(environment: Mapping[str, str], more: Mapping[str, str], stop: threading.Event | None = None) -> Runs:
    """What runs a command with *environment* and *more*, until *stop* is set. It raises `Unavailable` if it cannot be started,
    was stopped, or takes too long. Its temporary files are in a folder that goes with it.
    """
    ends = stop or threading.Event()
    told = {**of_sealer(environment), **of_installer(environment), **more}

    def run(command: tuple[str, ...]) -> Ran:
        with empty_folder() as folder:
            try:
                child = start(
                    python("adapters.cli", *command, ends_with_us=signal.SIGTERM),
                    environment={**told, "TMPDIR": folder},
                    folder=folder,
                    stdout=PIPE,
                    stderr=PIPE,
                )
            except OSError as error:
                raise Unavailable(f"the command cannot be started: {error.strerror}") from error
            with child:
                try:
                    out, err = _written(child, ends)
                finally:
                    if child.poll() is None:
                        child.kill()
        return Ran(command=command, exit=child.returncode, stdout=_text(out), stderr=_text(err))

    return run


def _written(child: Child, stop: threading.Event) -> tuple[bytes, bytes]:
    """What *child* writes until it ends, or *stop* is set."""
    until = time.monotonic() + MOST_SECONDS
    while True:
        try:
            return child.communicate(timeout=_LOOK_SECONDS)
        except TimeoutExpired as error:
            if stop.is_set():
                raise Unavailable("the command was ended with the process that began it") from error
            if time.monotonic() > until:
                raise Unavailable(f"the command takes more than {MOST_SECONDS // 60} minutes, and was ended") from error


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
