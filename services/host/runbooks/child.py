"""A command of ours in a child of its own: its arguments are a list, no shell reads them, and a signal ends it with us."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping

from arcops.errors import Unavailable
from foundation.processes.environments import of_sealer
from foundation.processes.starting import PIPE, TimeoutExpired, empty_folder, python, start
from services.host.runbooks.checking import Ran

MOST_SECONDS = 30 * 60
Runs = Callable[[tuple[str, ...]], Ran]
"""Runs a command of ours."""


def runs(environment: Mapping[str, str], more: Mapping[str, str]) -> Runs:
    """What runs a command with *environment* and *more*. It raises `Unavailable` if it cannot be started, or takes too long."""
    told = {**of_sealer(environment), **more}

    def run(command: tuple[str, ...]) -> Ran:
        with empty_folder() as folder:
            try:
                child = start(
                    python("adapters.cli", *command, ends_with_us=signal.SIGTERM),
                    environment=told,
                    folder=folder,
                    stdout=PIPE,
                    stderr=PIPE,
                )
            except OSError as error:
                raise Unavailable(f"the command cannot be started: {error.strerror}") from error
            with child:
                try:
                    out, err = child.communicate(timeout=MOST_SECONDS)
                except TimeoutExpired as error:
                    raise Unavailable(f"the command takes more than {MOST_SECONDS // 60} minutes, and was ended") from error
                finally:
                    if child.poll() is None:
                        child.kill()
        return Ran(command=command, exit=child.returncode, stdout=_text(out), stderr=_text(err))

    return run


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
