"""Questions to the person at the terminal, and opening a key: both end at the first signal.

A run that is under way is stopped by the first signal and sealed (`adapters.cli.surroundings.stop_on_signals`). While a key is
opened nothing is under way yet, so there is nothing to seal, and a person who presses Ctrl-C means: end.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from arcops.errors import Refused

_BY = {signal.SIGINT: "the keyboard", signal.SIGTERM: "the signal SIGTERM"}


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM raise `KeyboardInterrupt`, which names what ended it, whatever they did before.

    Python calls handlers in the main thread alone, so in another thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {}
    try:
        for number in _BY:
            before[number] = signal.signal(number, _end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(_BY[signal.Signals(number)])


def ask(what: str) -> str:
    """What the person at the terminal types for *what*; it is not shown. Raises `Refused` if the terminal ends instead."""
    import getpass  # only if someone is asked

    sys.stdout.flush()
    sys.stderr.flush()
    with ending_at_once():
        try:
            return getpass.getpass(f"{what}: ")
        except EOFError as error:
            print(file=sys.stderr)
            raise Refused(f"the {what} was not given; type it, or set ARCOPS_PASSPHRASE or ARCOPS_PASSPHRASE_FILE") from error
        except KeyboardInterrupt:
            print(file=sys.stderr)  # what is said next must not stand behind the question
            raise


def asker(stop: threading.Event | None = None) -> Callable[[str], str] | None:
    """`ask`, if a person is there to answer. If a signal has set *stop* already, it ends instead of asking."""

    def unless_stopped(what: str) -> str:
        if stop is not None and stop.is_set():
            raise KeyboardInterrupt("a signal")
        return ask(what)

    return unless_stopped if sys.stdin.isatty() else None


class Remembered:
    """Answers for a door that stays open. It asks before the door opens; later no one sits there, and it never waits."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}
        self._open = False

    def opened(self) -> None:
        """The door is open: from now on nothing is asked."""
        self._open = True

    def __call__(self, what: str) -> str:
        if what not in self._answers:
            if self._open:
                raise Refused(f"the {what} is needed: set ARCOPS_PASSPHRASE or ARCOPS_PASSPHRASE_FILE before this starts")
            self._answers[what] = ask(what)
        return self._answers[what]
