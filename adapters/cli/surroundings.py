"""What the command line takes from its surroundings, once: environment, clock, secrets, signals."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from types import FrameType

from arcops.errors import Refused
from foundation.settings import Settings, read_settings


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def settings(tier: str = "") -> Settings:
    environment = dict(os.environ)
    if tier:
        environment["ARCOPS_TIER"] = tier
    return read_settings(environment)


def passphrase(what: str) -> str:
    """The secret for *what*: from ``ARCOPS_PASSPHRASE``, else asked of the person at the terminal."""
    given = os.environ.get("ARCOPS_PASSPHRASE")
    if given:
        return given
    if not sys.stdin.isatty():
        raise Refused(f"the {what} is needed: set ARCOPS_PASSPHRASE, or run at a terminal to be asked")
    return getpass.getpass(f"{what}: ")


def new_passphrase(what: str) -> str:
    """As `passphrase`, asked twice."""
    first = passphrase(what)
    if not os.environ.get("ARCOPS_PASSPHRASE") and getpass.getpass(f"{what}, again: ") != first:
        raise Refused("the two passphrases differ; nothing was written")
    return first


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set, so that a cancelled run still ends in an artifact. The second one kills."""
    stop = threading.Event()

    def told(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop
